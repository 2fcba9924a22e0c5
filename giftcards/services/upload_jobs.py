"""Who works on large uploads: claimed with a lease, worked on under a watch, and put to rest."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import connection

from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.services.imports import FileAlreadyUploadedError
from alerts.transactions import durable, transaction
from giftcards.models import CardBatch, UploadJob
from giftcards.services.upload_ends import UploadStoppedError, end_upload, rest_upload
from giftcards.services.upload_steps import StagedRowsLostError, check_upload, import_upload
from giftcards.services.upload_watch import LEASE_SECONDS, UploadWatch
from giftcards.services.uploads import UploadNotUndoableError, undo_upload

log = structlog.get_logger()

# A worker that dies of an upload would die of it for ever.
MOST_ATTEMPTS: Final = 3

_CLAIM: Final = """
    UPDATE giftcards_uploadjob SET leased_until = %(until)s, attempts = attempts + 1
    WHERE batch_id = (
        SELECT batch_id FROM giftcards_uploadjob
        WHERE due_at <= %(now)s AND (leased_until IS NULL OR leased_until < %(now)s)
        ORDER BY due_at, batch_id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING batch_id, step, actor, attempts, stop_asked_at IS NOT NULL
"""


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
    """A step of an upload that this worker has in hand."""

    batch_id: UUID
    step: str
    actor: str
    attempts: int
    is_stopped: bool


@seeing(EVERYTHING)
@durable
def run_uploads(*, now: datetime) -> int:
    """Do what is to be done with large uploads, one after the other; return how many there were.

    A worker that dies leaves a step to the next one, which begins it anew: its transaction was
    rolled back. After three deaths the upload ends as failed. Safe to run in several at once.
    """
    count = 0
    while (job := _claim(now)) is not None:
        count += 1
        _work_on(job, now)
    return count


def _claim(now: datetime) -> _Job | None:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "until": now + timedelta(seconds=LEASE_SECONDS)})
        row = cursor.fetchone()
    return _Job(*row) if row else None


def _work_on(job: _Job, now: datetime) -> None:
    if job.is_stopped:
        _end(job, CardBatch.State.STOPPED, _STOPPED, now)
        return
    if job.attempts > MOST_ATTEMPTS:
        _end(job, CardBatch.State.FAILED, "The worker died of it several times.", now)
        return
    try:
        with UploadWatch(batch_id=job.batch_id) as watch:
            note = _take_step(job, watch, now)
    except UploadStoppedError:
        _end(job, CardBatch.State.STOPPED, _STOPPED, now)
    except ServiceError as error:
        log.info("a large upload ended", batch_id=str(job.batch_id), code=error.code.code)
        _end(job, CardBatch.State.FAILED, _say(error), now)
    else:
        with transaction():
            rest_upload(batch_id=job.batch_id, note=note, now=now)


_STOPPED: Final = "Stopped by hand."


def _take_step(job: _Job, watch: UploadWatch, now: datetime) -> str:
    if job.step == UploadJob.Step.CHECK:
        check_upload(batch_id=job.batch_id, tell=watch.tell)
    elif job.step == UploadJob.Step.IMPORT:
        import_upload(batch_id=job.batch_id, now=now, tell=watch.tell)
    elif job.step == UploadJob.Step.UNDO:
        undo_upload(batch_id=job.batch_id, actor=job.actor, now=now, tell=watch.tell)
    else:
        # Nothing comes of it any more; what is staged of it goes.
        end_upload(batch_id=job.batch_id, state=CardBatch.State.STOPPED, note="", now=now)
    return ""


def _end(job: _Job, state: CardBatch.State, note: str, now: datetime) -> None:
    """End the upload; an import that was only to be undone stays what it is, with a note."""
    if not end_upload(batch_id=job.batch_id, state=state, note=note, now=now):
        with transaction():
            rest_upload(batch_id=job.batch_id, note=note, now=now)


def _say(error: ServiceError) -> str:
    """Say in a sentence why an upload came to nothing."""
    if isinstance(error, UploadNotUndoableError):
        if error.used:
            return f"{error.used:,} of its cards are in use or sold, so nothing was undone."
        return ""
    if isinstance(error, StagedRowsLostError):
        return "The database was restarted while it was on its way. Upload the file again."
    if isinstance(error, FileAlreadyUploadedError):
        return "The same file was imported meanwhile."
    said = [words for several in error.errors.values() for words in several]
    return " ".join(said) or f"{error.code.operator} {error.code.action}"
