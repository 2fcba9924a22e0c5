"""Django's PostgreSQL backend, which tells the database with each statement whose rows to show.

See Note [Scope]. The scope travels in front of the statement, in one round trip and in one
implicit transaction with it, so that it reaches exactly that statement: in autocommit, inside a
transaction, through a savepoint that is rolled back, and behind a pooler that hands every
transaction another connection. A setting made once for a transaction would be lost with the
savepoint it was made in, and one made for the session would be met by the next request.

What does not go through this cursor is not scoped and sees nothing: COPY (into staging tables,
which have no policy) and the hot path's prepared calls (functions with their owner's rights).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import base
from psycopg import ClientCursor, sql

from alerts.scope import current_scope

# These stand alone: the first three also run in a transaction that has failed, where nothing
# else may, SET TRANSACTION has to come before any query, and VACUUM takes no company.
_ALONE = ("SAVEPOINT", "RELEASE", "ROLLBACK", "SET ", "BEGIN", "COMMIT", "VACUUM")


class ScopedCursor(base.CursorMixin, ClientCursor[Any]):
    """A cursor whose every statement is seen by the database with the scope in force."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        text = query.as_string(self) if isinstance(query, sql.Composable) else query
        if text.startswith(_ALONE):
            return super().execute(query, params, **options)
        # Ids, commas and the asterisk only: nothing to quote, no placeholder to mistake.
        scope = f"SELECT set_config('giftline.scope', '{current_scope().text}', true); "
        super().execute(scope + text, params, **options)
        self.nextset()
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> Any:
        raise NotImplementedError("Write one statement for many rows: it carries one scope.")


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections that speak through :class:`ScopedCursor`."""

    def get_connection_params(self) -> dict[str, Any]:
        return {**super().get_connection_params(), "cursor_factory": ScopedCursor}
