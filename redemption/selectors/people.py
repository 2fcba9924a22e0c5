"""Finding people by their names, for those who see everybody."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from alerts.scope import EVERYTHING, seeing


def find_named(*, text: str, limit: int) -> set[UUID]:
    """Return recipients whose first, last or whole name the text may be, whatever its case.

    Names are compared from their beginning. Only for who sees all clients.

    :param limit: so many at most for each way in which the text may be a name.
    """
    found: set[UUID] = set()
    with seeing(EVERYTHING), connection.cursor() as cursor:
        for last_name, first_name in _names(text.strip()):
            if last_name:
                cursor.execute(
                    "SELECT redemption_find_people(NULL, %s, %s, %s)",
                    [last_name, first_name, limit],
                )
            else:
                cursor.execute("SELECT redemption_find_first_name(%s, %s)", [first_name, limit])
            found.update(row[0] for row in cursor.fetchall())
    return found


def _names(text: str) -> Iterator[tuple[str, str]]:
    """Return the ways in which a text may be a name: last name, first name."""
    if not any(map(str.isalpha, text)) or "\x00" in text:
        return
    before, comma, after = text.partition(",")
    if comma:
        yield before.strip(), after.strip()
        return
    # Either may be of several words: Ana Maria de la Cruz.
    words = text.split()
    for cut in range(1, len(words)):
        one, other = " ".join(words[:cut]), " ".join(words[cut:])
        yield other, one
        yield one, other
    yield " ".join(words), ""
    yield "", " ".join(words)
