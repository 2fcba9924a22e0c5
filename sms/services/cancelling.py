"""Messages about something that was taken back: what is not yet on its way is not sent any more."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from alerts.transactions import transaction_required
from sms.models import Message

State = Message.State

# The provider has it, or a person has handed it over: it can't be called back.
_GONE_OUT: Final = frozenset(
    {State.ACCEPTED, State.SENT, State.DELIVERED, State.MANUALLY_DELIVERED}
)
# Something may still be sent. One that failed is among them only while another try is due.
_TO_BE_SENT: Final = frozenset(
    {State.QUEUED, State.SENDING, State.UNKNOWN, State.UNDELIVERED, State.FAILED}
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageStanding:
    """How a message about something stands while its row is locked.

    :param is_in_work: it may still be sent, a slow retry included.
    :param is_out: the provider has it.
    """

    message_id: UUID
    purpose: str
    state: str
    created_at: datetime
    is_in_work: bool
    is_out: bool


@transaction_required
def lock_messages_about(*, reference_kind: str, reference_id: UUID) -> list[MessageStanding]:
    """Lock all messages about a thing until the transaction ends; the oldest first.

    Call it before the thing itself is locked: Note [Message first]. A worker that is just taking
    one of them passes it over, or has it in state ``sending`` when this returns.
    """
    rows = (
        Message.objects.select_for_update(no_key=True, of=("self",))
        .filter(reference_kind=reference_kind, reference_id=reference_id)
        .order_by("pk")
    )
    standings = [
        MessageStanding(
            message_id=row.pk,
            purpose=row.purpose,
            state=row.state,
            created_at=row.created_at,
            is_in_work=row.state in _TO_BE_SENT and row.next_attempt_at is not None,
            is_out=row.state in _GONE_OUT,
        )
        for row in rows
    ]
    return sorted(standings, key=lambda one: (one.created_at, one.message_id))


@transaction_required
def cancel_messages(*, messages: Sequence[MessageStanding]) -> int:
    """Cancel what is not on its way of these locked messages; return how many it were.

    One that is being sent this moment stays as it is: its worker has left for the provider, and
    writes down what became of it. What the provider has, stays too.
    """
    waiting = [one.message_id for one in messages if one.is_in_work and one.state != State.SENDING]
    return Message.objects.filter(pk__in=waiting).update(
        state=State.CANCELLED, next_attempt_at=None
    )


def message_in_work(*, reference_kind: str, reference_id: OuterRef) -> Exists:
    """Return the condition that a message about a row's thing may still be sent."""
    return Exists(
        Message.objects.filter(
            Q(next_attempt_at__isnull=False),
            reference_kind=reference_kind,
            reference_id=reference_id,
            state__in=_TO_BE_SENT,
        )
    )
