"""Rows that are made once by the services, then put back as they were by COPY.

A world is built in a few dozen statements, thousands of times a run, and always the same: its
rows are kept by the first test of a process that needs them. They come back under new ids, so
that nobody's memory of an earlier world (in the process, in Redis) fits. Whoever asks with another
row in the way, inside a transaction or on a server that is not our own gets a freshly made one.
"""

from __future__ import annotations

import dataclasses
import io
import pickle
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from django.db import connection as of_django
from psycopg import sql

from tests.database import full_tables, housekeeping, is_superuser


@dataclasses.dataclass(frozen=True)
class _Snapshot:
    pickled: bytes
    rows: dict[str, bytes]
    sequences: dict[str, int]


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> str | None:
        return str(obj) if isinstance(obj, UUID) else None


class _Unpickler(pickle.Unpickler):
    """Gives what it loads the ids of a renaming."""

    def __init__(self, content: bytes, renamed: dict[str, str]) -> None:
        super().__init__(io.BytesIO(content))
        self._renamed = renamed

    def persistent_load(self, pid: str) -> UUID:
        return UUID(self._renamed[pid])


_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_T = TypeVar("_T")
_snapshots: dict[tuple[object, ...], _Snapshot] = {}


def once(key: tuple[object, ...], make: Callable[[], _T]) -> _T:
    """Return what ``make`` makes, with its rows in the database."""
    if not is_superuser() or of_django.in_atomic_block:
        return make()
    snapshot = _snapshots.get(key)
    if snapshot is None:
        with housekeeping() as connection:
            was_empty = not _has_rows(connection, full_tables(connection))
        fresh = make()
        if was_empty:
            with housekeeping() as connection:
                _snapshots[key] = _take(connection, fresh)
        return fresh
    with housekeeping() as connection:
        if not _has_rows(connection, list(snapshot.rows)):
            renamed = _put_back(connection, snapshot)
            # A test goes on from where making them would have left it: connected.
            of_django.ensure_connection()
            made: _T = _Unpickler(snapshot.pickled, renamed).load()
            return made
    return make()


def _has_rows(connection: psycopg.Connection, tables: list[str]) -> bool:
    if not tables:
        return False
    exists = sql.SQL(" OR ").join(
        sql.SQL("EXISTS (SELECT FROM {})").format(sql.Identifier(table)) for table in tables
    )
    found = connection.execute(sql.SQL("SELECT {}").format(exists)).fetchone()
    assert found is not None
    return bool(found[0])


def _take(connection: psycopg.Connection, made: Any) -> _Snapshot:
    rows = {}
    for table in full_tables(connection):
        statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
        with connection.cursor().copy(statement) as lines:
            if content := b"".join(lines):
                rows[table] = content
    sequences = connection.execute(
        "SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"
    ).fetchall()
    pickled = io.BytesIO()
    _Pickler(pickled).dump(made)
    return _Snapshot(pickled=pickled.getvalue(), rows=rows, sequences=dict(sequences))


def _put_back(connection: psycopg.Connection, snapshot: _Snapshot) -> dict[str, str]:
    """Write the rows with new ids; return the new one of each old one."""
    renamed: defaultdict[bytes, bytes] = defaultdict(lambda: str(uuid4()).encode())
    for table, content in snapshot.rows.items():
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
        with connection.cursor().copy(statement) as lines:
            lines.write(_ID.sub(lambda found: renamed[found[0]], content))
    # Sequences only fall back where a test asked for it.
    moves = sql.SQL(", ").join(
        sql.SQL("setval({0}, greatest({1}, (SELECT last_value FROM {2})))").format(
            sql.Literal(sequence), sql.Literal(value), sql.Identifier(sequence)
        )
        for sequence, value in snapshot.sequences.items()
    )
    connection.execute(sql.SQL("SELECT {}").format(moves))
    return {old.decode(): new.decode() for old, new in renamed.items()}
