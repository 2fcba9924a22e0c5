"""The desk's list: what a person must do, oldest due first."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from credit.selectors.viewers import Viewer
from redemption.models import DeskTask


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """A task as the desk shows it; ``phone`` is E.164 or empty."""

    task_id: UUID
    kind: str
    title: str
    note: str
    phone: str
    due_at: datetime
    created_at: datetime
    created_by: str
    client_id: UUID
    client_name: str
    campaign_id: UUID | None
    campaign_name: str
    recipient_id: UUID | None
    recipient_name: str
    redemption_id: UUID | None
    redemption_state: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaskCounts:
    """How many tasks are open, and of how many the time is up."""

    open: int
    due: int


def open_tasks(
    *,
    viewer: Viewer,
    limit: int = 100,
    client_id: UUID | None = None,
    recipient_id: UUID | None = None,
    kinds: Collection[str] = (),
) -> list[TaskFacts]:
    """Return the open tasks that the viewer may see, oldest due first."""
    tasks = DeskTask.objects.filter(viewer.client_filter(), done_at=None)
    if client_id is not None:
        tasks = tasks.filter(client_id=client_id)
    if recipient_id is not None:
        tasks = tasks.filter(recipient_id=recipient_id)
    if kinds:
        tasks = tasks.filter(kind__in=kinds)
    rows = tasks.select_related("client", "recipient__campaign", "redemption").order_by(
        "due_at", "created_at", "pk"
    )
    return [_facts(row) for row in rows[:limit]]


def count_open_tasks(*, viewer: Viewer, now: datetime) -> TaskCounts:
    """Return how much there is to do for the viewer."""
    tasks = DeskTask.objects.filter(viewer.client_filter(), done_at=None)
    return TaskCounts(open=tasks.count(), due=tasks.filter(due_at__lte=now).count())


def _facts(row: DeskTask) -> TaskFacts:
    person = row.recipient
    campaign = None if person is None else person.campaign
    return TaskFacts(
        task_id=row.pk,
        kind=row.kind,
        title=row.get_kind_display(),
        note=row.note,
        phone=row.phone,
        due_at=row.due_at,
        created_at=row.created_at,
        created_by=row.created_by,
        client_id=row.client_id,
        client_name=row.client.name,
        campaign_id=None if campaign is None else campaign.pk,
        campaign_name="" if campaign is None else campaign.name,
        recipient_id=row.recipient_id,
        recipient_name="" if person is None else f"{person.first_name} {person.last_name}".strip(),
        redemption_id=row.redemption_id,
        redemption_state="" if row.redemption is None else row.redemption.state,
    )
