"""Recipients on their way through the staging table: the statements of an upload.

All run in the transaction of the import. The staging table is unlogged and belongs to nobody:
what a statement sees of it is what its batch has put there.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, TextIO
from uuid import UUID

from django.db import connection

from alerts.csvfiles import RowProblem, safe_cell
from alerts.services.imports import PROBLEMS_KEPT
from alerts.transactions import transaction_required
from redemption.codes import format_code
from redemption.models import Campaign, Recipient, StagedRecipient
from redemption.services.recipient_rows import COLUMNS, FIELDS
from redemption.services.recipients import open_redemption_code

_TELL_EVERY: Final = 1000
_FETCH: Final = 2000

_COPY: Final = f"COPY redemption_stagedrecipient ({', '.join(COLUMNS)}) FROM STDIN"
_PERSON: Final = ", ".join(COLUMNS[2:])

_TAKE_OUT_DUPLICATES: Final = """
    WITH staged AS (
        SELECT s.id, s.line,
            EXISTS (SELECT FROM redemption_recipient r WHERE r.code_digest = s.code_digest)
                AS code_taken,
            EXISTS (SELECT FROM redemption_recipient r WHERE r.campaign_id = %(campaign)s
                AND r.external_crm_id = s.external_crm_id) AS crm_id_taken,
            min(s.line) OVER (PARTITION BY s.code_digest) AS code_line,
            CASE WHEN s.external_crm_id IS NULL THEN s.line
                ELSE min(s.line) OVER (PARTITION BY s.external_crm_id) END AS crm_id_line
        FROM redemption_stagedrecipient s
        WHERE s.batch_id = %(batch)s
    ), taken_out AS (
        DELETE FROM redemption_stagedrecipient s USING staged
        WHERE s.id = staged.id AND (staged.code_taken OR staged.crm_id_taken
            OR staged.line > staged.code_line OR staged.line > staged.crm_id_line)
        RETURNING staged.line, staged.code_taken, staged.code_line, staged.crm_id_taken,
            staged.crm_id_line
    )
    SELECT *, count(*) OVER () FROM taken_out ORDER BY line LIMIT %(limit)s
"""

_INSERT: Final = f"""
    INSERT INTO redemption_recipient
        (campaign_id, client_id, approval, created_at, batch_id, line, {_PERSON})
    SELECT c.id, c.client_id,
        CASE WHEN c.approval_required THEN 'pending' ELSE 'not_needed' END,
        %(now)s, s.batch_id, s.line, {_PERSON}
    FROM redemption_stagedrecipient s JOIN redemption_campaign c ON c.id = %(campaign)s
    WHERE s.batch_id = %(batch)s ORDER BY s.line
    ON CONFLICT DO NOTHING
"""  # noqa: S608  constants only


@transaction_required
def stage_recipients(rows: Iterable[tuple[Any, ...]], *, after_block: Callable[[int], None]) -> int:
    """Write rows into the staging table; return how many there were.

    :param after_block: is told after each thousand, and at the end, how many there are so far.
    """
    count = 0
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for count, row in enumerate(rows, start=1):
            copy.write_row(row)
            if count % _TELL_EVERY == 0:
                after_block(count)
    after_block(count)
    return count


@transaction_required
def take_out_duplicates(*, batch_id: UUID, campaign: Campaign) -> tuple[list[RowProblem], int]:
    """Remove staged rows whose code or CRM id is there already, or on an earlier line.

    :returns: what is wrong with the first of them, and how many rows there are.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE_OUT_DUPLICATES,
            {"batch": batch_id, "campaign": campaign.pk, "limit": PROBLEMS_KEPT},
        )
        found = cursor.fetchall()
    problems = [problem for row in found for problem in _explain(row)]
    return problems, found[0][-1] if found else 0


@transaction_required
def make_recipients(*, batch_id: UUID, campaign: Campaign, now: datetime) -> int:
    """Make recipients of what is staged; return how many.

    Whether they wait for approval is as the campaign says at this moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {"batch": batch_id, "campaign": campaign.pk, "now": now})
        return int(cursor.rowcount)


@transaction_required
def write_codes(*, batch_id: UUID, file: TextIO) -> None:
    """Write what is staged, with its codes in plain, as a CSV file for the mail house."""
    writer = csv.writer(file)
    writer.writerow(FIELDS)
    staged = StagedRecipient.objects.filter(batch_id=batch_id).order_by("line")
    last_line = 0
    while rows := list(staged.filter(line__gt=last_line)[:_FETCH]):
        for row in rows:
            writer.writerow(print_with_code(row))
        last_line = rows[-1].line


def print_with_code(row: StagedRecipient | Recipient) -> list[str]:
    """Return a person's cells for the mail house, the last of them their code in plain."""
    cells = [getattr(row, field) or "" for field in FIELDS[:-1]]
    # A phone number begins with a plus, and is ours and harmless.
    safe = [
        cell if field == "phone" else safe_cell(cell)
        for field, cell in zip(FIELDS, cells, strict=False)
    ]
    return [*safe, format_code(open_redemption_code(row))]


@transaction_required
def clear_staged_recipients(*, batch_id: UUID) -> None:
    """Remove what is staged of a batch."""
    StagedRecipient.objects.filter(batch_id=batch_id).delete()


def _explain(row: tuple[Any, ...]) -> Iterator[RowProblem]:
    line, code_taken, code_line, crm_id_taken, crm_id_line, _ = row
    if code_taken:
        # Not by whom: it may be another client's.
        yield RowProblem(line, "redemption_code", "This code is taken.")
    elif line > code_line:
        yield RowProblem(line, "redemption_code", f"The same code is on line {code_line}.")
    if crm_id_taken:
        yield RowProblem(line, "external_crm_id", "This campaign has a recipient with this id.")
    elif line > crm_id_line:
        yield RowProblem(line, "external_crm_id", f"The same id is on line {crm_id_line}.")
