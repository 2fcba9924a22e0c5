"""What a person does with a large upload: confirm it, stop it, have it undone; and the clean-up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from alerts.queue import ring_bell
from alerts.scope import EVERYTHING, seeing
from alerts.services.imports import Mode
from alerts.transactions import durable, transaction
from giftcards.models import CardBatch, UploadJob
from giftcards.services.receiving import WORK_TASK
from giftcards.services.upload_ends import UNDER_WAY, end_upload, lock_upload
from giftcards.services.uploads import UploadNotUndoableError

# How long somebody may think about a preview. Then its rows go: they are money, if encrypted.
KEPT_FOR: Final = timedelta(hours=24)

# Of uploads that are over, or that nobody knows. Those of imports that are just running are not
# committed, and so not seen.
_CLEAR_ORPHANS: Final = """
    DELETE FROM giftcards_stagedcard s WHERE NOT EXISTS (
        SELECT 1 FROM giftcards_cardbatch b WHERE b.id = s.batch_id AND b.state = ANY (%s)
    )
"""


@seeing(EVERYTHING)
@durable
def confirm_upload(*, batch_id: UUID, mode: Mode, actor: str, now: datetime) -> bool:
    """Have what was checked imported, soon; tell whether it was still waiting for that."""
    with transaction():
        batch = lock_upload(batch_id=batch_id)
        if batch.state != CardBatch.State.PREVIEWED:
            return False
        CardBatch.objects.filter(pk=batch_id).update(state=CardBatch.State.IMPORTING)
        _hand_over(batch_id, UploadJob.Step.IMPORT, actor=actor, now=now, mode=mode)
    ring_bell(WORK_TASK)
    return True


@seeing(EVERYTHING)
@durable
def stop_upload(*, batch_id: UUID, now: datetime) -> bool:
    """Stop what is under way with an upload; tell whether there was anything.

    Who has it in hand hears of it within a second and rolls back; if nobody has, it ends here.
    What has become stock stays: that can be undone.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE giftcards_uploadjob j SET stop_asked_at = %(now)s FROM giftcards_cardbatch b"
            " WHERE j.batch_id = %(batch)s AND b.id = j.batch_id"
            " AND (b.state = ANY (%(states)s) OR j.due_at IS NOT NULL)"
            " RETURNING j.leased_until > clock_timestamp()",
            {"batch": batch_id, "now": now, "states": sorted(UNDER_WAY)},
        )
        row = cursor.fetchone()
    if row is None:
        return False
    if not row[0]:
        end_upload(
            batch_id=batch_id,
            state=CardBatch.State.STOPPED,
            note="Stopped by hand.",
            now=now,
        )
    return True


@seeing(EVERYTHING)
@durable
def ask_to_undo(*, batch_id: UUID, actor: str, now: datetime) -> None:
    """Have all cards of an upload taken out of stock again by a worker: ``undo_upload``, later.

    :raises UploadNotUndoableError: it is no import, or is being undone already (GC-115).
    """
    with transaction():
        batch = lock_upload(batch_id=batch_id)
        is_busy = UploadJob.objects.filter(pk=batch_id, due_at__isnull=False).exists()
        if batch.state != CardBatch.State.IMPORTED or is_busy:
            raise UploadNotUndoableError(state=batch.state)
        UploadJob.objects.get_or_create(
            pk=batch_id, defaults={"step": UploadJob.Step.UNDO, "actor": actor, "changed_at": now}
        )
        _hand_over(batch_id, UploadJob.Step.UNDO, actor=actor, now=now, rows_total=batch.accepted)
    ring_bell(WORK_TASK)


@seeing(EVERYTHING)
@durable
def sweep_uploads(*, now: datetime) -> int:
    """End uploads that broke off or were never confirmed; return how many there were.

    Staged rows that belong to nothing go as well. Safe to run twice at once.
    """
    broken = Q(batch__state=CardBatch.State.RECEIVING, leased_until__lt=now)
    forgotten = Q(batch__state=CardBatch.State.PREVIEWED, changed_at__lt=now - KEPT_FOR)
    ended = 0
    for job in UploadJob.objects.filter(broken | forgotten).select_related("batch"):
        is_broken = job.batch.state == CardBatch.State.RECEIVING
        ended += end_upload(
            batch_id=job.pk,
            state=CardBatch.State.FAILED if is_broken else CardBatch.State.STOPPED,
            note="It broke off before all of it was received."
            if is_broken
            else "Nobody has confirmed it within 24 hours.",
            now=now,
        )
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR_ORPHANS, [sorted(UNDER_WAY)])
    return ended


def _hand_over(batch_id: UUID, step: UploadJob.Step, *, now: datetime, **changes: object) -> None:
    """Leave the next step to a worker."""
    UploadJob.objects.filter(pk=batch_id).update(
        step=step,
        due_at=now,
        leased_until=None,
        stop_asked_at=None,
        attempts=0,
        rows_done=0,
        note="",
        changed_at=now,
        **changes,
    )
