"""What becomes of a reward when its message gets through, or does not.

A failed message never buys a second card: the card stays with its recipient. A text that is given
up is followed by an e-mail where an address is known; else a person is told.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db.models import Q

from alerts.models import Alert
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.transactions import transaction_required
from giftcards.services.delivery import mark_cards_delivered
from redemption.models import Redemption
from redemption.services.links import when_renewed
from sms.models import Message, MessageTemplate
from sms.providers import carries_email
from sms.services.messages import queue_message
from sms.services.parties import MessageEvent, Outcome

State = Redemption.State
Purpose = MessageTemplate.Purpose
Channel = MessageTemplate.Channel

log = structlog.get_logger()

# The messages that bring the reward itself; of the others nothing follows.
_BRINGS_REWARD: Final = frozenset({Purpose.REWARD, Purpose.RESEND})
_REACHED: Final = frozenset({Outcome.ACCEPTED, Outcome.DELIVERED})
_ACTOR: Final = "system"
_FAILED: Final = frozenset(
    {Message.State.FAILED, Message.State.UNDELIVERED, Message.State.CANCELLED}
)


@transaction_required
def record_outcome(*, events: Sequence[MessageEvent], now: datetime) -> None:
    """Move rewards on by what became of their messages, as part of the caller's transaction.

    Accepted by the provider: card and redemption are delivered. Confirmed by the phone: the
    redemption is. Given up: the same reward goes by e-mail, once; where that can't be or fails
    too, an operator is alerted, and the alert ends by itself should the message arrive after all.
    """
    events = [event for event in events if event.purpose in _BRINGS_REWARD]
    if not events:
        return
    redemption_ids = {event.reference_id for event in events}
    # Rows in the order redemption → card, as disclosure locks them too.
    rewards = {
        reward.pk: reward
        for reward in Redemption.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk__in=redemption_ids)
        .select_related("card", "recipient")
        .order_by("pk")
    }
    events = _about_their_links(events)
    _mark_delivered(
        [
            rewards[event.reference_id]
            for event in events
            if event.outcome in _REACHED and event.reference_id in rewards
        ],
        now,
    )
    _confirm({event.reference_id for event in events if event.outcome is Outcome.DELIVERED}, now)
    for event in events:
        reward = rewards.get(event.reference_id)
        if event.outcome is Outcome.GIVEN_UP and reward is not None:
            if not _fall_back(event, reward, now):
                _raise_undelivered(event, reward, now)
        elif event.outcome is Outcome.DELIVERED:
            resolve_alert(dedupe_key=undelivered_alert_key(event.reference_id), now=now)


def _about_their_links(events: Sequence[MessageEvent]) -> list[MessageEvent]:
    """Leave out what is told of messages with a link that is dead since: it led to a card that
    was exchanged, or went to an address that was corrected.
    """
    renewed_at = when_renewed({event.reference_id for event in events})
    if not renewed_at:
        return list(events)
    promised_at = dict(
        Message.objects.filter(pk__in={event.message_id for event in events}).values_list(
            "pk", "created_at"
        )
    )
    return [
        event
        for event in events
        if event.reference_id not in renewed_at
        or promised_at[event.message_id] >= renewed_at[event.reference_id]
    ]


def _mark_delivered(rewards: Sequence[Redemption], now: datetime) -> None:
    if not rewards:
        return
    card_ids = {
        reward.card_id
        for reward in rewards
        if reward.card_id is not None and reward.state in (State.ISSUED, State.DELIVERED)
    }
    mark_cards_delivered(card_ids=card_ids, actor=_ACTOR, now=now)
    Redemption.objects.filter(pk__in={reward.pk for reward in rewards}, state=State.ISSUED).update(
        state=State.DELIVERED, delivered_at=now
    )


def _confirm(redemption_ids: Collection[UUID], now: datetime) -> None:
    if redemption_ids:
        Redemption.objects.filter(pk__in=redemption_ids, state=State.DELIVERED).update(
            state=State.CONFIRMED, confirmed_at=now
        )


def _fall_back(event: MessageEvent, reward: Redemption, now: datetime) -> bool:
    """Send the reward whose text was given up by e-mail; tell whether it is on its way so.

    The reward's row is locked, so that of two texts that fail at once one is followed.
    """
    address = reward.recipient.email
    can_go = event.channel == Channel.SMS and address and carries_email()
    if not can_go or reward.state not in Redemption.STANDING:
        return False
    messages = Message.objects.filter(reference_kind="redemption", reference_id=reward.pk)
    since = when_renewed([reward.pk]).get(reward.pk)
    by_email = messages.filter(
        Q(created_at__gte=since) if since else Q(), channel=Channel.EMAIL
    ).values_list("state", flat=True)
    if by_email:
        # One is enough: on its way or arrived it serves, and what failed has been told.
        return any(state not in _FAILED for state in by_email)
    text = messages.values("values", "locale", "request_id").get(pk=event.message_id)
    message_id = queue_message(
        client_id=reward.client_id,
        purpose=event.purpose,
        channel=Channel.EMAIL,
        to=address,
        locale=text["locale"],
        values=text["values"],
        reference_kind="redemption",
        reference_id=reward.pk,
        request_id=text["request_id"],
        now=now,
    )
    log.info(
        "[EMAIL] Follows a text that was given up",
        redemption_id=str(reward.pk),
        message_id=str(message_id),
        code=event.error_code,
    )
    return True


def _raise_undelivered(event: MessageEvent, reward: Redemption, now: datetime) -> None:
    # Who has seen the card on the screen lacks a copy; everybody else lacks their reward.
    was_seen = reward.card is not None and reward.card.disclosed_at is not None
    raise_alert(
        kind="reward_not_delivered",
        severity=Alert.Severity.INFO if was_seen else Alert.Severity.WARNING,
        subject=f"Reward not delivered: the message was given up, error {event.error_code}",
        message="The card stays with its recipient. Correct the number and send it again, or "
        "read the reward out and mark it as delivered by hand; never give out a second card.",
        data={
            "redemption_id": event.reference_id,
            "message_id": event.message_id,
            "error_code": event.error_code,
            "state": event.state,
        },
        dedupe_key=undelivered_alert_key(event.reference_id),
        client_id=event.client_id,
        now=now,
    )


def undelivered_alert_key(redemption_id: UUID) -> str:
    """Return the key of the alert that a reward did not reach its recipient."""
    return f"reward_not_delivered:{redemption_id}"
