"""Whose rows the database shows, carried in the context of whatever is running.

Note [Scope]
PostgreSQL shows a row of a tenant's table only to a statement that says whose rows it may see
(row-level security, ``sql/`` of the app that owns the table). The scope is kept here, in a
context variable, and told to the database with every statement (``config/backend``), so that
it holds in autocommit and behind a pooler, and ends where its block ends. Nothing has been
said yet means nothing is seen: a view that forgets to ask who is looking prints an empty page,
not a stranger's data. Jobs, commands and migrations work for the platform and see everything.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cached_property
from uuid import UUID


@dataclasses.dataclass(frozen=True)
class Scope:
    """Organisations (agencies with all their clients, or single clients), or everything."""

    sees_everything: bool = False
    organisation_ids: frozenset[UUID] = frozenset()

    @cached_property
    def text(self) -> str:
        """The scope as the policies read it: ``*``, or ids by comma."""
        return "*" if self.sees_everything else ",".join(sorted(map(str, self.organisation_ids)))


NOTHING = Scope()
EVERYTHING = Scope(sees_everything=True)

_current: ContextVar[Scope] = ContextVar("scope", default=NOTHING)


def current_scope() -> Scope:
    """Return what may be seen here and now."""
    return _current.get()


@contextlib.contextmanager
def seeing(scope: Scope) -> Iterator[None]:
    """See the scope's rows inside the block, and what was seen before after it."""
    token = _current.set(scope)
    try:
        yield
    finally:
        _current.reset(token)


def see_from_here(scope: Scope) -> None:
    """See the scope's rows until the block around ends; a request is such a block."""
    _current.set(scope)
