"""Statements as files: CSV for spreadsheets and programs; the PDF stands in ``statement_pdf``."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from typing import IO, Final
from uuid import UUID

from django.utils.text import slugify

from alerts.csvfiles import safe_cell
from credit.money import format_amount
from credit.selectors.statements import Statement, StatementLine, open_statement
from credit.selectors.viewers import Viewer

_KEPT_IN_MEMORY_BYTES: Final = 1024 * 1024

_COLUMNS: Final = (
    "number",
    "created_at",
    "kind",
    "amount",
    "balance_after",
    "currency",
    "reference",
    "note",
    "transaction_id",
)


def spool_statement(
    *,
    viewer: Viewer,
    account_id: UUID,
    start: date,
    end: date,
    write: Callable[[Statement, IO[bytes]], None],
) -> tuple[Statement, IO[bytes]]:
    """Write a statement into a temporary file; return its facts and the file, at its beginning.

    The whole file is made before its first byte is sent: whatever goes wrong can still be
    answered as an error, and no transaction waits for a slow reader. Up to a megabyte it stays
    in memory. The caller closes it, which removes it.

    :raises Account.DoesNotExist: there is no such account in sight.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY_BYTES)  # noqa: SIM115  returned
    try:
        with open_statement(
            viewer=viewer, account_id=account_id, start=start, end=end
        ) as statement:
            write(statement, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return statement, file


def filename_of(statement: Statement, *, suffix: str) -> str:
    """Return what to call the file: plain letters, digits and dashes, whatever the account's name.

    ``statement-acorn-ltd-2026-03-01-to-2026-03-31.csv``
    """
    name = slugify(statement.account_name)[:60].strip("-") or str(statement.account_id)
    period = f"{statement.start.isoformat()}-to-{statement.end.isoformat()}"
    return f"statement-{name}-{period}.{suffix}"


def write_csv(statement: Statement, file: IO[bytes]) -> None:
    """Write a statement as CSV: a row for the opening balance, the entries, the closing balance.

    UTF-8 that begins with a byte order mark: without it Excel reads names wrongly. A text that a
    spreadsheet would take for a formula is written behind an apostrophe.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        writer.writerows(_rows(statement))
        text.flush()
    finally:
        # Or the file would be closed together with what has been laid around it.
        text.detach()


def _rows(statement: Statement) -> Iterator[tuple[object, ...]]:
    currency, name = statement.currency, safe_cell(statement.account_name)

    def balance(kind: str, day: date, amount_minor: int) -> tuple[object, ...]:
        amount = format_amount(amount_minor, currency)
        return ("", day.isoformat(), kind, "", amount, currency, "", name, "")

    yield balance("opening_balance", statement.start, statement.opening_minor)
    for line in statement.lines:
        yield _row(line, currency)
    yield balance("closing_balance", statement.end, statement.closing_minor)


def _row(line: StatementLine, currency: str) -> tuple[object, ...]:
    return (
        line.number,
        line.at.isoformat().replace("+00:00", "Z"),
        line.kind,
        format_amount(line.amount_minor, currency),
        format_amount(line.balance_after_minor, currency),
        currency,
        safe_cell(line.reference),
        safe_cell(line.note),
        line.transaction_id,
    )
