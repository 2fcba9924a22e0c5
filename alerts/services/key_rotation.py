"""Writing secrets anew under the newest key, beside everybody who works with them.

Which rows are left to do is told by the rows themselves, so a run that was killed is simply
started again.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from django.db import connection
from psycopg import sql

from alerts import keyring
from alerts.keyring import DecryptionError, encrypt, is_under_newest_key, newest_start
from alerts.transactions import durable

# So many rows are locked at once, for a few milliseconds: a claim steps over them meanwhile.
_BATCH_ROWS: Final = 200
# A row that somebody has locked is tried again so often, with a pause in between.
_PASSES: Final = 25
_PAUSE_SECONDS: Final = 0.2
# What a key's id is read from. Whatever does not look like this is not printed: it may be plain.
_SHAPE: Final = "^v1:[^:]+:[A-Za-z0-9_-]{16}:[A-Za-z0-9_-]+$"
UNREADABLE: Final = "not a token"

_COUNT: Final = """
    SELECT CASE WHEN {column} ~ %s THEN split_part({column}, ':', 2) ELSE %s END, count(*)
    FROM {table} WHERE {column} <> '' GROUP BY 1
"""
_READ: Final = """
    SELECT {key}, {columns} FROM {table} WHERE {place} AND ({stale}) ORDER BY {key} LIMIT %s
"""
# Three things at once. Nothing newer is overwritten: a row is written only where every secret is
# still the one that was read. Nobody is waited for, so there is no deadlock with those who lock
# several cards: what is locked is left for the next pass. And nobody waits long for us: it is
# one statement, whose cryptography is done before.
_WRITE: Final = """
    WITH fresh AS (SELECT * FROM unnest(%s, {arrays}) AS fresh (key, {names})),
    free AS (
        SELECT stored.{key} AS key FROM {table} stored JOIN fresh ON fresh.key = stored.{key}
        WHERE {unchanged} ORDER BY stored.{key} FOR NO KEY UPDATE OF stored SKIP LOCKED
    )
    UPDATE {table} stored SET {changes}
    FROM fresh JOIN free USING (key) WHERE stored.{key} = fresh.key AND {unchanged}
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecretTable:
    """A table with encrypted columns, and the context that each is encrypted for."""

    name: str
    key: str
    contexts: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RotatedTable:
    """What became of one table's rows.

    ``faults`` says of each row that can't be decrypted which it is and why, without its secret;
    ``busy_rows`` were locked by somebody every time.
    """

    rewritten_rows: int
    busy_rows: int
    faults: tuple[str, ...]


@durable
def rotate_table(table: SecretTable, *, after_batch: Callable[[int], None]) -> RotatedTable:
    """Write every secret of a table anew that is not under the newest key.

    Each batch is committed by itself. A repeat goes on with what is left, and two at once share
    the work.

    :param after_batch: is told after each batch how many rows are rewritten so far.
    """
    rewritten, busy = 0, 0
    faults: dict[str, None] = {}
    for number in range(_PASSES):
        if number:
            time.sleep(_PAUSE_SECONDS)
        busy = 0
        for rows in _stale_batches(table):
            changes = [(old, new) for old in rows if (new := _renew(table, old, faults)) != old]
            written = _write(table, changes) if changes else 0
            busy += len(changes) - written
            rewritten += written
            after_batch(rewritten)
        if not busy:
            break
    return RotatedTable(rewritten_rows=rewritten, busy_rows=busy, faults=tuple(faults))


def count_by_key(table: SecretTable) -> Counter[str]:
    """Count a table's secrets by the id of the key they are under.

    What is no token at all is counted as ``UNREADABLE``.
    """
    counts: Counter[str] = Counter()
    for column in table.contexts:
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(_COUNT).format(
                    column=sql.Identifier(column), table=sql.Identifier(table.name)
                ),
                [_SHAPE, UNREADABLE],
            )
            counts.update(dict(cursor.fetchall()))
    return counts


def _stale_batches(table: SecretTable) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows to be rewritten in the order of their keys: key, then the secrets."""
    start = newest_start()
    place: sql.Composable = sql.SQL("true")
    while True:
        columns = [sql.Identifier(column) for column in table.contexts]
        stale = sql.SQL(" OR ").join(
            sql.SQL("{} <> '' AND NOT starts_with({}, %s)").format(column, column)
            for column in columns
        )
        statement = sql.SQL(_READ).format(
            key=sql.Identifier(table.key),
            columns=sql.SQL(", ").join(columns),
            table=sql.Identifier(table.name),
            place=place,
            stale=stale,
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, [*[start] * len(columns), _BATCH_ROWS])
            rows = cursor.fetchall()
        if not rows:
            return
        yield rows
        place = sql.SQL("{} > {}").format(sql.Identifier(table.key), sql.Literal(rows[-1][0]))


def _renew(table: SecretTable, row: tuple[Any, ...], faults: dict[str, None]) -> tuple[Any, ...]:
    """Return the row with its secrets under the newest key, as far as they can be read."""
    key, *tokens = row
    renewed = []
    for token, (column, context) in zip(tokens, table.contexts.items(), strict=True):
        new = token
        if token and not is_under_newest_key(token):
            try:
                new = encrypt(keyring.decrypt(token, context=context), context=context)
            except DecryptionError as error:
                faults[f"{table.name}.{column} of {key}: {error}"] = None
        renewed.append(new)
    return (key, *renewed)


def _write(table: SecretTable, changes: list[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> int:
    """Rewrite the rows that are as they were read and not locked; return how many."""
    numbers = range(1, len(table.contexts) + 1)
    names = [(sql.Identifier(f"old_{n}"), sql.Identifier(f"new_{n}")) for n in numbers]
    columns = [sql.Identifier(column) for column in table.contexts]
    pairs = list(zip(columns, names, strict=True))
    statement = sql.SQL(_WRITE).format(
        arrays=sql.SQL(", ").join([sql.SQL("%s::text[]")] * 2 * len(columns)),
        names=sql.SQL(", ").join(name for pair in names for name in pair),
        key=sql.Identifier(table.key),
        table=sql.Identifier(table.name),
        unchanged=sql.SQL(" AND ").join(
            sql.SQL("stored.{} = fresh.{}").format(column, old) for column, (old, _) in pairs
        ),
        changes=sql.SQL(", ").join(
            sql.SQL("{} = fresh.{}").format(column, new) for column, (_, new) in pairs
        ),
    )
    arrays = [[row[n] for row in side] for n in numbers for side in zip(*changes, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [[old[0] for old, _ in changes], *arrays])
        return int(cursor.rowcount)
