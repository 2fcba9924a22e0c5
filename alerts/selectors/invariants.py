"""What is true of the whole database whenever nobody is in the middle of something.

Note [Invariant]
The guards in the tables refuse each single change that would break a promise. An invariant asks
the other way round, and of everything at once: is there a row that breaks it, however it came to
be: by a defect, by a restored backup, by hand? Each app names the invariants of what it owns, and
a higher app those that join it to a lower one; ``settings.INVARIANTS`` lists them.

Each is read in a snapshot of its own (``REPEATABLE READ, READ ONLY``), so that whoever works on is
never mistaken for damage, nobody waits for it, and none keeps the tables from being vacuumed for
longer than it takes itself. It prints ids alone, never a code, a phone or a name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, Protocol

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

# So many ids of one invariant are shown; all are counted.
SHOWN: Final = 20

# Runs a query with named parameters and returns its rows.
Reader = Callable[[str, Mapping[str, Any]], list[tuple[Any, ...]]]


class Look(Protocol):
    """Yields the ids that break an invariant which SQL alone can't ask about.

    :param whole: look at every row, which may take minutes; else at a sample.
    """

    def __call__(self, read: Reader, *, whole: bool) -> Iterable[str]: ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A promise, and how to find what breaks it.

    :param name: as it is named on the command line and in alerts: ``account-balances``.
    :param sentence: what is true, in words for an operator.
    :param things: of what the ids are.
    :param query: one column, the id of each thing that breaks it; it may use ``%(now)s``.
    :param look: instead of a query.
    """

    name: str
    sentence: str
    things: str
    query: str = ""
    look: Look | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """How many things break an invariant, and the ids of the first of them."""

    count: int
    ids: tuple[str, ...]


def list_invariants() -> dict[str, Invariant]:
    """Return all invariants by their names, in the order of ``settings.INVARIANTS``.

    :raises ValueError: one of the paths leads to something else, or two share a name.
    """
    return _import_invariants(tuple(settings.INVARIANTS))


@cache
def _import_invariants(paths: tuple[str, ...]) -> dict[str, Invariant]:
    invariants: dict[str, Invariant] = {}
    for path in paths:
        found: Sequence[object] = import_string(path)
        for one in found:
            if not isinstance(one, Invariant):
                raise ValueError(f"{path} holds {one!r}, which is no invariant")  # noqa: TRY004
            if one.name in invariants:
                raise ValueError(f"{path} has the second invariant named {one.name}")
            invariants[one.name] = one
    return invariants


def find_broken(
    invariant: Invariant, *, now: datetime, whole: bool = False, read: Reader | None = None
) -> Broken:
    """Return what breaks an invariant: nothing, where it holds.

    :param read: by which connection; Django's when not given.
    """
    read = read or read_rows
    if invariant.look is not None:
        ids = sorted(set(invariant.look(read, whole=whole)))
        return Broken(count=len(ids), ids=tuple(ids[:SHOWN]))
    rows = read(
        "SELECT id::text, count(*) OVER () FROM (SELECT DISTINCT id FROM"  # noqa: S608  ours
        f" ({invariant.query}) found (id)) broken ORDER BY 1 LIMIT {SHOWN}",
        {"now": now},
    )
    return Broken(count=rows[0][1] if rows else 0, ids=tuple(one for one, _ in rows))


def read_rows(query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a query on Django's connection; see :data:`Reader`."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
