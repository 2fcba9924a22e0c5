"""What the database's refusals become, for all services of points."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import DatabaseError, OperationalError

from alerts.codes import ErrorCode
from alerts.errors import (
    DatabaseRefusalError,
    ServiceError,
    ValidationFailedError,
    from_database_error,
)
from alerts.statements import call_function
from credit.services.idempotency import KeyAnsweredError, StillRunningError


@dataclasses.dataclass(eq=False, kw_only=True)
class NoSuchThingError(ServiceError):
    """There is none of this id, or it is another client's."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(eq=False, kw_only=True)
class StateForbidsError(ServiceError):
    """It is over, or in the middle of something."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


def call(statement: str, parameters: Sequence[Any]) -> tuple[Any, ...]:
    """Call one of our functions.

    :raises ServiceError: what it refuses.
    :raises StillRunningError: somebody else has held what it needs for two seconds.
    :raises KeyAnsweredError: the key was answered before.
    """
    try:
        return call_function(statement, parameters)
    except DatabaseError as error:
        refusal = refusal_from(error)
        if refusal is error:
            raise
        raise refusal from error


def refusal_from(error: DatabaseError) -> Exception:
    """Return what a caller is told; the error itself where it is no refusal of ours."""
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    if sqlstate == KeyAnsweredError.SQLSTATE:
        return KeyAnsweredError()
    if isinstance(error, OperationalError) and sqlstate == StillRunningError.LOCK_NOT_AVAILABLE:
        return StillRunningError()
    refusal = from_database_error(error)
    if isinstance(refusal, DatabaseRefusalError):
        if refusal.code is ErrorCode.NOT_FOUND:
            return NoSuchThingError()
        if refusal.code is ErrorCode.STATE_FORBIDS:
            return StateForbidsError()
    return error if refusal is None else refusal


def refuse(field: str, words: str) -> ValidationFailedError:
    """Return the refusal of one field."""
    return ValidationFailedError(errors={field: [words]})
