"""Rows of an upload: checked one by one, sealed, and written as COPY wants them.

A million rows go through here, so what is the same for all of them is looked up once and a good
row costs a handful of calls; only a bad one is looked at closely.
"""

from __future__ import annotations

import calendar
import functools
import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final
from uuid import UUID

from alerts.csvfiles import Row, RowProblem, is_spreadsheet_number
from alerts.services.imports import SPREADSHEET_HINT, Rejects
from giftcards.patterns import CodePattern
from giftcards.services.secrets import code_sealer, field_sealer
from giftcards.services.stock import expiry_bucket_of

FIELDS: Final = ("code", "pin", "number", "expires_on")
REQUIRED: Final = ("code",)
# The columns of a staged card, in the order in which copy_lines writes them.
COLUMNS: Final = (
    "batch_id", "line", "code_encrypted", "code_digest", "last4", "claim_key", "pin_encrypted",
    "number_encrypted", "expires_on", "expiry_bucket",
)  # fmt: skip

_NULL: Final = "\\N"

_PIN: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
_PIN_HINT: Final = "A PIN has 1 to 20 letters, digits and dashes."
_NUMBER: Final = re.compile(r"[A-Za-z0-9 -]{4,40}")
_NUMBER_HINT: Final = "A card number has 4 to 40 letters, digits, dashes and spaces."
_DAY: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
# With dots the day comes first wherever dots are used; with slashes nobody knows.
_DOTTED_DAY: Final = re.compile(r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})")
_MONTH: Final = re.compile(r"(?P<month>[0-9]{1,2})/(?:20)?(?P<year>[0-9]{2})")
_DATE_HINT: Final = "Write the date as year-month-day, such as 2031-12-31, or as month/year."


class ExpiryError(ValueError):
    """A date of expiry can't be taken; the message is a sentence that says why."""


def parse_expiry(text: str, *, today: date) -> date | None:
    """Read a date of expiry: empty is none, and a month means its last day, as on a card.

    :raises ExpiryError: it is no date, or not in the future.
    """
    if not text:
        return None
    expires_on = _parse_date(text)
    if expires_on <= today:
        raise ExpiryError("The date of expiry must be in the future.")
    return expires_on


def copy_lines(
    rows: Iterable[Row | RowProblem],
    *,
    batch_id: UUID,
    pattern: CodePattern,
    today: date,
    rejects: Rejects,
) -> Iterator[str]:
    """Yield a line of COPY's text format for each good row; the others go to ``rejects``."""
    matches, is_pin, is_number = pattern.matches, _PIN.fullmatch, _NUMBER.fullmatch
    seal, seal_pin, seal_number = code_sealer(), field_sealer("pin"), field_sealer("number")
    read_expiry = functools.lru_cache(maxsize=1024)(functools.partial(_expiry_columns, today=today))
    for row in rows:
        if isinstance(row, RowProblem):
            rejects.add_row([row])
            continue
        line, cells = row
        code, pin, number = cells["code"], cells["pin"], cells["number"]
        expiry = read_expiry(cells["expires_on"])
        if (
            not matches(code)
            or expiry is None
            or (pin and not is_pin(pin))
            or (number and not is_number(number))
        ):
            rejects.add_row(_find_problems(row, pattern=pattern, today=today))
            continue
        encrypted, digest, last4 = seal(code)
        # Nothing here needs COPY's escapes. The claim key is to be random, which a keyed digest
        # is; drawn from there it rises with the digest, by which the rows will be sorted.
        yield (
            f"{batch_id}\t{line}\t{encrypted}\t\\\\x{digest.hex()}\t{last4}\t"
            f"{int.from_bytes(digest[:4], 'big') >> 1}\t{seal_pin(pin)}\t{seal_number(number)}\t"
            f"{expiry}\n"
        )


def _expiry_columns(text: str, *, today: date) -> str | None:
    """Return the last two columns, None when the date can't be taken."""
    try:
        expires_on = parse_expiry(text, today=today)
    except ExpiryError:
        return None
    return f"{expires_on or _NULL}\t{expiry_bucket_of(expires_on)}"


def _find_problems(row: Row, *, pattern: CodePattern, today: date) -> Iterator[RowProblem]:
    """Yield all that is wrong with a row."""
    line, cells = row
    if not cells["code"]:
        yield RowProblem(line, "code", "The code is missing.")
    elif not pattern.matches(cells["code"]):
        yield RowProblem(line, "code", _explain(cells["code"], f"A code looks like {pattern}."))
    if cells["pin"] and not _PIN.fullmatch(cells["pin"]):
        yield RowProblem(line, "pin", _explain(cells["pin"], _PIN_HINT))
    if cells["number"] and not _NUMBER.fullmatch(cells["number"]):
        yield RowProblem(line, "number", _explain(cells["number"], _NUMBER_HINT))
    try:
        parse_expiry(cells["expires_on"], today=today)
    except ExpiryError as problem:
        yield RowProblem(line, "expires_on", str(problem))


def _explain(text: str, hint: str) -> str:
    return SPREADSHEET_HINT if is_spreadsheet_number(text) else hint


def _parse_date(text: str) -> date:
    day = _DAY.fullmatch(text) or _DOTTED_DAY.fullmatch(text)
    month = _MONTH.fullmatch(text)
    try:
        if day is not None:
            return date(int(day["year"]), int(day["month"]), int(day["day"]))
        if month is not None:
            year, number = 2000 + int(month["year"]), int(month["month"])
            return date(year, number, calendar.monthrange(year, number)[1])
    except ValueError:
        raise ExpiryError("This date does not exist.") from None
    raise ExpiryError(_DATE_HINT)
