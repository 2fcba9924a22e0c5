"""Recipients from a file into a campaign: one importer for the command, the API and the admin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import BinaryIO, Literal, TextIO
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
    digest_file,
    error_of,
)
from alerts.transactions import durable, savepoint, transaction, transaction_required
from credit.models import IdempotencyRecord
from redemption.models import Campaign
from redemption.services.recipient_rows import FIELDS, RecipientReader
from redemption.services.recipient_staging import (
    clear_staged_recipients,
    make_recipients,
    stage_recipients,
    take_out_duplicates,
    write_codes,
)
from redemption.services.recipients import admit_codes


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
    codes_out: TextIO | None


@durable
def import_recipients(
    *,
    campaign: Campaign,
    source: BinaryIO,
    mode: Mode,
    dry_run: bool,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    max_rows: int | None = None,
    progress: Progress | None = None,
    codes_out: TextIO | None = None,
) -> ImportReport:
    """Add the people of a CSV file to a campaign, in one transaction and constant memory.

    Every row is checked; phone numbers become E.164, of the row's country where it names one.
    Who has no redemption code gets a new one. Duplicates of a code or a CRM id are told by line,
    and the same file again is refused as a whole: it would make a second code for everybody.

    :param source: the file, read from its beginning and twice; the caller closes it.
    :param mode: ``all_or_nothing`` writes nothing when a row is refused; ``valid_rows`` leaves
        those out.
    :param dry_run: check, tell and write nothing at all.
    :param mapping: the header's name of a field where it differs.
    :param codes_out: gets the accepted rows with their codes in plain, as CSV; what stands there
        is worth nothing when this raises.
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
        codes_out=codes_out,
    )
    _refuse_known_file(upload)
    measured = MeasuredSource(source, progress=progress)
    try:
        rows = read_rows(measured, fields=FIELDS, required=(), mapping=mapping, max_rows=max_rows)
        with transaction():
            return _bring_in(upload, rows, measured)
    except FileProblem as problem:
        raise error_of(problem) from problem
    except IntegrityError:
        # Of two imports of one file at once the second finds the first one's record.
        _refuse_known_file(upload)
        raise


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
        rejects.add_found(problems, rows=duplicates)
        admit_codes(campaign=upload.campaign, codes=upload.reader.sampled_codes)
        accepted = staged - duplicates
        if upload.mode == "all_or_nothing" and rejects.rows:
            accepted = 0
        if upload.dry_run or not accepted:
            set_rollback(True)
        else:
            _write(upload, accepted=accepted)
    outcome: Literal["imported", "refused"] = "imported" if accepted else "refused"
    return ImportReport(
        state="previewed" if upload.dry_run else outcome,
        batch_id=None,
        rows=row_count,
        accepted=accepted,
        rejected=rejects.rows,
        problems=rejects.problems,
        problem_count=rejects.problem_count,
        warnings=(),
    )


@transaction_required
def _write(upload: _Upload, *, accepted: int) -> None:
    """Make recipients of what is staged, write their codes out, and remember the file."""
    written = make_recipients(batch_id=upload.batch_id, campaign=upload.campaign, now=upload.now)
    if written != accepted:
        raise ChangedMeanwhileError
    if upload.codes_out is not None:
        write_codes(batch_id=upload.batch_id, file=upload.codes_out)
    clear_staged_recipients(batch_id=upload.batch_id)
    IdempotencyRecord.objects.create(
        owner=_owner_of(upload),
        key=_key_of(upload),
        fingerprint=upload.file_hash,
        status=201,
        created_at=upload.now,
    )


def _refuse_known_file(upload: _Upload) -> None:
    known = (
        IdempotencyRecord.objects.filter(owner=_owner_of(upload), key=_key_of(upload))
        .values_list("created_at", flat=True)
        .order_by("pk")
        .first()
    )
    if known is not None:
        raise FileAlreadyUploadedError(imported_at=known)


def _owner_of(upload: _Upload) -> str:
    return f"campaign:{upload.campaign.pk}"


def _key_of(upload: _Upload) -> str:
    return f"recipients:{upload.file_hash.hex()}"
