"""The one family of errors, and the way from a database's refusal to its member.

A service raises ``ServiceError``s only; the edge renders them from the catalogue. The subclasses
live beside the functions that raise them.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import psycopg
from django import db

from alerts.codes import ErrorCode


@dataclasses.dataclass(eq=False, kw_only=True)
class ServiceError(Exception):
    """Something a service could not do; ``code`` says what, the fields say to whom.

    Fields hold ids and numbers, never a redemption code, a card's code or a phone number: they
    are logged.

    :param errors: what is wrong with which field of the request.
    :param retry_after_seconds: when asking again makes sense, where that is known.
    :param said_instead: what the customer is told, where the catalogue's words would puzzle them;
        in English, with the catalogue's placeholders.
    """

    code: ClassVar[ErrorCode]
    # The fields that the API's answer carries, besides those it always has.
    answer_fields: ClassVar[tuple[str, ...]] = ()

    errors: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    retry_after_seconds: int | None = None
    said_instead: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.code.operator}"

    def __reduce__(self) -> tuple[Callable[..., ServiceError], tuple[object, ...]]:
        # Exception's own way passes positional arguments, which keyword-only fields refuse.
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return _rebuild, (type(self), fields)

    def customer_words(self, *, support_phone: str = "") -> str:
        """Print what a customer is told, in the active language."""
        seconds = self.retry_after_seconds
        minutes = None if seconds is None else seconds / 60
        return self.code.customer_words(
            support_phone=support_phone, minutes=minutes, instead=self.said_instead
        )


def _rebuild(cls: type[ServiceError], fields: dict[str, object]) -> ServiceError:
    return cls(**fields)  # type: ignore[arg-type]  # they come from an instance of cls


@dataclasses.dataclass(eq=False, kw_only=True)
class DatabaseRefusalError(ServiceError):
    """A refusal by a database function whose code has no class of its own."""

    code: ErrorCode  # type: ignore[misc]  # the one class whose code is the instance's
    details: dict[str, object]


ErrorClass = TypeVar("ErrorClass", bound=type[ServiceError])
_CLASS_BY_SQLSTATE: dict[str, type[ServiceError]] = {}


def raised_by_database(cls: ErrorClass) -> ErrorClass:
    """Class decorator: this is what the database's refusal with the class's code becomes.

    The fields are read from the refusal's DETAIL, a JSON object of the same names. Being named
    here is a choice, not a matter of inheriting: several classes may share a code, and only one
    of them can stand for the database's.
    """
    known = _CLASS_BY_SQLSTATE.setdefault(cls.code.sqlstate, cls)
    if known is not cls:
        raise TypeError(f"{cls.code} is already {known.__name__}, not {cls.__name__}")
    return cls


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class ValidationFailedError(ServiceError):
    """A value is missing or malformed; ``errors`` names each field and why."""

    code: ClassVar = ErrorCode.INVALID_INPUT


def from_database_error(exc: db.Error) -> ServiceError | None:
    """Turn a refusal by one of our database functions into its ``ServiceError``.

    Everything else (a violated constraint, a deadlock, a lost connection) gives None: only the
    caller knows what it means there.
    """
    refusal = exc.__cause__
    if not isinstance(refusal, psycopg.Error):
        return None
    code = ErrorCode.from_sqlstate(refusal.diag.sqlstate)
    if code is None:
        return None
    details = _parse_detail(refusal.diag.message_detail)
    error_class = _CLASS_BY_SQLSTATE.get(code.sqlstate)
    fields = None if error_class is None else _read_fields(error_class, details)
    if error_class is None or fields is None:
        return DatabaseRefusalError(code=code, details=details)
    return error_class(**fields)


def _parse_detail(detail: str | None) -> dict[str, object]:
    # A trigger may say its detail in prose, and a lost detail must not hide the refusal.
    try:
        parsed = json.loads(detail or "{}")
    except ValueError:
        parsed = detail
    return parsed if isinstance(parsed, dict) else {"detail": parsed}


def _read_fields(cls: type[ServiceError], details: dict[str, object]) -> dict[str, Any] | None:
    """Pick the fields of ``cls`` out of ``details``; None when they do not make a whole one.

    What the function says beyond the fields is left out.
    """
    hints = typing.get_type_hints(cls)
    known = [field for field in dataclasses.fields(cls) if field.name in details]
    needed = {
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if not needed <= details.keys():
        return None
    try:
        return {field.name: _convert(details[field.name], hints[field.name]) for field in known}
    except (ValueError, TypeError, ArithmeticError):
        return None


_FROM_TEXT: dict[object, Callable[[str], object]] = {
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    Decimal: Decimal,
}


def _convert(value: object, hint: object) -> object:
    """Make of a JSON value what the field's type says (``UUID``, ``datetime``, … or as it is)."""
    choices = typing.get_args(hint) or (hint,)
    for choice in choices:
        if isinstance(value, str) and choice in _FROM_TEXT:
            return _FROM_TEXT[choice](value)
    return value
