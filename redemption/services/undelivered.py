"""Telling a person that a message about a reward did not get through.

One who can be told by e-mail is, by itself; for all others somebody has to pick up the phone. Who
sees to it finds the reward on the desk's list until it has come: Note [Settled by itself].

Note [Settled by itself]
A task about a reward goes off the list in the transaction that makes it superfluous: the phone has
confirmed a text, the mail server has taken an e-mail (more is never known of one), a person has
sent it again or read it out, or it was taken back. Should the next message fail too, the next task
is opened.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from alerts.transactions import transaction_required
from redemption.models import DeskTask, Redemption
from redemption.services.desk_tasks import open_task
from sms.models import Message, MessageTemplate
from sms.services.parties import MessageEvent

Kind = DeskTask.Kind
_ACTOR: Final = "system"
_WHAT_TO_DO: Final = (
    "Correct the number and send it again, or read the reward out and mark it as delivered by "
    "hand. Never give out a second card."
)


@transaction_required
def open_undelivered(
    *, event: MessageEvent, reward: Redemption, is_followed: bool, now: datetime
) -> UUID:
    """Put a reward whose message was given up on the desk's list, once, and return the task's id.

    :param reward: with its recipient and card.
    :param is_followed: an e-mail goes out instead, so that nobody has to hurry.
    """
    failed_to = Message.objects.values_list("to", flat=True).get(pk=event.message_id)
    is_text = event.channel == MessageTemplate.Channel.SMS
    is_bad = is_text and event.is_bad_address
    # Who has seen the card on the screen lacks a copy; everybody else lacks their reward.
    was_seen = reward.card is not None and reward.card.disclosed_at is not None
    seconds = settings.REWARD_WITHIN if was_seen or is_followed else settings.CALL_BACK_WITHIN
    return open_task(
        kind=Kind.BAD_NUMBER if is_bad or _has_bad_number(reward) else Kind.REWARD_NOT_DELIVERED,
        client_id=reward.client_id,
        recipient_id=reward.recipient_id,
        redemption_id=reward.pk,
        phone=_phone_of(reward, failed_to if is_text else ""),
        note=" ".join(
            (
                *(("A test code.",) if reward.is_test else ()),
                _describe(event, is_text=is_text, is_bad=is_bad),
                *(("An e-mail goes out instead.",) if is_followed else ()),
                *(("They have seen the card on the screen.",) if was_seen else ()),
                _WHAT_TO_DO,
            )
        ),
        due_at=now + timedelta(seconds=seconds),
        actor=_ACTOR,
        now=now,
    )


@transaction_required
def open_unasked(*, event: MessageEvent, reward: Redemption, now: datetime) -> UUID:
    """Put a reward that waits for an answer which can't come on the desk's list, once."""
    asked = Message.objects.values_list("to", flat=True).get(pk=event.message_id)
    return open_task(
        kind=Kind.BAD_NUMBER if event.is_bad_address else Kind.REWARD_NOT_DELIVERED,
        client_id=reward.client_id,
        recipient_id=reward.recipient_id,
        redemption_id=reward.pk,
        phone=_phone_of(reward, asked),
        note=f"The opt-in request did not arrive (error {event.error_code or 'unknown'}), so the "
        "reward waits for an answer that can't come. Correct the number, send it by e-mail, or ask "
        "the person and answer for them.",
        due_at=now + timedelta(seconds=settings.CALL_BACK_WITHIN),
        actor=_ACTOR,
        now=now,
    )


def _describe(event: MessageEvent, *, is_text: bool, is_bad: bool) -> str:
    error = f"(error {event.error_code})" if event.error_code else ""
    if not is_text:
        return f"The e-mail was given up {error}".rstrip() + "."
    if event.state == Message.State.SUPPRESSED:
        return "They have replied STOP, so no text may go to this number."
    if is_bad:
        return f"No text reaches this number {error}".rstrip() + "."
    return f"The text was given up {error}".rstrip() + "."


def _has_bad_number(reward: Redemption) -> bool:
    """Tell whether somebody is to find another number already: one task, not two."""
    return DeskTask.objects.filter(redemption=reward, kind=Kind.BAD_NUMBER, done_at=None).exists()


def _phone_of(reward: Redemption, failed: str) -> str:
    """Return whom to call: a landline that gets no text rings all the same."""
    on_file = reward.recipient.phone
    if on_file and on_file != failed:
        return str(on_file)
    return failed or (reward.contact_to if reward.contact_method == "sms" else "")
