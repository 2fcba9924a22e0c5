"""Raw SQL, as the application's role and as the tables' owner: nothing of ours in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings

from tests.database import owner_url


@contextmanager
def as_application(scope: str = "*") -> Iterator[psycopg.Connection[Any]]:
    """Connect as the runtime role with rows of a scope in sight; what is done is rolled back."""
    database = settings.DATABASES["default"]
    connection = psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=database["NAME"],
        options=f"-c giftline.scope={scope}",
    )
    try:
        yield connection
    finally:
        connection.rollback()
        connection.close()


@contextmanager
def as_owner() -> Iterator[psycopg.Connection[Any]]:
    """Connect as the owner of the tables; what is done is rolled back."""
    connection = psycopg.connect(owner_url())
    try:
        yield connection
    finally:
        connection.rollback()
        connection.close()


@contextmanager
def without(trigger: str, table: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect as the owner with one guard switched off: the control of a guard's test."""
    with as_owner() as connection:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield connection
