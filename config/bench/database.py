"""The database that the bench works on: its own, whoever's server it is."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from django.db import OperationalError, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.conninfo import conninfo_to_dict

from config.environment import layers

_PATIENCE_SECONDS: Final = 20
_VARIABLES: Final = {"default": "DATABASE_URL", "owner": "MIGRATION_DATABASE_URL"}


@contextlib.contextmanager
def own_database() -> Iterator[None]:
    """Make a database, use it for both roles, and drop it: what the bench writes stays written,
    since nobody can delete from a ledger.
    """
    name = f"giftline_bench_{secrets.token_hex(4)}"
    former = str(connections["owner"].settings_dict["NAME"])
    _execute(f'CREATE DATABASE "{name}"')
    use_database(name)
    try:
        yield
    finally:
        use_database(former)
        _drop(name)


def use_database(name: str) -> None:
    """Point both roles, and the processes started from here on, at a database of the server."""
    for alias, variable in _VARIABLES.items():
        url = urlsplit(database_url(alias))
        os.environ[variable] = urlunsplit(url._replace(path=f"/{name}"))
        connection = connections[alias]
        connection.close()
        if isinstance(connection, DatabaseWrapper):
            connection.close_pool()
        connection.settings_dict["NAME"] = name


def database_url(alias: str) -> str:
    """Return the address of a role's database as it was given."""
    given = layers(os.environ)
    return given.get(_VARIABLES[alias]) or given["DATABASE_URL"]


def libpq_variables(alias: str) -> dict[str, str]:
    """Return the environment by which PostgreSQL's own programs find a role's database."""
    parts = conninfo_to_dict(database_url(alias))
    names = {"dbname": "PGDATABASE"}
    return {
        names.get(part, f"PG{part.upper()}"): str(value)
        for part, value in parts.items()
        if value is not None
    }


def _drop(name: str) -> None:
    # Not WITH (FORCE): the owner may not end sessions of the runtime role. They end by
    # themselves, a moment after whoever held them.
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            _execute(f'DROP DATABASE "{name}"')
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _execute(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
