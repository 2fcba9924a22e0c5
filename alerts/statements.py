"""Calling a database function on the hot path, in the fewest steps there are."""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections


def call_function(
    statement: str, parameters: Sequence[Any], *, using: str = DEFAULT_DB_ALIAS
) -> tuple[Any, ...]:
    """Run a statement that returns one row, prepared once for each connection; return the row.

    Django's own cursor writes the values into the statement's text, which PostgreSQL then has to
    parse and plan anew at every call; for a function with two dozen parameters that costs more
    than the rest of the driver together. Behind PgBouncer it takes 1.21 or newer, with
    ``max_prepared_statements`` set.

    :raises django.db.Error: as from Django's own cursor.
    """
    connection = connections[using]
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
    ):
        row = cursor.execute(statement, parameters, prepare=True).fetchone()
    if row is None:
        raise LookupError("the statement returned no row")
    return tuple(row)
