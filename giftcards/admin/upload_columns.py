"""Which column of a file is which field of a card, as somebody chooses on the page."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest

from alerts.admin.upload_columns import Column, Source, choose_columns
from giftcards.models import Pool
from giftcards.patterns import CodePattern, PatternError
from giftcards.services.card_rows import REQUIRED

_FIELD_WORDS: Final = {
    "code": "Code",
    "pin": "PIN",
    "number": "Card number",
    "expires_on": "Date of expiry",
}
NO_HEADER: Final = (
    "The first line looks like a card. Put the names of the columns on a line above it, or paste"
    " the lines instead of choosing the file."
)
_LONGEST_NAME: Final = 60


def find_missing(pool: Pool, source: Source, columns: list[Column]) -> dict[str, Any]:
    """Return what the page says where a column is missing; nothing where all are there."""
    missing = [one for one in columns if one.field in REQUIRED and one.chosen is None]
    if missing and any(words != name for words, name in _named(pool, source)):
        return {"refusals": [NO_HEADER], "columns": []}
    return {"missing": missing} if missing else {}


def columns_for(request: HttpRequest, pool: Pool, source: Source) -> list[Column]:
    """Return which column is which: as was chosen, else by name; none of a file without any."""
    return choose_columns(
        request,
        source,
        words=_FIELD_WORDS,
        name_column=lambda name, place: _name_column(name, place, pool),
    )


def _named(pool: Pool, source: Source) -> list[tuple[str, str]]:
    """Return what each column is called on the page, beside its name in the file."""
    header = source.header
    names = () if header is None else header.names
    return [(_name_column(name, place, pool), name) for place, name in enumerate(names)]


def _name_column(name: str, place: int, pool: Pool) -> str:
    """Return what a column is called on the page: not by what may be a code itself."""
    try:
        is_code = CodePattern(pool.brand.code_format).matches(name)
    except PatternError:
        is_code = True
    if (
        not name
        or len(name) > _LONGEST_NAME
        or (is_code and (pool.brand.code_format or any(symbol.isdigit() for symbol in name)))
    ):
        return f"Column {place + 1}"
    return name
