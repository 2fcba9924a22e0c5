"""What becomes of a reward when its message gets through, or does not.

A failed message never buys a second card: the card stays with its recipient. A text that is given
up is followed by an e-mail where an address is known; else it is on the desk's list, for a person.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db.models import Q, QuerySet

from alerts.transactions import transaction_required
from giftcards.services.delivery import mark_cards_delivered
from redemption.models import Redemption
from redemption.services.desk_tasks import settle_calls, settle_tasks
from redemption.services.links import when_renewed
from redemption.services.undelivered import open_undelivered
from sms.models import Message, MessageTemplate
from sms.providers import carries_email
from sms.services.messages import queue_message
from sms.services.parties import MessageEvent, Outcome

State = Redemption.State
Purpose = MessageTemplate.Purpose
Channel = MessageTemplate.Channel

log = structlog.get_logger()

# The messages that bring the reward itself; of the others nothing follows.
_BRINGS_REWARD: Final = frozenset({Purpose.REWARD, Purpose.RESEND, Purpose.APOLOGY})
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
    too, and where the number is bad, a person is to see to it: Note [Settled by itself].
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
        if reward is None:
            continue
        if event.outcome is Outcome.GIVEN_UP:
            _give_up(event, reward, now)
        elif event.outcome is Outcome.DELIVERED or event.channel == Channel.EMAIL:
            settle_tasks(redemption_ids=[reward.pk], now=now)
        else:
            # It is on its way: that it takes longer need not be told any more.
            settle_calls(redemption_ids=[reward.pk], now=now)


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


def _give_up(event: MessageEvent, reward: Redemption, now: datetime) -> None:
    is_followed = _fall_back(event, reward, now)
    # Of one that was taken back nobody has to be told.
    if reward.state in Redemption.STANDING and (event.is_bad_address or not is_followed):
        open_undelivered(event=event, reward=reward, is_followed=is_followed, now=now)


def _fall_back(event: MessageEvent, reward: Redemption, now: datetime) -> bool:
    """Send the reward whose text was given up by e-mail; tell whether it is on its way so.

    The reward's row is locked, so that of two texts that fail at once one is followed.
    """
    messages = Message.objects.filter(reference_kind="redemption", reference_id=reward.pk)
    if _has_successor(event, messages):
        # Somebody has sent it anew meanwhile: that message is followed if it fails. An e-mail for
        # this one as well would be a second notice of the same card.
        return True
    address = reward.recipient.email
    can_go = event.channel == Channel.SMS and address and carries_email()
    if not can_go or reward.state not in Redemption.STANDING:
        return False
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


def _has_successor(event: MessageEvent, messages: QuerySet[Message]) -> bool:
    """Whether a later message brings the same reward, and has not failed itself."""
    promised_at = messages.values_list("created_at", flat=True).get(pk=event.message_id)
    return (
        messages.filter(purpose__in=_BRINGS_REWARD, created_at__gt=promised_at)
        .exclude(state__in=[*_FAILED, Message.State.SUPPRESSED])
        .exists()
    )
