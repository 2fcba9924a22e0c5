"""What the desk's templates print: plain values made from what the selectors know."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.money import display_amount
from credit.selectors.viewers import Viewer
from giftcards.faces import tone_of
from redemption.models import Redemption
from redemption.selectors.codes import CodeFacts
from redemption.selectors.desk import DeskReward, Person
from redemption.selectors.desk_side import StockLine
from redemption.selectors.redemptions import TraceStep
from redemption.views.desk_words import (
    Said,
    Tone,
    door_words,
    message_words,
    reward_words,
    source_words,
)
from redemption.views.pages import CardPage, mask_contact

State = Redemption.State
WAITING_STATES = frozenset(
    {
        State.PENDING,
        State.PROVISIONING,
        State.UNCONFIRMED,
        State.WAITING_STOCK,
        State.WAITING_OPT_IN,
        State.WAITING_APPROVAL,
    }
)
_FINAL_MESSAGES = frozenset(
    {"delivered", "manually_delivered", "undelivered", "failed", "suppressed", "cancelled"}
)
_SOON = timedelta(minutes=1)
_FAILED_MESSAGES = frozenset({"undelivered", "failed", "suppressed"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OfferPart:
    """A condition to choose, with what has to be checked for it."""

    number: int
    name: str
    brand: str
    value: str
    tone: int
    checklist: tuple[tuple[int, str, bool], ...]
    is_chosen: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RewardPart:
    """A reward with how it stands and the ways to help."""

    redemption_id: UUID
    is_test: bool
    state: str
    brand: str
    value: str
    tone: int
    condition: str
    at: datetime
    door: str
    said: Said
    to_masked: str
    method: str
    to: str = dataclasses.field(repr=False)
    email: str = dataclasses.field(repr=False)
    last4: str
    source: str
    pool: str
    profit: str
    promised_by: datetime | None
    message: Said | None
    message_error: str
    is_live: bool
    pace: str
    is_standing: bool
    is_waiting_opt_in: bool
    has_failed_text: bool
    has_arrived: bool
    request_id: str
    reason_code: str

    @property
    def key(self) -> str:
        """The reward's id, for the names of its forms."""
        return str(self.redemption_id)

    @property
    def mark(self) -> str:
        """What the rest of the screen hangs on: when it changes, all of it is due."""
        end = "failed" if self.has_failed_text else "arrived" if self.has_arrived else ""
        return f"{self.state}-{end}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A fact about a person that must not be overlooked."""

    text: str
    tone: Tone


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPart:
    """What went wrong, for an operator: the code, its meaning, what to do, and the trace."""

    code: str
    title: str
    meaning: str
    action: str
    words: tuple[str, ...]
    request_id: str
    trace: tuple[TraceStep, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StockPart:
    """A pool's bar; ``level`` is good, warn or bad, and the sign says it too."""

    name: str
    whose: str
    percent: int
    tone: Tone
    words: str


def offer_parts(
    facts: CodeFacts, person: Person, *, chosen: int | None, ticked: frozenset[tuple[int, int]]
) -> tuple[OfferPart, ...]:
    """Lay out what the recipient can still get."""
    points = {one.number: one.checklist for one in person.conditions}
    if chosen is None and len(facts.offers) == 1:
        chosen = facts.offers[0].number
    return tuple(
        OfferPart(
            number=offer.number,
            name=offer.name,
            brand=offer.brand,
            value=_amount(offer.value_minor, offer.currency),
            tone=tone_of(offer.brand),
            checklist=tuple(
                (place, point, (offer.number, place) in ticked)
                for place, point in enumerate(points.get(offer.number, ()))
            ),
            is_chosen=offer.number == chosen,
        )
        for offer in facts.offers
    )


def reward_part(reward: DeskReward, person: Person, viewer: Viewer, *, now: datetime) -> RewardPart:
    """Lay out a reward; what the platform earns by it is the platform's to see."""
    message = reward.message
    is_waiting = reward.state in WAITING_STATES
    is_live = is_waiting or (message is not None and message.state not in _FINAL_MESSAGES)
    latest = reward.at if message is None else message.at
    return RewardPart(
        redemption_id=reward.redemption_id,
        is_test=reward.is_test,
        state=reward.state,
        brand=reward.brand,
        value=_amount(reward.value_minor, reward.currency),
        tone=tone_of(reward.brand),
        condition=reward.condition,
        at=reward.at,
        door=door_words(reward.door),
        said=reward_words(reward.state),
        to_masked=mask_contact(reward.contact_method, reward.contact_to),
        method=reward.contact_method,
        to=reward.contact_to if reward.contact_method == "sms" else person.phone,
        email=reward.contact_to if reward.contact_method == "email" else person.email,
        last4=reward.last4,
        source=source_words(reward.source),
        pool=reward.pool,
        profit=_profit(reward, viewer),
        promised_by=reward.promised_by,
        message=None if message is None else message_words(message.state, message.channel),
        message_error="" if message is None else message.error_code,
        is_live=is_live,
        # Most texts arrive within a minute; what takes longer is looked at less often.
        pace="2s" if now - latest < _SOON else "10s",
        is_standing=reward.state in Redemption.STANDING,
        is_waiting_opt_in=reward.state == State.WAITING_OPT_IN,
        has_failed_text=message is not None and message.state in _FAILED_MESSAGES,
        has_arrived=message is not None and message.state == "delivered",
        request_id=reward.request_id,
        reason_code=reward.reason_code,
    )


def badges_of(person: Person) -> tuple[Badge, ...]:
    """Return what an agent must know before they go on."""
    badges = []
    if person.is_test:
        badges.append(Badge(text=_("Test code"), tone="warn"))
    if person.approval == "rejected":
        badges.append(Badge(text=_("Not approved"), tone="bad"))
    elif person.approval == "approved":
        badges.append(Badge(text=_("Approved"), tone="good"))
    elif person.approval == "pending" or person.approval_required:
        badges.append(Badge(text=_("Approval pending"), tone="warn"))
    if person.opt_in == "revoked":
        badges.append(Badge(text=_("Wants no texts (STOP)"), tone="bad"))
    elif person.opt_in == "granted":
        badges.append(Badge(text=_("Texts welcome"), tone="good"))
    elif person.opt_in_required:
        badges.append(Badge(text=_("Has not agreed to texts"), tone="warn"))
    if person.bad_phone is not None:
        badges.append(Badge(text=_("Texts don't reach this number"), tone="bad"))
    return tuple(badges)


def problem_part(error: ServiceError, *, request_id: str, trace: list[TraceStep]) -> ProblemPart:
    """Lay out a refusal in the catalogue's words for operators."""
    code: ErrorCode = error.code
    words = tuple(word for words in error.errors.values() for word in words)
    return ProblemPart(
        code=code.code,
        title=_(code.title),
        meaning=code.operator,
        action=code.action,
        words=words,
        request_id=request_id,
        trace=tuple(trace),
    )


def stock_parts(lines: list[StockLine]) -> list[StockPart]:
    """Lay out the pools of a campaign."""
    whose = {
        "client": "",
        "platform": _("the platform's"),
        "buffer": _("bought ahead"),
    }
    tones: dict[str, Tone] = {"empty": "bad", "red": "bad", "amber": "warn"}
    return [
        StockPart(
            name=f"{line.brand} {_amount(line.value_minor, line.currency)}",
            whose=whose[line.whose],
            percent=line.percent,
            tone=tones.get(line.level, "good"),
            words=_stock_words(line),
        )
        for line in lines
    ]


def copy_text(card: CardPage) -> str:
    """Return all of a card as it is pasted elsewhere."""
    lines = [f"{card.brand} {card.value}"]
    if card.code:
        lines.append(_("Code: %(code)s") % {"code": card.code})
    if card.pin:
        lines.append(_("PIN: %(pin)s") % {"pin": card.pin})
    if card.number:
        lines.append(_("Number: %(number)s") % {"number": card.number})
    if card.expires_on:
        lines.append(_("Use it by: %(day)s") % {"day": card.expires_on.isoformat()})
    if card.use_url:
        lines.append(card.use_url)
    return "\n".join(lines)


def _stock_words(line: StockLine) -> str:
    if line.level == "on_demand":
        return "✓ " + _("bought on the spot")
    if line.level == "empty":
        return "✕ " + _("empty")
    sign = {"red": "!", "amber": "~"}.get(line.level, "✓")
    count = ngettext("%(count)s card", "%(count)s cards", line.available)
    return f"{sign} {count % {'count': f'{line.available:,}'}}"


def _profit(reward: DeskReward, viewer: Viewer) -> str:
    if not viewer.sees_platform or reward.profit_minor is None:
        return ""
    return display_amount(reward.profit_minor, reward.currency)


def _amount(value_minor: int | None, currency: str) -> str:
    return "" if value_minor is None else display_amount(value_minor, currency)
