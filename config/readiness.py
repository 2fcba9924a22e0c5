"""Whether a process can do its work: what load balancers and Docker ask at ``/health/ready``.

Each part is asked on its own, in a second or two at most, and named in the answer with a word of
ours: a driver's own words may hold an address or a name.
"""

from __future__ import annotations

from typing import Final

import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from redis import Redis, RedisError

log = structlog.get_logger()

OK: Final = "ok"
UNREACHABLE: Final = "unreachable"
UNKNOWN: Final = "unknown"
# The least that libpq knows.
_CONNECT_SECONDS: Final = 2
_LIMIT: Final = "2000"


def check_parts() -> dict[str, str]:
    """Return how each part is: ``"ok"``, or what is wrong with it."""
    database = _database()
    return {
        "database": database,
        "migrations": _migrations() if database == OK else UNKNOWN,
        "redis": _redis(settings.REDIS_URL, "redis"),
        "broker": _redis(settings.CELERY_BROKER_URL, "broker"),
    }


def _database() -> str:
    """Ask over a connection of its own: the pool's would wait for a free one for long."""
    database = connection.settings_dict
    try:
        with psycopg.connect(
            host=database["HOST"] or None,
            port=database["PORT"] or None,
            user=database["USER"] or None,
            password=database["PASSWORD"] or None,
            dbname=database["NAME"],
            connect_timeout=_CONNECT_SECONDS,
            application_name="giftline-health",
            autocommit=True,
        ) as probe:
            probe.execute("SELECT set_config('statement_timeout', %s, false)", [_LIMIT])
            probe.execute("SELECT 1")
    except psycopg.Error as error:
        log.warning("[HEALTH] Database not ready", error=type(error).__name__)
        return UNREACHABLE
    return OK


def _migrations() -> str:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return UNKNOWN
    return OK if not pending else f"{len(pending)} pending"


def _redis(url: str, part: str) -> str:
    try:
        with Redis.from_url(url, socket_connect_timeout=0.3, socket_timeout=0.5) as redis:
            redis.ping()
    except RedisError as error:
        log.warning("[HEALTH] Redis not ready", part=part, error=type(error).__name__)
        return UNREACHABLE
    return OK
