"""Which column of a file is which field, as somebody chooses on the page of an upload."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from django.http import HttpRequest

from alerts.csvfiles import Header, find_fields, header_of


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What somebody has sent, as a file; ``first_line`` is the number of its first line."""

    content: bytes
    name: str
    first_line: int

    @property
    def header(self) -> Header | None:
        """Its header; None where it is none that can be read, or one that we have written."""
        return header_of(self.content) if self.first_line else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A field, with the columns of the file to choose from: ``(place, words)``."""

    field: str
    words: str
    choices: list[tuple[int, str]]
    chosen: int | None


def choose_columns(
    request: HttpRequest,
    source: Source,
    *,
    words: Mapping[str, str],
    name_column: Callable[[str, int], str],
) -> list[Column]:
    """Return which column is which: as was chosen, else by name; none of a file without any.

    :param words: what each field is called on the page.
    :param name_column: what a column is called on the page, by its name in the file and place.
    """
    header = source.header
    if header is None:
        return []
    by_name = find_fields(header, fields=list(words))
    names = [name_column(name, place) for place, name in enumerate(header.names)]
    columns = []
    for field, said in words.items():
        chosen = request.POST.get(f"column_{field}", "")
        place = int(chosen) if chosen.isascii() and chosen.isdigit() else by_name.get(field)
        columns.append(
            Column(
                field=field,
                words=said,
                choices=list(enumerate(names)),
                chosen=place if place is not None and place < len(names) else None,
            )
        )
    return columns


def mapping_of(source: Source, columns: list[Column]) -> dict[str, str]:
    """Return the file's names of the fields that were chosen."""
    header = source.header
    if header is None:
        return {}
    return {
        column.field: header.names[column.chosen] for column in columns if column.chosen is not None
    }
