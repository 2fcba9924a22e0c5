"""Cards from a file into a pool: one importer for the command, the API and the admin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import BinaryIO, Final, Literal
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.db.transaction import set_rollback

from alerts.csvfiles import FileProblem, Row, RowProblem, read_rows
from alerts.errors import ValidationFailedError
from alerts.services.imports import (
    ChangedMeanwhileError,
    ImportReport,
    MeasuredSource,
    Mode,
    Progress,
    Rejects,
    check_mapping,
    clean_file_name,
    digest_file,
    error_of,
)
from alerts.transactions import durable, savepoint, transaction, transaction_required
from credit.services.idempotency import KeyClaim, hold_key, keep_answer
from giftcards.models import CardBatch, GiftCard, Pool
from giftcards.patterns import CodePattern
from giftcards.services.card_rows import FIELDS, REQUIRED, copy_lines
from giftcards.services.card_staging import (
    clear_staged_cards,
    find_duplicates,
    move_into_pool,
    stage_cards,
)
from giftcards.services.upload_rules import (
    pattern_for,
    record_upload,
    refuse_known_file,
    ring_for_new_stock,
)

_IMPORTED_ONCE: Final = "giftcards_cardbatch_file_imported_once"
_STATUSES: Final = {"imported": 201, "refused": 400, "previewed": 200}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """One file on its way into a pool."""

    pool: Pool
    batch_id: UUID
    file_hash: bytes
    pattern: CodePattern
    mode: Mode
    dry_run: bool
    card_source: GiftCard.Source
    now: datetime
    rejects: Rejects


@durable
def import_cards(
    *,
    pool: Pool,
    source: BinaryIO,
    file_name: str,
    mode: Mode,
    dry_run: bool,
    actor: str,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    max_rows: int | None = None,
    first_line: int = 1,
    progress: Progress | None = None,
    claim: KeyClaim | None = None,
    card_source: GiftCard.Source = GiftCard.Source.UPLOAD,
) -> ImportReport:
    """Bring the cards of a CSV file into a pool, in one transaction and constant memory.

    Every row is checked: its code against the brand's pattern, against the file's other lines
    and all cards of the brand; its date of expiry, PIN and number. What is refused is told by
    line. The same file again is refused as a whole, unless its first import was undone.

    :param source: the file, read from its beginning and twice; the caller closes it.
    :param mode: ``all_or_nothing`` writes nothing when a row is refused; ``valid_rows`` leaves
        those out.
    :param dry_run: check, tell and write nothing at all.
    :param mapping: the header's name of a field (code, pin, number, expires_on) where it differs.
    :param first_line: the number of the file's first line, as ``read_rows`` takes it.
    :param claim: the caller's Idempotency-Key, whose record is written in the same transaction;
        of a dry run the answer itself is kept.
    :param card_source: what is noted on the cards as where they came from.
    :raises KeyAnsweredError: the claim was answered before, as its record says.
    :raises KeyReusedError: the claim's key stands for another request (GC-107).
    :raises StillRunningError: the first call with the key is still at work (GC-108).
    :raises FileAlreadyUploadedError: GC-114.
    :raises FileTooLargeError: it has more than ``max_rows`` rows (GC-116).
    :raises ChangedMeanwhileError: somebody took out a duplicate while it was being told (GC-115).
    :raises ValidationFailedError: the file can't be read, or the pool takes no uploads (GC-012).
    """
    check_mapping(mapping or {}, fields=FIELDS)
    upload = _Upload(
        pool=pool,
        batch_id=uuid4(),
        file_hash=digest_file(source, purpose="card_file"),
        pattern=pattern_for(pool),
        mode=mode,
        dry_run=dry_run,
        card_source=card_source,
        now=now,
        rejects=Rejects(),
    )
    refuse_known_file(brand_id=pool.brand_id, file_hash=upload.file_hash)
    measured = MeasuredSource(source, progress=progress)
    try:
        rows = read_rows(
            measured,
            fields=FIELDS,
            required=REQUIRED,
            mapping=mapping,
            max_rows=max_rows,
            first_line=first_line,
        )
        with transaction():
            if claim is not None:
                hold_key(claim=claim)
            row_count, accepted = _bring_in(upload, rows, measured)
            report = _report(upload, rows=row_count, accepted=accepted)
            if not dry_run:
                _keep(report, upload, file_name=file_name, actor=actor)
            if claim is not None:
                _keep_answer(report, upload, claim)
    except FileProblem as problem:
        raise error_of(problem) from problem
    except IntegrityError as error:
        if _IMPORTED_ONCE not in str(error):
            raise
        refuse_known_file(brand_id=pool.brand_id, file_hash=upload.file_hash)
        raise
    if report.state == "imported":
        ring_for_new_stock()
    return report


@transaction_required
def _bring_in(
    upload: _Upload, rows: Iterable[Row | RowProblem], measured: MeasuredSource
) -> tuple[int, int]:
    """Stage the good rows and make cards of them; return the count of all rows and of the cards.

    Nothing stays of a dry run, nor of a file that is refused. In a dry run the second count is
    of the cards that there would be.
    """
    rejects = upload.rejects
    with savepoint():
        lines = copy_lines(
            rows,
            batch_id=upload.batch_id,
            pattern=upload.pattern,
            today=upload.now.date(),
            rejects=rejects,
        )
        staged = stage_cards(
            lines, after_block=lambda count: measured.tell_progress(count + rejects.rows)
        )
        if not staged and not rejects.rows:
            raise ValidationFailedError(errors={"file": ["The file has no rows."]})
        written = 0
        if not upload.dry_run and (upload.mode == "valid_rows" or not rejects.rows):
            written = move_into_pool(
                batch_id=upload.batch_id,
                pool=upload.pool,
                source=upload.card_source,
                now=upload.now,
                rows=staged,
            )
        duplicates = 0
        if written < staged:
            # Perhaps the same file came in by another door a moment ago.
            refuse_known_file(brand_id=upload.pool.brand_id, file_hash=upload.file_hash)
            problems, duplicates = find_duplicates(
                batch_id=upload.batch_id, pool=upload.pool, rows=staged
            )
            rejects.add_found(problems, rows=duplicates)
        accepted = staged - duplicates
        if upload.mode == "all_or_nothing" and rejects.rows:
            accepted = 0
        if upload.dry_run or not accepted:
            set_rollback(True)
        elif written != accepted:
            raise ChangedMeanwhileError
        else:
            clear_staged_cards(batch_id=upload.batch_id)
    return staged + rejects.rows - duplicates, accepted


def _report(upload: _Upload, *, rows: int, accepted: int) -> ImportReport:
    outcome: Literal["imported", "refused"] = "imported" if accepted else "refused"
    return ImportReport(
        state="previewed" if upload.dry_run else outcome,
        batch_id=None if upload.dry_run else upload.batch_id,
        rows=rows,
        accepted=accepted,
        rejected=upload.rejects.rows,
        problems=upload.rejects.problems,
        problem_count=upload.rejects.problem_count,
    )


@transaction_required
def _keep(report: ImportReport, upload: _Upload, *, file_name: str, actor: str) -> None:
    """Write the upload's own row, with what was refused and why."""
    CardBatch.objects.create(
        pk=upload.batch_id,
        pool=upload.pool,
        file_name=clean_file_name(file_name),
        file_hash=upload.file_hash,
        state=report.state,
        rows=report.rows,
        accepted=report.accepted,
        rejected=report.rejected,
        rejects=[problem._asdict() for problem in report.problems],
        actor=actor,
        created_at=upload.now,
    )
    if report.state == "imported":
        record_upload(
            batch_id=upload.batch_id,
            pool=upload.pool,
            accepted=report.accepted,
            rejected=report.rejected,
            actor=actor,
            now=upload.now,
        )


@transaction_required
def _keep_answer(report: ImportReport, upload: _Upload, claim: KeyClaim) -> None:
    keep_answer(
        claim=claim,
        object_id=upload.batch_id,
        status=_STATUSES[report.state],
        now=upload.now,
        # A preview leaves nothing that its answer could be printed from again.
        details=None if report.batch_id else report.kept(),
    )
