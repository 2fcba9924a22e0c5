"""Messages that a person makes good: what they were to tell was told in another way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alerts.transactions import transaction_required
from sms.models import Message

_ARRIVED = (Message.State.DELIVERED, Message.State.MANUALLY_DELIVERED)


@transaction_required
def mark_message_delivered(*, message_id: UUID, now: datetime) -> bool:
    """Note that a person has delivered a locked message; return whether it had not arrived yet.

    Nothing more of it is sent. One that a worker is just handing over may still arrive as well;
    what is reported of it later is kept, and changes nothing.
    """
    changed = (
        Message.objects.filter(pk=message_id)
        .exclude(state__in=_ARRIVED)
        .update(
            state=Message.State.MANUALLY_DELIVERED,
            next_attempt_at=None,
            delivered_at=now,
        )
    )
    return bool(changed)
