"""The words of the messages about a reward, written just before they are sent.

Nothing of what is written here is stored: a link's token is derived anew each time, and a code
is opened only for a template that asks for it.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import override

from alerts.transactions import durable
from credit.money import display_amount
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from redemption.codes import TEST_CARD_CODE
from redemption.models import Redemption, RevealLink
from redemption.services.disclosure import disclose_redemption
from redemption.services.letters import choose_letter
from redemption.services.links import derive_reveal_token, when_renewed
from redemption.services.words import choose_words
from sms.merge import clean_name, count_segments, merge_tags
from sms.models import Message, MessageTemplate
from sms.selectors.templates import TemplateShelf, language_of, load_templates
from sms.services.parties import Draft, RenderedText, Rendering, Unsendable

Purpose = MessageTemplate.Purpose
State = Redemption.State

_MASK: Final = "••••"
_PREVIEW_LENGTH: Final = 320
_SECRET_TAGS: Final = ("code", "pin")
_READY: Final = frozenset({State.ISSUED, State.DELIVERED, State.CONFIRMED})
# The messages that bring the card, which must be there and have a link that opens.
_BRINGS_CARD: Final = frozenset({Purpose.REWARD, Purpose.RESEND, Purpose.REMINDER, Purpose.APOLOGY})


@dataclasses.dataclass(frozen=True, slots=True)
class _Wording:
    """The bodies to choose from, the best first, and the template they are from.

    An e-mail has a subject too.
    """

    bodies: tuple[str, ...]
    template_id: int | None = None
    subject: str = ""

    def asks_for_secrets(self) -> bool:
        probe = merge_tags(
            "".join((self.subject, *self.bodies)), dict.fromkeys(_SECRET_TAGS, "\ue000")
        )
        return "\ue000" in probe


@durable
def render_reward(*, drafts: Sequence[Draft], now: datetime) -> dict[UUID, Rendering]:
    """Write the messages about rewards, by message id.

    A message whose reward is gone, or whose link no longer opens, is unsendable. Where the
    words hold the card's code, its disclosure is committed first (Note [Disclosure]).
    """
    rewards = {
        reward.pk: reward
        for reward in Redemption.objects.filter(
            pk__in={draft.reference_id for draft in drafts}
        ).select_related("card", "client", "condition__brand")
    }
    versions = dict(
        RevealLink.objects.filter(redemption_id__in=rewards, revoked_at=None, expires_at__gt=now)
        .values_list("redemption_id")
        .annotate(version=Max("version"))
    )
    shelf = load_templates(client_ids={draft.client_id for draft in drafts})
    late = _overtaken(drafts, renewed={pk for pk, version in versions.items() if version > 1})
    return {
        draft.message_id: Unsendable("the reward's link was renewed since")
        if draft.message_id in late
        else _render(
            draft, rewards.get(draft.reference_id), versions.get(draft.reference_id), shelf, now
        )
        for draft in drafts
    }


def _overtaken(drafts: Sequence[Draft], *, renewed: Collection[UUID]) -> set[UUID]:
    """Return the messages that were promised before their reward's link was renewed.

    Where an address was wrong, a late try of the message to it would bring a stranger the new
    link.
    """
    if not renewed:
        return set()
    renewed_at = when_renewed(renewed)
    promised = Message.objects.filter(
        pk__in={
            draft.message_id
            for draft in drafts
            if draft.reference_id in renewed_at and draft.purpose in _BRINGS_CARD
        }
    ).values_list("pk", "reference_id", "created_at")
    return {pk for pk, reward_id, at in promised if at < renewed_at[reward_id]}


def _render(
    draft: Draft,
    reward: Redemption | None,
    version: int | None,
    shelf: TemplateShelf,
    now: datetime,
) -> Rendering:
    if reward is None or not _makes_sense(draft.purpose, reward.state):
        return Unsendable("the reward does not stand as the message says")
    if version is None and draft.purpose in _BRINGS_CARD:
        return Unsendable("the reward's link was revoked or has expired")
    values = _values(draft, reward)
    wording = _choose_wording(draft, reward, shelf, values)
    if wording is None:
        return Unsendable(f"no words for {draft.purpose}", is_failure=True)
    if version is not None:
        token = derive_reveal_token(redemption_id=reward.pk, version=version)
        values["reveal_link"] = _link(token)
    secrets: dict[str, str] = {}
    if wording.asks_for_secrets():
        # Nothing of the card may leave before this is committed.
        disclosed = disclose_redemption(redemption_id=reward.pk, actor="system", now=now)
        if disclosed is None:
            return Unsendable("the card can't be shown any more")
        if not _is_live(reward.pk, version):
            # Meanwhile the card was exchanged or the address corrected.
            return Unsendable("the reward's link was renewed since")
        secrets = _open_card(disclosed.card)
    template = _choose_body(wording.bodies, values | secrets)
    body = merge_tags(template, values | secrets)
    if not body.strip():
        return Unsendable("the text is empty", is_failure=True)
    masked = values | {name: _MASK for name, value in secrets.items() if value}
    masked["reveal_link"] = _link(_MASK)
    preview = _mark_test(reward, merge_tags(template, masked))
    if draft.channel == MessageTemplate.Channel.EMAIL:
        preview = f"{merge_tags(wording.subject, masked)}\n\n{preview}"
    return RenderedText(
        body=_mark_test(reward, body),
        preview=preview[:_PREVIEW_LENGTH],
        template_id=wording.template_id,
        subject=" ".join(_mark_test(reward, merge_tags(wording.subject, values | secrets)).split()),
        from_name=reward.client.name,
        reply_to=reward.client.support_email or settings.SUPPORT_EMAIL,
        holds_secret=bool(secrets),
    )


def _is_live(redemption_id: UUID, version: int | None) -> bool:
    return (
        version is None
        or RevealLink.objects.filter(
            redemption_id=redemption_id, version=version, revoked_at=None
        ).exists()
    )


def _makes_sense(purpose: str, state: str) -> bool:
    if purpose in _BRINGS_CARD:
        return state in _READY
    if purpose == Purpose.DELAY_NOTICE:
        return state == State.WAITING_STOCK
    return state not in (State.FAILED, State.CANCELLED)


def _choose_wording(
    draft: Draft, reward: Redemption, shelf: TemplateShelf, values: Mapping[str, str]
) -> _Wording | None:
    """Return the template that fits best, else our own words in the message's language."""
    template = shelf.find(
        client_id=draft.client_id,
        campaign_id=reward.campaign_id,
        purpose=draft.purpose,
        channel=draft.channel,
        locale=draft.locale,
    )
    if template is not None:
        return _Wording((template.body,), template.pk, template.subject)
    language = language_of(draft.locale)
    hours = math.ceil(settings.REWARD_WITHIN / 3600)
    if draft.channel == MessageTemplate.Channel.EMAIL:
        letter = choose_letter(purpose=draft.purpose, language=language, hours=hours)
        return _Wording((letter.body(values),), subject=letter.subject) if letter else None
    bodies = choose_words(purpose=draft.purpose, language=language, hours=hours)
    return _Wording(bodies) if bodies else None


