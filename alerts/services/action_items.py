"""What is to be done after an incident, by whom and by when."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from alerts.errors import ValidationFailedError
from alerts.models import ActionItem, Incident, TimelineEntry
from alerts.scope import EVERYTHING, seeing
from alerts.services.incident_timeline import record_in_timeline
from alerts.transactions import durable, transaction


@seeing(EVERYTHING)
@durable
def add_action_item(
    *,
    incident_id: UUID,
    user_id: UUID,
    words: str,
    owner: str,
    due_on: date | None,
    now: datetime,
) -> ActionItem:
    """Add something to be done; whoever does it is named by hand, they need no account.

    :raises ValidationFailedError: GC-012, it does not say what, or who.
    """
    errors = {
        name: ["This is needed."]
        for name, value in (("words", words), ("owner", owner))
        if not value.strip()
    }
    if errors:
        raise ValidationFailedError(errors=errors)
    with transaction():
        incident = Incident.objects.select_for_update().get(pk=incident_id)
        item = ActionItem.objects.create(
            incident=incident, words=words.strip()[:300], owner=owner.strip()[:100], due_on=due_on
        )
        due = f", due {due_on}" if due_on else ""
        record_in_timeline(
            incident=incident,
            kind=TimelineEntry.Kind.ACTION,
            words=f"To do for {item.owner}{due}: {item.words}",
            at=now,
            actor=f"user:{user_id}",
            source=f"action:{item.pk}:added",
        )
    return item


@seeing(EVERYTHING)
@durable
def finish_action_item(*, incident_id: UUID, item_id: int, user_id: UUID, now: datetime) -> bool:
    """Record that something is done; return whether it was still to do."""
    with transaction():
        item = ActionItem.objects.select_for_update().get(pk=item_id, incident_id=incident_id)
        if item.done_at is not None:
            return False
        item.done_at, item.done_by = now, user_id
        item.save(update_fields=["done_at", "done_by"])
        record_in_timeline(
            incident=Incident.objects.get(pk=incident_id),
            kind=TimelineEntry.Kind.ACTION,
            words=f"Done: {item.words}",
            at=now,
            actor=f"user:{user_id}",
            source=f"action:{item.pk}:done",
        )
    return True
