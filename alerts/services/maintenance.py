"""Cleaning up the busy tables, and measuring them for the planner, once a week.

Autovacuum does both as they change; once a week it is done whatever autovacuum found, so that an
index-only count stays one after a night of imports.

Note [Who may vacuum]
The runtime role owns no table, so it may not vacuum one. PostgreSQL 17 could allow it by MAINTAIN,
but whoever has that may also lock everybody out of a table; so the job works as the owner where the
worker is given MIGRATION_DATABASE_URL. Where it is not, a function of the owner's measures the
tables, which is what plans depend on, and an alert of the lowest kind says what was left to
autovacuum.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from alerts.models import Alert
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.transactions import durable

log = structlog.get_logger()

KEY: Final = "database_not_vacuumed"
_OWNER: Final = "owner"
_MAY_VACUUM: Final = """
    SELECT coalesce(bool_and(pg_has_role(c.relowner, 'USAGE')), false)
    FROM pg_class c WHERE c.oid = ANY (%s::regclass[])
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """How many tables were cleaned up and measured, and how many were only measured."""

    vacuumed: int = 0
    analyzed: int = 0


@durable
def vacuum_tables(*, now: datetime) -> Maintenance:
    """Vacuum and analyze the tables in ``settings.BUSY_TABLES``: Note [Who may vacuum].

    It locks nobody out, and passes over a table that somebody else is just cleaning up.
    """
    alias = _find_cleaner()
    if alias is None:
        _analyze()
        _tell(now=now)
        return Maintenance(analyzed=len(settings.BUSY_TABLES))
    try:
        for table in settings.BUSY_TABLES:
            # Names of our own, from the wiring.
            with connections[alias].cursor() as cursor:
                cursor.execute(f'VACUUM (ANALYZE, SKIP_LOCKED) "{table}"')
    finally:
        if alias == _OWNER:
            connections[_OWNER].close()
    resolve_alert(dedupe_key=KEY, now=now)
    log.info("[DATABASE] Vacuumed", tables=len(settings.BUSY_TABLES), as_owner=alias == _OWNER)
    return Maintenance(vacuumed=len(settings.BUSY_TABLES))


def _find_cleaner() -> str | None:
    """Return the connection whose role may vacuum."""
    if _may_vacuum(connections[DEFAULT_DB_ALIAS]):
        return DEFAULT_DB_ALIAS
    owner = connections[_OWNER]
    if owner.settings_dict["USER"] == connections[DEFAULT_DB_ALIAS].settings_dict["USER"]:
        return None
    try:
        return _OWNER if _may_vacuum(owner) else None
    except OperationalError:
        return None  # the address is that of another network, or its password is gone


def _may_vacuum(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_MAY_VACUUM, [list(settings.BUSY_TABLES)])
        return bool(cursor.fetchone()[0])


def _analyze() -> None:
    for table in settings.BUSY_TABLES:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT alerts_analyze(%s::regclass)", [table])
    log.info("[DATABASE] Analyzed", tables=len(settings.BUSY_TABLES))


def _tell(*, now: datetime) -> None:
    raise_alert(
        kind=KEY,
        severity=Alert.Severity.INFO,
        subject="The weekly clean-up of the busy tables is left to autovacuum",
        message="The worker's database role may not vacuum, so the tables were only measured for"
        " the planner. Autovacuum cleans up as they change, which is enough for most. To have it"
        " done weekly, give the worker MIGRATION_DATABASE_URL.",
        dedupe_key=KEY,
        now=now,
    )
