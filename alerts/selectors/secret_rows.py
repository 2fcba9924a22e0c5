"""Rows with encrypted columns, to be looked at one by one: all of them, or some by chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from alerts.selectors.invariants import Reader

SAMPLED: Final = 1000
_PAGE: Final = 5000


def read_secrets(
    read: Reader, *, table: str, columns: Sequence[str], whole: bool, where: str = "true"
) -> Iterator[tuple[Any, ...]]:
    """Yield (id, \\*columns) of a table whose key is a random UUID.

    :param whole: every row, page by page; else about a thousand, from a random place on.
    :param where: which rows are asked about.
    """
    query = (
        f"SELECT id, {', '.join(columns)} FROM {table}"  # noqa: S608  ours
        f" WHERE {where} AND {{range}} ORDER BY id LIMIT {_PAGE if whole else SAMPLED}"
    )
    if not whole:
        start = uuid4()
        rows = read(query.format(range="id >= %(start)s"), {"start": start})
        yield from rows
        if len(rows) < SAMPLED:
            yield from read(query.format(range="id < %(start)s"), {"start": start})
        return
    last = UUID(int=0)
    while True:
        rows = read(query.format(range="id > %(last)s"), {"last": last})
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]
