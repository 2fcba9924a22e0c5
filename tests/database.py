"""Test databases made by the tables' owner and used by the runtime role, as in production.

The tables are migrated once for all workers, into a template that each worker copies.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import TransactionTestCase
from psycopg import sql
from pytest_django import DjangoDbBlocker

from tests.cluster import SUPERUSER, TEMPLATE

# What migrations fill and tests may rely on.
_KEPT_TABLES = [
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "sms_errorpolicy",
]
_kept: psycopg.Connection | None = None
# From here on, in bytes, what has been deleted is worth getting rid of.
_MUCH = 256 * 1024
_FULL_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> ALL (%s)
      AND pg_relation_size(oid) > 0
"""
# The full tables and all that refer to them, however indirectly, with their user triggers.
_TABLES_TO_EMPTY = f"""
    WITH RECURSIVE reached (oid) AS (
        SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
           AND relname IN ({_FULL_TABLES})
        UNION
        SELECT conrelid FROM pg_constraint JOIN reached ON confrelid = reached.oid
        WHERE contype = 'f'
    )
    SELECT reached.oid::regclass::text, pg_relation_size(reached.oid),
           EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = reached.oid AND NOT tgisinternal)
    FROM reached
"""


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """Copy the migrated template into this worker's database and point both roles at it."""
    template = os.environ[TEMPLATE]
    name = f"{template}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    server = owner_url()
    with django_db_blocker.unblock():
        _make_template(server, template)
        _on(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
        _use_database(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_tables_afterwards)
            yield
        _use_database(_database_of(server))
    _on(server, "DROP DATABASE {}", name)


def owner_url() -> str:
    return os.environ.get("MIGRATION_DATABASE_URL") or os.environ["DATABASE_URL"]


def _here(url: str) -> str:
    """Return the address of this worker's database on the server of another."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{_database_of(owner_url())}"))


def _database_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _make_template(server: str, name: str) -> None:
    """Make and migrate the template, or wait until another worker has."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone():
            return
        _on(server, "CREATE DATABASE {}", name)
        try:
            _use_database(name)
            call_command("migrate", verbosity=0)
            _refuse_unknown_data()
        except BaseException:
            _use_database(_database_of(server))
            _on(server, "DROP DATABASE {}", name)
            raise
        _use_database(_database_of(server))  # a template must have no connections


def full_tables(connection: psycopg.Connection) -> list[str]:
    """Return the tables that hold something, or have since they were last truncated."""
    return [name for (name,) in connection.execute(_FULL_TABLES, [_KEPT_TABLES])]


def _refuse_unknown_data() -> None:
    with psycopg.connect(owner_url()) as connection:
        full = full_tables(connection)
    if full:
        raise RuntimeError(f"Migrations fill {full}, which tests empty: see tests/database.py.")


def _use_database(name: str) -> None:
    """Point both aliases, and the processes that tests start, at a database of the server."""
    forget_housekeeper()
    for alias, variable in (("default", "DATABASE_URL"), ("owner", "MIGRATION_DATABASE_URL")):
        connection = connections[alias]
        connection.close()
        if isinstance(connection, DatabaseWrapper):
            connection.close_pool()
        connection.settings_dict["NAME"] = settings.DATABASES[alias]["NAME"] = name
        if os.environ.get(variable):
            parts = urlsplit(os.environ[variable])
            os.environ[variable] = urlunsplit(parts._replace(path=f"/{name}"))


def _on(server: str, statement: str, *names: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def is_superuser() -> bool:
    """Tell whether the server is our own, where no trigger need fire while we tidy up."""
    return SUPERUSER in os.environ


def superuser_url() -> str:
    """Return the address of this worker's database for the superuser of our own server."""
    return _here(os.environ[SUPERUSER])


@contextlib.contextmanager
def housekeeping() -> Iterator[psycopg.Connection]:
    """Open a transaction as the superuser of our own server, as the owner on another's.

    The superuser's connection is kept: making one takes as long as emptying the tables.
    """
    global _kept
    if not is_superuser():
        with psycopg.connect(owner_url()) as connection:
            connection.execute("SET lock_timeout = '10s'")
            yield connection
        return
    if _kept is None or _kept.closed:
        _kept = psycopg.connect(superuser_url(), autocommit=True)
        # A connection a test has left in a transaction would block us for ever.
        _kept.execute("SET lock_timeout = '10s'")
        # No trigger fires and no table's definition changes: after an ALTER TABLE everybody would
        # plan every function anew.
        _kept.execute("SET session_replication_role = replica")
    with _kept.transaction():
        yield _kept


def forget_housekeeper() -> None:
    """Close the superuser's connection; the next one is made to where the tests are then."""
    global _kept
    if _kept is not None:
        _kept.close()
    _kept = None


def _empty_tables_afterwards(case: TransactionTestCase) -> None:
    empty_tables(restart_identity=bool(case.reset_sequences))


def empty_tables(*, restart_identity: bool = False) -> None:
    """Empty every table, as their owner and in one transaction.

    Stands in for Django's flush, which the runtime role may not do (it owns nothing) and which
    the triggers of the ledger refuse.
    """
    with housekeeping() as connection:
        found = connection.execute("SELECT current_database()").fetchone()
        if found is None or not found[0].startswith("test_giftline_"):
            raise RuntimeError("Only a test database is emptied.")
        tables = connection.execute(_TABLES_TO_EMPTY, [_KEPT_TABLES]).fetchall()
        if not tables:
            return
        guarded = [table for table, _, has_triggers in tables if has_triggers]
        if is_superuser():
            guarded = []
        for table in guarded:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        names = [table for table, _, _ in tables]
        if restart_identity or max(size for _, size, _ in tables) > _MUCH:
            identity = "RESTART" if restart_identity else "CONTINUE"
            connection.execute(f"TRUNCATE {', '.join(names)} {identity} IDENTITY")
        else:
            # A tenth of the time: TRUNCATE makes a new file for each table and index. Every
            # foreign key is checked at commit, so the order does not matter.
            for name in names:
                connection.execute(f"DELETE FROM {name}")
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in guarded:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
