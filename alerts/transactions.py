"""Who owns a transaction, said in the code.

All names but ``snapshot`` are those of Octopus Energy's django-subatomic, which needs Python
3.12; they are built here on Django's ``atomic``, which alone can't tell "open a transaction"
from "be part of one":

- ``transaction()`` opens one and commits it; the outermost function of a use case does that.
- ``@transaction_required`` marks a building block that must be part of its caller's.
- ``savepoint()`` makes a part of an open transaction undoable on its own.
- ``snapshot()`` opens one in which nothing is written and every query sees the same moment.
- ``@durable`` marks what must not be part of one, such as a call to a vendor: what it did
  could not be rolled back.

The transaction that Django's TestCase wraps around a test counts as none: it stands for the
empty database, not for a caller.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar, overload

from django.db import DEFAULT_DB_ALIAS
from django.db import transaction as django_transaction

P = ParamSpec("P")
R = TypeVar("R")


class UnexpectedTransactionError(RuntimeError):
    """A transaction is open where none may be."""


class MissingTransactionError(RuntimeError):
    """No transaction is open where one must be."""


def is_in_transaction(*, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Tell whether somebody above has opened a transaction (TestCase's own don't count)."""
    blocks = django_transaction.get_connection(using).atomic_blocks
    # Django marks TestCase's blocks for its own `durable` check; there is no public name for it.
    return any(not block._from_testcase for block in blocks)  # noqa: SLF001


@contextlib.contextmanager
def transaction(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Open a transaction; commit at the end of the block, roll back when it raises.

    :raises UnexpectedTransactionError: one is open, so the end of this block would commit nothing.
    """
    _refuse_open_transaction("transaction()", using)
    with django_transaction.atomic(using=using, durable=True):  # noqa: TID251  the one place
        yield


@contextlib.contextmanager
def snapshot(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Open a transaction that only reads, all of it as of its first query.

    In a test that runs inside TestCase's transaction it sees what that one sees.

    :raises UnexpectedTransactionError: one is open, which has chosen its own way of reading.
    """
    _refuse_open_transaction("snapshot()", using)
    with django_transaction.atomic(using=using, durable=True):  # noqa: TID251  the one place
        connection = django_transaction.get_connection(using)
        if len(connection.atomic_blocks) == 1:
            # Past Django's cursor, which may put a statement of ours before this one; the
            # level of isolation is taken only from the very first.
            with connection.wrap_database_errors:
                connection.connection.execute(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
        yield


@contextlib.contextmanager
def savepoint(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Make the block undoable on its own: when it raises, only its own work is rolled back.

    :raises MissingTransactionError: no transaction is open, so there is nothing to be a part of.
    """
    _require_open_transaction("savepoint()", using)
    with django_transaction.atomic(using=using):  # noqa: TID251  the one place
        yield


@overload
def transaction_required(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def transaction_required(*, using: str) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def transaction_required(
    function: Callable[P, R] | None = None, /, *, using: str = DEFAULT_DB_ALIAS
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a building block that must be part of its caller's transaction.

    :raises MissingTransactionError: when it is called without one.
    """
    decorate = functools.partial(_check_before, check=_require_open_transaction, using=using)
    return decorate if function is None else decorate(function)


@overload
def durable(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def durable(*, using: str) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def durable(
    function: Callable[P, R] | None = None, /, *, using: str = DEFAULT_DB_ALIAS
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function whose effect must last, and so must not be part of a transaction.

    :raises UnexpectedTransactionError: when it is called inside one.
    """
    decorate = functools.partial(_check_before, check=_refuse_open_transaction, using=using)
    return decorate if function is None else decorate(function)


def _check_before(
    function: Callable[P, R], *, check: Callable[[str, str], None], using: str
) -> Callable[P, R]:
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise TypeError(f"{function.__qualname__} runs after its call, when nothing is checked")

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        check(function.__qualname__, using)
        return function(*args, **kwargs)

    return checked


def _require_open_transaction(name: str, using: str) -> None:
    if not is_in_transaction(using=using):
        raise MissingTransactionError(f"{name} needs an open transaction on {using!r}")


def _refuse_open_transaction(name: str, using: str) -> None:
    if is_in_transaction(using=using):
        raise UnexpectedTransactionError(f"{name} must not run in a transaction on {using!r}")
