"""How the database is, by PostgreSQL's own statistics: no table of ours is read."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Final

from django.db import DatabaseError, connection

from alerts.transactions import savepoint

_LONGEST_TEXT: Final = 300
_CONNECTED: Final = """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int
"""
_STATISTICS: Final = """
    SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_extension e
    JOIN pg_class c ON c.relname = 'pg_stat_statements' AND c.relnamespace = e.extnamespace
    JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements'
        AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
"""
# Its texts have no values in them: they are normalised.
_SLOWEST: Final = """
    SELECT queryid::text, calls, mean_exec_time, query FROM {view}
    WHERE userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
        AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND mean_exec_time > %s AND calls >= %s
    ORDER BY mean_exec_time DESC LIMIT %s
"""
# Never the text of what runs: it has the values in it, numbers of phones among them.
_RUNNING: Final = """
    SELECT pid, application_name, state, coalesce(wait_event_type, ''),
        extract(epoch FROM clock_timestamp() - xact_start)::float8
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
        AND state <> 'idle' AND backend_type = 'client backend' AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT %s
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SlowStatement:
    """A statement of ours as pg_stat_statements has counted it; ``text`` has no values in it."""

    query_id: str
    calls: int
    mean_milliseconds: float
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunningTransaction:
    """A transaction of ours that is under way now."""

    pid: int
    application: str
    state: str
    waits_for: str
    seconds: float


def list_slowest_statements(
    *, limit: int, slower_than_ms: float = 0, calls_at_least: int = 1
) -> list[SlowStatement] | None:
    """Return the statements that take longest on the average; None where nobody counts them."""
    # Where it is installed and was not loaded at the start, looking at it is an error.
    with contextlib.suppress(DatabaseError), savepoint(), connection.cursor() as cursor:
        cursor.execute(_STATISTICS, [])
        view = cursor.fetchone()
        if view is None:
            return None
        cursor.execute(_SLOWEST.format(view=view[0]), [slower_than_ms, calls_at_least, limit])
        return [
            SlowStatement(
                query_id=query_id,
                calls=calls,
                mean_milliseconds=mean,
                text=" ".join((text or "").split())[:_LONGEST_TEXT],
            )
            for query_id, calls, mean, text in cursor.fetchall()
        ]
    return None


def list_running(*, limit: int) -> list[RunningTransaction]:
    """Return our own transactions that are under way, the longest first."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNNING, [limit])
        return [
            RunningTransaction(
                pid=pid, application=application, state=state, waits_for=waits_for, seconds=seconds
            )
            for pid, application, state, waits_for, seconds in cursor.fetchall()
        ]


def read_database_size() -> int:
    """Return the size of the database in bytes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (size,) = cursor.fetchone()
    return int(size)


def read_connections() -> tuple[int, int]:
    """Return how many connections are in use, and how many may be."""
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTED)
        used, most = cursor.fetchone()
    return int(used), int(most)
