"""Messages that do not get through, as the texts' app tells of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.transactions import transaction
from redemption.models import DeskTask
from redemption.services.outcomes import record_outcome
from sms.models import Message
from sms.services.parties import MessageEvent, Outcome
from tests.world import NOW


def tell(message_id: UUID | None, outcome: Outcome, *, now: datetime = NOW, **changes: Any) -> None:
    """Tell what became of a message."""
    assert message_id is not None
    message = Message.objects.get(pk=message_id)
    facts = {
        "message_id": message.pk,
        "client_id": message.client_id,
        "purpose": message.purpose,
        "channel": message.channel,
        "reference_kind": "redemption",
        "reference_id": message.reference_id,
        "outcome": outcome,
        "state": "failed",
        "error_code": "30008",
    }
    with transaction():
        record_outcome(events=[MessageEvent(**{**facts, **changes})], now=now)


def fail(message_id: UUID | None, **changes: Any) -> None:
    """Tell that a message was given up."""
    tell(message_id, Outcome.GIVEN_UP, **changes)


def tasks() -> list[tuple[str, str]]:
    """Return the tasks by kind, each with what became of it."""
    return sorted(DeskTask.objects.values_list("kind", "outcome"))
