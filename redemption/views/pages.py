"""What the customer's pages print, made from what the services know."""

import dataclasses
from datetime import date, datetime
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.money import display_amount
from giftcards.faces import group_code, list_steps, tone_of
from redemption.models import Redemption
from redemption.selectors.codes import CodeFacts
from redemption.selectors.rewards import ContactNews, MessageNews, RewardFacts
from redemption.services.showing import ShownCard
from redemption.views.barcodes import draw_scannable
from redemption.views.notices import (
    FINAL,
    opt_in_title,
    opt_in_words,
    outcome_of,
    stopped_words,
)
from sms.phones import mask_email, mask_phone

_ICONS: Final = {
    ErrorCode.UNKNOWN_CODE: "search",
    ErrorCode.ALREADY_REDEEMED: "card",
    ErrorCode.OUT_OF_STOCK: "clock",
    ErrorCode.RATE_LIMITED: "clock",
    ErrorCode.BLOCKED: "lock",
    ErrorCode.AWAITING_APPROVAL: "check",
    ErrorCode.DELIVERY_NOT_STARTED: "phone",
    ErrorCode.CODE_EXPIRED: "calendar",
    ErrorCode.CAMPAIGN_NOT_ACTIVE: "calendar",
}
# Trying again with the same code makes no sense: it is over, turned down, or somebody else's.
_FINAL: Final = frozenset(
    {
        ErrorCode.ALREADY_REDEEMED,
        ErrorCode.CODE_EXPIRED,
        ErrorCode.STATE_FORBIDS,
        ErrorCode.UNKNOWN_CODE,
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CardPage:
    """The card on screen."""

    brand: str
    value: str
    tone: int
    code: str = dataclasses.field(repr=False)
    code_groups: tuple[str, ...] = dataclasses.field(repr=False)
    pin: str = dataclasses.field(repr=False)
    number: str = dataclasses.field(repr=False)
    expires_on: date | None
    use_url: str
    how_to: tuple[str, ...]
    terms_url: str
    disclosure: str
    scan_kind: str
    scan_svg: SafeString | str = dataclasses.field(repr=False)
    is_test: bool
    from_name: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessagePart:
    """What became of the text or e-mail."""

    channel: str
    to_masked: str
    outcome: str
    is_final: bool
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPage:
    """A reward that is theirs but not here yet.

    :param title: the headline where the state alone does not say it.
    :param can_text: nothing speaks against telling them by text.
    """

    state: str
    title: str
    text: str
    stopped: str
    can_text: bool
    to_masked: str
    brand: str
    value: str
    promised_by: datetime | None
    is_test: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RewardChoice:
    """One of the cards to choose from."""

    number: int
    name: str
    brand: str
    value: str
    tone: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPage:
    """A refusal in the customer's words."""

    title: str
    sentences: tuple[str, ...]
    icon: str
    reference: str
    can_retry: bool


def card_page(shown: ShownCard) -> CardPage:
    """Lay out an opened card."""
    reward = shown.reward
    scan = draw_scannable(shown.code, kind=reward.scannable)
    return CardPage(
        brand=reward.brand,
        value=display_amount(reward.value_minor, reward.currency),
        tone=tone_of(reward.brand),
        code=shown.code,
        code_groups=group_code(shown.code),
        pin=shown.pin,
        number=shown.number,
        expires_on=shown.expires_on,
        use_url=shown.url or reward.redemption_url,
        how_to=list_steps(reward.instructions),
        terms_url=reward.terms_url,
        disclosure=reward.disclosure,
        scan_kind=scan.kind,
        scan_svg=scan.svg,
        is_test=reward.is_test,
        from_name=reward.client,
    )


def message_part(news: MessageNews | None, *, url: str) -> MessagePart | None:
    """Lay out what became of a message."""
    if news is None:
        return None
    outcome = outcome_of(news.state)
    return MessagePart(
        channel=news.channel,
        to_masked=mask_contact(news.channel, news.to),
        outcome=outcome,
        is_final=outcome in FINAL,
        url=url,
    )


def waiting_page(reward: RewardFacts, contact: ContactNews) -> WaitingPage:
    """Lay out a reward that waits, with the catalogue's words for why.

    Where it waits for an answer to a text, what became of that text is what there is to say.
    """
    phone = reward.support_phone or settings.SUPPORT_PHONE_NUMBER
    to_masked = mask_contact(reward.contact_method, reward.contact_to)
    title = text = ""
    is_asked = reward.state == Redemption.State.WAITING_OPT_IN
    outcome = "opted_out" if contact.has_stopped else outcome_of(contact.request_state)
    if is_asked:
        title = opt_in_title(outcome)
        text = opt_in_words(outcome, to=to_masked, phone=phone)
    elif reward.reason_code:
        text = ErrorCode.from_code(reward.reason_code).customer_words(
            support_phone=phone, hours=settings.REWARD_WITHIN / 3600, is_waiting=True
        )
    return WaitingPage(
        state=reward.state,
        title=title,
        text=text,
        stopped=stopped_words(phone=phone) if contact.has_stopped and not is_asked else "",
        can_text=not contact.has_stopped and not (is_asked and outcome in ("failed", "opted_out")),
        to_masked=to_masked,
        brand=reward.brand,
        value=display_amount(reward.value_minor, reward.currency),
        promised_by=reward.promised_by,
        is_test=reward.is_test,
    )


def reward_choices(facts: CodeFacts) -> tuple[RewardChoice, ...]:
    """Lay out the cards that a code can be redeemed for."""
    return tuple(
        RewardChoice(
            number=offer.number,
            name=offer.name,
            brand=offer.brand,
            value=(
                ""
                if offer.value_minor is None
                else display_amount(offer.value_minor, offer.currency)
            ),
            tone=tone_of(offer.brand),
        )
        for offer in facts.offers
    )


def render_problem(
    request: HttpRequest, error: ServiceError | ErrorCode, context: dict[str, Any] | None = None
) -> HttpResponse:
    """Print a refusal in the catalogue's words for customers, with its HTTP status."""
    code = error if isinstance(error, ErrorCode) else error.code
    phone = (context or {}).get("support_phone") or settings.SUPPORT_PHONE_NUMBER
    words = error.customer_words(support_phone=phone)
    problem = ProblemPage(
        title=gettext(code.title),
        sentences=(words,),
        icon=_ICONS.get(code, "alert"),
        reference=str(request.META.get("giftline.request_id", "")),
        can_retry=code not in _FINAL,
    )
    answer = render(
        request,
        "redeem/problem.html",
        {**(context or {}), "problem": problem},
        status=code.status if code.status >= 400 else 200,
    )
    if isinstance(error, ServiceError) and error.retry_after_seconds is not None:
        answer["Retry-After"] = str(error.retry_after_seconds)
    return answer


def mask_contact(channel: str, to: str) -> str:
    """Return where a message goes, so that only its owner recognises it."""
    if not to:
        return ""
    return mask_email(to) if channel == "email" else mask_phone(to)
