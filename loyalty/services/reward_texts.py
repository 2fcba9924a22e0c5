"""The words of the messages about gift cards for points, and what becomes of those messages.

A message that fails never buys a second card: the card stays the customer's, and a person is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from alerts.models import Alert
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.transactions import durable, transaction_required
from credit.money import display_amount
from giftcards.services.delivery import mark_cards_delivered
from loyalty.models import Reward
from loyalty.services.reward_links import derive_reward_token
from sms.merge import clean_name, count_segments, merge_tags
from sms.models import MessageTemplate
from sms.selectors.templates import language_of
from sms.services.parties import Draft, MessageEvent, Outcome, RenderedText, Rendering, Unsendable

log = structlog.get_logger()

State = Reward.State

KIND: Final = "reward_undelivered"
_ACTOR: Final = "system"
_MASK: Final = "••••"
_READY: Final = frozenset({State.ISSUED, State.DELIVERED, State.CONFIRMED})
# The warmest first; the first that fits one segment is sent.
_TEXTS: Final = {
    "en": (
        "Hi {{first_name}}, your {{amount}} {{brand}} gift card for points: {{reveal_link}}",
        "{{company}}: your {{amount}} {{brand}} gift card for points: {{reveal_link}}",
        "Your gift card for points: {{reveal_link}}",
    ),
    "es": (
        "Hola {{first_name}}, su tarjeta {{brand}} de {{amount}} por puntos: {{reveal_link}}",
        "{{company}}: su tarjeta {{brand}} de {{amount}} por puntos: {{reveal_link}}",
        "Su tarjeta de regalo por puntos: {{reveal_link}}",
    ),
}
_STOP: Final = {
    "en": "\nReply STOP to opt out.",
    "es": "\nResponda STOP para darse de baja.",
}
_LETTERS: Final = {
    "en": (
        "Your {{amount}} {{brand}} gift card",
        (
            "Hello,\n\nYour {{amount}} {{brand}} gift card for points from {{company}} is ready."
            " Open it here:\n\n{{reveal_link}}\n\nWhoever has this link can see the card: keep"
            " it to yourself."
        ),
    ),
    "es": (
        "Su tarjeta {{brand}} de {{amount}}",
        (
            "Hola:\n\nSu tarjeta {{brand}} de {{amount}} por puntos de {{company}} ya está lista."
            " Ábrala aquí:\n\n{{reveal_link}}\n\nQuien tenga este enlace puede ver la tarjeta:"
            " guárdelo bien."
        ),
    ),
}


@durable
def render_points_card(*, drafts: Sequence[Draft], now: datetime) -> dict[UUID, Rendering]:
    """Write the messages that bring rewards, by message id; the link's secret is kept nowhere."""
    rewards = Reward.objects.select_related("client").in_bulk(
        {draft.reference_id for draft in drafts}
    )
    return {
        draft.message_id: _render(draft, rewards.get(draft.reference_id), now) for draft in drafts
    }


def _render(draft: Draft, reward: Reward | None, now: datetime) -> Rendering:
    if reward is None or reward.state not in _READY:
        return Unsendable("the reward does not stand as the message says")
    if reward.reveal_until is None or reward.reveal_until <= now:
        return Unsendable("the reward's link has expired")
    values = {
        "first_name": clean_name(str(draft.values.get("first_name") or "")),
        "amount": display_amount(reward.face_value_minor, reward.currency),
        "brand": str(draft.values.get("brand") or ""),
        "company": str(draft.values.get("company") or ""),
        "reveal_link": _link(derive_reward_token(reward_id=reward.pk)),
    }
    language = language_of(draft.locale)
    language = language if language in _TEXTS else "en"
    subject = ""
    if draft.channel == MessageTemplate.Channel.EMAIL:
        subject, template = _LETTERS[language]
    else:
        usable = [
            text + _STOP[language]
            for text in _TEXTS[language]
            if values["first_name"] or "{{first_name}}" not in text
        ]
        template = min(usable, key=lambda text: count_segments(merge_tags(text, values)).segments)
    return RenderedText(
        body=merge_tags(template, values),
        preview=merge_tags(template, {**values, "reveal_link": _link(_MASK)})[:320],
        subject=" ".join(merge_tags(subject, values).split()),
        from_name=reward.client.name,
        reply_to=reward.client.support_email or settings.SUPPORT_EMAIL,
    )


def _link(token: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/points/{token}/"


@transaction_required
def record_card_outcome(*, events: Sequence[MessageEvent], now: datetime) -> None:
    """Move rewards on by what became of their messages, as part of the caller's transaction.

    Accepted by the provider: card and reward are delivered. Confirmed: it has arrived. Given up:
    an alert is raised; the customer keeps the card, and nobody is charged or served twice.
    """
    rewards = {
        reward.pk: reward
        for reward in Reward.objects.select_for_update(no_key=True)
        .filter(pk__in={event.reference_id for event in events})
        .order_by("pk")
    }
    for event in events:
        reward = rewards.get(event.reference_id)
        if reward is None or reward.state not in _READY:
            continue
        if event.outcome is Outcome.GIVEN_UP:
            _alert(event, reward, now)
            continue
        _move(reward, event.outcome, now)
        if event.outcome is Outcome.DELIVERED:
            resolve_alert(dedupe_key=_key_of(reward.pk), now=now)


def _move(reward: Reward, outcome: Outcome, now: datetime) -> None:
    if reward.card_id is not None:
        mark_cards_delivered(card_ids=[reward.card_id], actor=_ACTOR, now=now)
    if reward.state == State.ISSUED:
        reward.state = State.DELIVERED
        reward.delivered_at = now
        reward.save(update_fields=["state", "delivered_at"])
    if outcome is Outcome.DELIVERED and reward.state == State.DELIVERED:
        reward.state = State.CONFIRMED
        reward.save(update_fields=["state"])


def _alert(event: MessageEvent, reward: Reward, now: datetime) -> None:
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.WARNING,
        subject="A gift card for points did not reach its customer",
        message=(
            "Its message was given up. The card is theirs and waits: reach them another way, and"
            " hand them the link. Nothing is bought a second time."
        ),
        data={
            "reward_id": reward.pk,
            "message_id": event.message_id,
            "error_code": event.error_code,
        },
        dedupe_key=_key_of(reward.pk),
        client_id=reward.client_id,
        now=now,
    )


def _key_of(reward_id: UUID) -> str:
    return f"{KIND}:{reward_id}"
