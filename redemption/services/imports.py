"""Recipients from a file into a campaign: one importer for the command, the API and the admin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import BinaryIO, Final, Literal, TextIO
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.db.transaction import set_rollback

from alerts.csvfiles import FileProblem, Row, RowProblem, read_rows
from alerts.errors import ValidationFailedError
from alerts.services.imports import (
    ChangedMeanwhileError,
    FileAlreadyUploadedError,
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
from credit.services.audit import record_event
from credit.services.idempotency import KeyClaim, hold_key, keep_answer
from redemption.models import Campaign, RecipientBatch
from redemption.services.recipient_rows import FIELDS, RecipientReader
from redemption.services.recipient_staging import (
    clear_staged_recipients,
    make_recipients,
    stage_recipients,
    take_out_duplicates,
    write_codes,
)
from redemption.services.recipients import admit_codes

_IMPORTED_ONCE: Final = "redemption_recipientbatch_file_imported_once"
_STATUSES: Final = {"imported": 201, "refused": 400, "previewed": 200}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """One file on its way into a campaign."""

    campaign: Campaign
    batch_id: UUID
    file_hash: bytes
    mode: Mode
    dry_run: bool
    now: datetime
    rejects: Rejects
    reader: RecipientReader
    file_name: str
    actor: str
    codes_out: TextIO | None


@durable
def import_recipients(
    *,
    campaign: Campaign,
    source: BinaryIO,
    mode: Mode,
    dry_run: bool,
    now: datetime,
    file_name: str = "",
    actor: str = "system",
    mapping: Mapping[str, str] | None = None,
    max_rows: int | None = None,
    first_line: int = 1,
    progress: Progress | None = None,
    claim: KeyClaim | None = None,
    codes_out: TextIO | None = None,
) -> ImportReport:
    """Add the people of a CSV file to a campaign, in one transaction and constant memory.

    Every row is checked; phone numbers become E.164, of the row's country where it names one.
    Who has no redemption code gets a new one, and waits for approval where the campaign asks for
    it. Duplicates of a code or a CRM id are told by line, and the same file again is refused as a
    whole, unless its first import was undone: it would make a second code for everybody.

    :param source: the file, read from its beginning and twice; the caller closes it.
    :param mode: ``all_or_nothing`` writes nothing when a row is refused; ``valid_rows`` leaves
        those out.
    :param dry_run: check, tell and write nothing at all.
    :param mapping: the header's name of a field where it differs.
    :param first_line: the number of the file's first line, as ``read_rows`` takes it.
    :param claim: the caller's Idempotency-Key, whose record is written in the same transaction;
        of a dry run the answer itself is kept, and codes never are.
    :param codes_out: gets the accepted rows with their codes in plain, as CSV; what stands there
        is worth nothing when this raises.
    :raises KeyAnsweredError: the claim was answered before, as its record says.
    :raises KeyReusedError: the claim's key stands for another request (GC-107).
    :raises StillRunningError: the first call with the key is still at work (GC-108).
    :raises FileAlreadyUploadedError: GC-114.
    :raises FileTooLargeError: it has more than ``max_rows`` rows (GC-116).
    :raises ChangedMeanwhileError: somebody added one of these people meanwhile (GC-115).
    :raises ValidationFailedError: the file can't be read, or its codes can be guessed and the
        campaign asks for nothing besides (GC-012).
    """
    check_mapping(mapping or {}, fields=FIELDS)
    batch_id, rejects = uuid4(), Rejects()
    upload = _Upload(
        campaign=campaign,
        batch_id=batch_id,
        file_hash=digest_file(source, purpose="recipient_file"),
        mode=mode,
        dry_run=dry_run,
        now=now,
        rejects=rejects,
        reader=RecipientReader(batch_id=batch_id, rejects=rejects),
        file_name=clean_file_name(file_name),
        actor=actor,
        codes_out=codes_out,
    )
    _refuse_known_file(upload)
    measured = MeasuredSource(source, progress=progress)
    try:
        rows = read_rows(
            measured,
            fields=FIELDS,
            required=(),
            mapping=mapping,
            max_rows=max_rows,
            first_line=first_line,
        )
        with transaction():
            if claim is not None:
                hold_key(claim=claim)
            report = _bring_in(upload, rows, measured)
            if claim is not None:
                _keep_answer(report, upload, claim)
    except FileProblem as problem:
        raise error_of(problem) from problem
    except IntegrityError as error:
        if _IMPORTED_ONCE not in str(error):
            raise
        _refuse_known_file(upload)
        raise
    return report


@transaction_required
def _bring_in(
    upload: _Upload, rows: Iterable[Row | RowProblem], measured: MeasuredSource
) -> ImportReport:
    """Stage the good rows and make recipients of them; nothing stays of what is refused."""
    rejects = upload.rejects
    with savepoint():
        staged = stage_recipients(
            upload.reader.read(rows),
            after_block=lambda count: measured.tell_progress(count + rejects.rows),
        )
        row_count = staged + rejects.rows
        if not row_count:
            raise ValidationFailedError(errors={"file": ["The file has no rows."]})
        problems, duplicates = take_out_duplicates(
            batch_id=upload.batch_id, campaign=upload.campaign
        )
        if duplicates:
            # Perhaps the same file came in by another door a moment ago.
            _refuse_known_file(upload)
        rejects.add_found(problems, rows=duplicates)
        admit_codes(campaign=upload.campaign, codes=upload.reader.sampled_codes)
        accepted = staged - duplicates
        if upload.mode == "all_or_nothing" and rejects.rows:
            accepted = 0
        report = _report(upload, rows=row_count, accepted=accepted)
        if upload.dry_run or not accepted:
            set_rollback(True)
        else:
            _write(upload, report)
    if report.state == "refused":
        _keep(upload, report)
    return report


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
def _write(upload: _Upload, report: ImportReport) -> None:
    """Make recipients of what is staged, and write their codes out."""
    # First of all: of two imports of one file the second waits here, and then is refused.
    _keep(upload, report)
    written = make_recipients(batch_id=upload.batch_id, campaign=upload.campaign, now=upload.now)
    if written != report.accepted:
        raise ChangedMeanwhileError
    if upload.codes_out is not None:
        write_codes(batch_id=upload.batch_id, file=upload.codes_out)
    clear_staged_recipients(batch_id=upload.batch_id)
    record_event(
        actor=upload.actor,
        action="recipients.uploaded",
        object_kind="recipientbatch",
        object_id=upload.batch_id,
        now=upload.now,
        after={
            "campaign_id": str(upload.campaign.pk),
            "accepted": report.accepted,
            "rejected": report.rejected,
        },
        owner=upload.campaign.client,
    )


@transaction_required
def _keep(upload: _Upload, report: ImportReport) -> None:
    """Write the upload's own row, with what was refused and why."""
    RecipientBatch.objects.create(
        pk=upload.batch_id,
        campaign=upload.campaign,
        client_id=upload.campaign.client_id,
        file_name=upload.file_name,
        file_hash=upload.file_hash,
        state=report.state,
        rows=report.rows,
        accepted=report.accepted,
        rejected=report.rejected,
        rejects=[problem._asdict() for problem in report.problems],
        actor=upload.actor,
        created_at=upload.now,
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


def _refuse_known_file(upload: _Upload) -> None:
    known = (
        RecipientBatch.objects.filter(
            campaign_id=upload.campaign.pk,
            file_hash=upload.file_hash,
            state=RecipientBatch.State.IMPORTED,
        )
        .order_by("created_at")
        .first()
    )
    if known is not None:
        raise FileAlreadyUploadedError(batch_id=known.pk, imported_at=known.created_at)
