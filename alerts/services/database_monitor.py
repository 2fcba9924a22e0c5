"""What the monitors look for in the database: what runs for long, how large it is, who is on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection

from alerts.models import Alert
from alerts.selectors.database import (
    list_slowest_statements,
    read_connections,
    read_database_size,
)
from alerts.services.monitors import (
    BETTER,
    Finding,
    find_standing,
    is_critical,
    register_monitor,
)

_RUNNING: Final = "slow_statement_running"
_SLOW: Final = "slow_statements"
_SIZE: Final = "database_size"
_CONNECTIONS: Final = "database_connections"
_GIGABYTE: Final = 1_000_000_000
_CRITICAL_PERCENT: Final = 95
# Of pg_stat_statements: slow on the average, and not by the accident of one run.
_SLOW_MEAN_MILLISECONDS: Final = 1_000
_SLOW_CALLS: Final = 20

# Only our own role's, since others' are not shown to it; a vacuum or an import of the owner's
# takes as long as it takes.
_LONG: Final = """
    SELECT count(*), max(extract(epoch FROM clock_timestamp() - xact_start)),
        bool_or(state LIKE 'idle in transaction%%'), bool_or(cardinality(pg_blocking_pids(pid)) > 0)
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
        AND state <> 'idle' AND backend_type = 'client backend'
        AND xact_start < clock_timestamp() - make_interval(secs => %s)
"""


@register_monitor("database")
def watch_database(*, now: datetime) -> Iterable[Finding]:
    """Find long transactions, slow statements, a large database and connections running out.

    From PostgreSQL's own statistics, which it keeps in memory; no table is read.
    """
    yield from _long_running()
    yield from _slow_statements()
    yield from _size()
    yield from _connections()


def _long_running() -> Iterator[Finding]:
    seconds = settings.THRESHOLDS.statement_seconds
    with connection.cursor() as cursor:
        cursor.execute(_LONG, [seconds])
        count, longest, is_idle, is_blocked = cursor.fetchone()
    if not count:
        return
    why = [
        *(["one waits in its transaction for its program"] if is_idle else []),
        *(["one waits for a lock"] if is_blocked else []),
    ]
    yield Finding(
        kind=_RUNNING,
        severity=Alert.Severity.WARNING,
        subject=f"{count} of our transactions run for longer than {seconds:g} seconds",
        message=f"The longest for {float(longest):.0f} seconds"
        + (f"; {' and '.join(why)}" if why else "")
        + ". pg_stat_activity says which.",
        data={"transactions": count},
        dedupe_key=_RUNNING,
    )


def _slow_statements() -> Iterator[Finding]:
    slow = [
        {
            "queryid": one.query_id,
            "calls": one.calls,
            "mean_seconds": round(one.mean_milliseconds / 1000, 2),
        }
        for one in list_slowest_statements(
            limit=10, slower_than_ms=_SLOW_MEAN_MILLISECONDS, calls_at_least=_SLOW_CALLS
        )
        or ()
    ]
    if slow:
        yield Finding(
            kind=_SLOW,
            severity=Alert.Severity.INFO,
            subject="Statements take more than a second on the average",
            message="Look them up in pg_stat_statements by their queryid. They are told of until"
            " they are faster, or pg_stat_statements_reset() has them counted anew.",
            data={"statements": slow},
            dedupe_key=_SLOW,
        )


def _size() -> Iterator[Finding]:
    limit = settings.THRESHOLDS.database_gigabytes
    if not limit:
        return
    size = read_database_size()
    if size >= limit * _GIGABYTE:
        yield Finding(
            kind=_SIZE,
            severity=Alert.Severity.WARNING,
            subject=f"The database has grown to {size / _GIGABYTE:.0f} GB",
            message=f"The warning is set at {limit} GB (DATABASE_SIZE_WARNING). See that the disk"
            " has room for twice as much, or shorten what is kept (RETAIN_…).",
            data={"gigabytes": round(size / _GIGABYTE, 1)},
            dedupe_key=_SIZE,
        )


def _connections() -> Iterator[Finding]:
    used, most = read_connections()
    standing = find_standing(kind=_CONNECTIONS).get(_CONNECTIONS)
    severity = grade_connections(used=used, most=most, standing=standing)
    if severity is not None:
        yield Finding(
            kind=_CONNECTIONS,
            severity=severity,
            subject=f"{used} of {most} connections to the database are in use",
            message="Who comes when all are in use is turned away. Run fewer processes, put"
            " PgBouncer in between, or raise max_connections.",
            data={"used": used, "most": most},
            dedupe_key=_CONNECTIONS,
        )


def grade_connections(*, used: int, most: int, standing: Finding | None) -> Alert.Severity | None:
    """Say how grave it is that so many connections are in use; None where it is not.

    :param standing: the alert that there is: it ends, or gets less grave, by a margin.
    """
    warn_at = settings.THRESHOLDS.connections_percent * (1 if standing is None else BETTER)
    grave_at = _CRITICAL_PERCENT * (BETTER if is_critical(standing) else 1)
    if used * 100 < warn_at * most:
        return None
    return Alert.Severity.CRITICAL if used * 100 >= grave_at * most else Alert.Severity.WARNING
