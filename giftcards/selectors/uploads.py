"""How far a large upload is, for the page that shows it."""

from __future__ import annotations

import dataclasses
from typing import Any, Final
from uuid import UUID

from giftcards.models import CardBatch, UploadJob

_PROBLEMS_SHOWN: Final = 50
_BUSY: Final = frozenset(
    {CardBatch.State.RECEIVING, CardBatch.State.CHECKING, CardBatch.State.IMPORTING}
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UploadProgress:
    """A large upload as it stands.

    ``phase`` is what goes on (receiving, checking, importing, undoing) or how it stands
    (previewed, imported, refused, stopped, failed, undone); ``is_busy`` tells whether it will
    change by itself. ``rows_total`` is 0 while nobody knows.
    """

    batch_id: UUID
    phase: str
    is_busy: bool
    is_stopping: bool
    rows_done: int
    rows_total: int
    rows: int
    accepted: int
    rejected: int
    note: str
    problems: list[dict[str, Any]]
    problems_left: int

    @property
    def percent(self) -> int:
        """How much is done, of 100."""
        return 100 * self.rows_done // self.rows_total if self.rows_total else 0


def find_upload(batch_id: UUID) -> UploadProgress | None:
    """Return how far an upload is; None of one that had nothing to do in the background."""
    job = (
        UploadJob.objects.select_related("batch")
        .defer("rejects")
        .filter(pk=batch_id)
        .order_by("pk")
        .first()
    )
    if job is None:
        return None
    batch = job.batch
    is_undoing = batch.state == CardBatch.State.IMPORTED and job.due_at is not None
    is_receiving = batch.state == CardBatch.State.RECEIVING
    return UploadProgress(
        batch_id=batch.pk,
        phase="undoing" if is_undoing else batch.state,
        is_busy=is_undoing or batch.state in _BUSY,
        is_stopping=job.stop_asked_at is not None,
        rows_done=job.rows_done,
        rows_total=0 if is_receiving else job.rows_total,
        rows=batch.rows,
        accepted=batch.accepted,
        rejected=batch.rejected,
        note=job.note,
        problems=batch.rejects[:_PROBLEMS_SHOWN],
        problems_left=max(batch.rejected - _PROBLEMS_SHOWN, 0),
    )
