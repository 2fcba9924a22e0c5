"""Rows of an upload of people: checked one by one, completed with a code, and sealed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from alerts.csvfiles import Row, RowProblem, is_spreadsheet_number
from alerts.services.imports import SPREADSHEET_HINT, Rejects
from redemption.codes import CodeFormatError, generate_code, parse_imported_code
from redemption.services.recipients import seal_redemption_code
from sms.phones import COUNTRIES, PhoneError, parse_phone

FIELDS: Final = (
    "first_name", "last_name", "phone", "email", "city", "region", "postal_code", "country",
    "external_crm_id", "redemption_code",
)  # fmt: skip
# The columns of a staged recipient, in the order in which they are written.
COLUMNS: Final = (
    "batch_id", "line", "first_name", "last_name", "phone", "email", "city", "region",
    "postal_code", "country", "external_crm_id", "code_digest", "code_encrypted", "code_last4",
)  # fmt: skip
# One of these says who it is; a row without them is a slip.
IDENTIFYING: Final = frozenset(FIELDS) - {"city", "region", "postal_code", "country"}

_LONGEST: Final = {
    "first_name": 80, "last_name": 80, "email": 254, "city": 80, "region": 80, "postal_code": 16,
    "external_crm_id": 120,
}  # fmt: skip
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
# So many of the file's own codes tell how hard they are to guess.
_CODES_SAMPLED: Final = 1000


class FieldError(ValueError):
    """A cell can't be taken; the message is a sentence that says why."""


class RecipientReader:
    """Turns rows into staged recipients.

    ``generated`` counts the codes that were made; ``sampled_codes`` are the first of those that
    came with the file.
    """

    def __init__(self, *, batch_id: UUID, rejects: Rejects) -> None:
        self.generated = 0
        self.sampled_codes: list[str] = []
        self._batch_id = batch_id
        self._rejects = rejects

    def read(self, rows: Iterable[Row | RowProblem]) -> Iterator[tuple[Any, ...]]:
        """Yield the columns of each good row; the others go to the rejects."""
        for row in rows:
            if isinstance(row, RowProblem):
                self._rejects.add_row([row])
                continue
            values, problems = _check(row)
            if problems:
                self._rejects.add_row(problems)
                continue
            sealed = seal_redemption_code(self._code_for(values.pop("redemption_code")))
            values["external_crm_id"] = values["external_crm_id"] or None
            yield (
                self._batch_id,
                row.line,
                *values.values(),
                sealed.digest,
                sealed.encrypted,
                sealed.last4,
            )

    def _code_for(self, given: str) -> str:
        if not given:
            self.generated += 1
            return generate_code()
        if len(self.sampled_codes) < _CODES_SAMPLED:
            self.sampled_codes.append(given)
        return given


def _check(row: Row) -> tuple[dict[str, Any], list[RowProblem]]:
    """Return the row's values, brought into shape, and all that is wrong with it."""
    values: dict[str, Any] = {}
    problems = []
    for field in FIELDS:
        text = row.cells[field]
        try:
            values[field] = _read(field, text, row.cells["country"]) if text else ""
        except FieldError as problem:
            problems.append(RowProblem(row.line, field, str(problem)))
    if not any(row.cells[field] for field in IDENTIFYING):
        problems.append(RowProblem(row.line, "", "Nothing in this row says who it is."))
    return values, problems


def _read(field: str, text: str, country: str) -> str:
    """Return a cell as it is stored.

    :raises FieldError: it can't be.
    """
    if field in {"phone", "external_crm_id", "redemption_code"} and is_spreadsheet_number(text):
        raise FieldError(SPREADSHEET_HINT)
    try:
        if field == "phone":
            region = country.upper()
            return parse_phone(
                text,
                region=region if region in COUNTRIES else settings.DEFAULT_PHONE_REGION,
                allow_possible=settings.SANDBOX,
            )
        if field == "redemption_code":
            return parse_imported_code(text)
    except (PhoneError, CodeFormatError) as error:
        raise FieldError(str(error)) from None
    if field == "country":
        if not _COUNTRY.fullmatch(text):
            raise FieldError("Write the country as two letters, such as US.")
        if text.upper() not in COUNTRIES:
            raise FieldError("No country has these two letters (ISO 3166); Britain is GB.")
        return text.upper()
    return _read_text(field, text)


def _read_text(field: str, text: str) -> str:
    # One space for any run of them: names are pasted with line ends and hard spaces.
    text = " ".join(text.split())
    if not text.isprintable():
        raise FieldError("There are invisible characters in this cell.")
    if len(text) > _LONGEST[field]:
        raise FieldError(f"This is longer than {_LONGEST[field]} characters.")
    if field == "email":
        try:
            validate_email(text)
        except ValidationError:
            raise FieldError("This is no e-mail address.") from None
    return text
