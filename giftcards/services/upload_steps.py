"""What a worker does with a large upload: one transaction a step, so that it happens or not.

Every step begins by locking the upload: of two workers, one that was thought dead and its
successor, the second waits, and then finds the step done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import IntegrityError
from django.db.transaction import set_rollback

from alerts.codes import ErrorCode
from alerts.csvfiles import RowProblem
from alerts.errors import ServiceError
from alerts.services.imports import PROBLEMS_KEPT, ChangedMeanwhileError
from alerts.transactions import durable, savepoint, transaction, transaction_required
from giftcards.models import CardBatch, GiftCard, UploadJob
from giftcards.services.card_staging import (
    Tell,
    check_keys_at_once,
    clear_staged_cards,
    count_staged_cards,
    find_duplicates,
    move_into_pool,
)
from giftcards.services.upload_ends import lock_upload
from giftcards.services.upload_rules import (
    pattern_for,
    record_upload,
    refuse_known_file,
    ring_for_new_stock,
)


@dataclasses.dataclass(eq=False, kw_only=True)
class StagedRowsLostError(ServiceError):
    """The database was restarted the hard way, and forgot the rows that were on their way in."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


@durable
def check_upload(*, batch_id: UUID, tell: Tell) -> None:
    """Compare what was received with itself and the stock, for somebody to look at and confirm.

    A repeat does nothing.

    :raises StagedRowsLostError: the rows are gone (GC-115).
    """
    with transaction():
        batch = lock_upload(batch_id=batch_id)
        if batch.state != CardBatch.State.CHECKING:
            return
        job = _job_of(batch)
        problems, duplicates = find_duplicates(
            batch_id=batch_id, pool=batch.pool, rows=job.rows_total, tell=tell
        )
        CardBatch.objects.filter(pk=batch_id).update(
            state=CardBatch.State.PREVIEWED,
            accepted=job.rows_total - duplicates,
            rejected=job.rejected + duplicates,
            rejects=_merge(job.rejects, problems),
        )


@durable
def import_upload(*, batch_id: UUID, now: datetime, tell: Tell) -> None:
    """Make cards of what was received and confirmed: all of it at once, or nothing.

    Compares with the stock once more, since it may have changed since the preview. A repeat does
    nothing.

    :raises StagedRowsLostError: the rows are gone (GC-115).
    :raises FileAlreadyUploadedError: it came in by another door meanwhile (GC-114).
    :raises ChangedMeanwhileError: somebody took out a duplicate while it was being told (GC-115).
    :raises ValidationFailedError: the pool takes no uploads any more (GC-012).
    """
    try:
        with transaction():
            batch = lock_upload(batch_id=batch_id)
            if batch.state != CardBatch.State.IMPORTING:
                return
            refuse_known_file(brand_id=batch.pool.brand_id, file_hash=bytes(batch.file_hash))
            is_imported = _move(batch, now=now, tell=tell)
    except IntegrityError as error:
        if "giftcards_cardbatch_file_imported_once" in str(error):
            refuse_known_file(brand_id=batch.pool.brand_id, file_hash=bytes(batch.file_hash))
        raise
    if is_imported:
        ring_for_new_stock()


@transaction_required
def _move(batch: CardBatch, *, now: datetime, tell: Tell) -> bool:
    """Move the staged rows into the pool, if what was confirmed still holds; tell whether so."""
    pattern_for(batch.pool)
    job = _job_of(batch)
    problems: list[RowProblem] = []
    duplicates = 0
    check_keys_at_once()
    with savepoint():
        written = move_into_pool(
            batch_id=batch.pk,
            pool=batch.pool,
            source=GiftCard.Source.UPLOAD,
            now=now,
            rows=job.rows_total,
            tell=tell,
        )
        if written < job.rows_total:
            problems, duplicates = find_duplicates(
                batch_id=batch.pk, pool=batch.pool, rows=job.rows_total
            )
        rejected = job.rejected + duplicates
        accepted = job.rows_total - duplicates
        if not accepted or (job.mode == "all_or_nothing" and rejected):
            accepted = 0
            set_rollback(True)
        elif written != accepted:
            raise ChangedMeanwhileError
    clear_staged_cards(batch_id=batch.pk)
    CardBatch.objects.filter(pk=batch.pk).update(
        state=CardBatch.State.IMPORTED if accepted else CardBatch.State.REFUSED,
        accepted=accepted,
        rejected=rejected,
        rejects=_merge(job.rejects, problems),
    )
    if accepted:
        record_upload(
            batch_id=batch.pk,
            pool=batch.pool,
            accepted=accepted,
            rejected=rejected,
            actor=job.actor,
            now=now,
        )
    return bool(accepted)


@transaction_required
def _job_of(batch: CardBatch) -> UploadJob:
    """Return the job of an upload whose staged rows are all there."""
    # Read and not locked: its watch goes on writing down how far it is.
    job = UploadJob.objects.get(pk=batch.pk)
    # The staging table is not logged: after a crash PostgreSQL empties it.
    if count_staged_cards(batch_id=batch.pk) != job.rows_total:
        raise StagedRowsLostError
    return job


def _merge(kept: list[dict[str, Any]], found: Iterable[RowProblem]) -> list[dict[str, Any]]:
    """Return the first problems by line: those of the rows alone, and the duplicates."""
    both = [*kept, *(problem._asdict() for problem in found)]
    return sorted(both, key=lambda problem: int(problem["line"]))[:PROBLEMS_KEPT]
