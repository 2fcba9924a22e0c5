"""Which column of a file is which field of a card, as somebody chooses on the page."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from django.http import HttpRequest

from alerts.csvfiles import find_fields
from giftcards.models import Pool
from giftcards.patterns import CodePattern, PatternError
from giftcards.services.card_rows import FIELDS, REQUIRED
from giftcards.services.pasted import columns_of

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


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What somebody has sent, as a file; ``first_line`` is the number of its first line."""

    content: bytes
    name: str
    first_line: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A field of a card, with the columns of the file to choose from: ``(place, words)``."""

    field: str
    words: str
    choices: list[tuple[int, str]]
    chosen: int | None


def find_missing(pool: Pool, source: Source, columns: list[Column]) -> dict[str, Any]:
    """Return what the page says where a column is missing; nothing where all are there."""
    missing = [one for one in columns if one.field in REQUIRED and one.chosen is None]
    if missing and any(words != name for words, name in _named(pool, source)):
        return {"refusals": [NO_HEADER], "columns": []}
    return {"missing": missing} if missing else {}


def columns_for(request: HttpRequest, pool: Pool, source: Source) -> list[Column]:
    """Return which column is which: as was chosen, else by name; none of a file without any."""
    header = columns_of(source.content, first_line=source.first_line)
    if header is None:
        return []
    by_name = find_fields(header, fields=FIELDS)
    names = [words for words, _ in _named(pool, source)]
    columns = []
    for field in FIELDS:
        chosen = request.POST.get(f"column_{field}", "")
        place = int(chosen) if chosen.isascii() and chosen.isdigit() else by_name.get(field)
        columns.append(
            Column(
                field=field,
                words=_FIELD_WORDS[field],
                choices=list(enumerate(names)),
                chosen=place if place is not None and place < len(names) else None,
            )
        )
    return columns


def mapping_of(source: Source, columns: list[Column]) -> dict[str, str]:
    header = columns_of(source.content, first_line=source.first_line)
    if header is None:
        return {}
    return {
        column.field: header.names[column.chosen] for column in columns if column.chosen is not None
    }


def _named(pool: Pool, source: Source) -> list[tuple[str, str]]:
    """Return what each column is called on the page, beside its name in the file."""
    header = columns_of(source.content, first_line=source.first_line)
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