def _values(draft: Draft, reward: Redemption) -> dict[str, str]:
    told: Mapping[str, Any] = draft.values
    brand = reward.condition.brand
    expires_on = reward.card.expires_on if reward.card else None
    return {
        "first_name": clean_name(str(told.get("first_name") or "")),
        "last_name": clean_name(str(told.get("last_name") or "")),
        "amount": display_amount(reward.face_value_minor or 0, reward.currency),
        "brand": str(told.get("brand") or (brand.name if brand else "")),
        "company": str(told.get("company") or ""),
        "redemption_url": brand.redemption_url if brand else "",
        "expiration_date": _print_date(expires_on, draft.locale) if expires_on else "",
        "support_phone": reward.client.support_phone or settings.SUPPORT_PHONE_NUMBER,
    }


def _open_card(card: GiftCard | None) -> dict[str, str]:
    if card is None:
        return {"code": TEST_CARD_CODE, "pin": ""}
    return {
        # Some brands hand out an address instead of a code.
        "code": open_field(card.code_encrypted, field="code")
        or open_field(card.url_encrypted, field="url"),
        "pin": open_field(card.pin_encrypted, field="pin"),
    }


def _choose_body(bodies: Sequence[str], values: Mapping[str, str]) -> str:
    """Return the first body that fits one segment, else the one that needs the fewest."""
    # Without a name there is nobody to greet by it.
    usable = [body for body in bodies if values["first_name"] or "{{first_name}}" not in body]
    return min(usable or bodies, key=lambda body: count_segments(merge_tags(body, values)).segments)


def _mark_test(reward: Redemption, text: str) -> str:
    return f"[TEST] {text}" if reward.is_test else text


def _link(token: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/r/{token}/"


def _print_date(day: date, locale: str) -> str:
    with override(locale):
        return date_format(day, "DATE_FORMAT")
