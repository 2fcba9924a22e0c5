"""Messages and their attempts, locked, read and written a whole batch at a time.

Note [Message first]
Whoever changes a message and what it is about locks the message first: message → recipient →
card → account (see Note [Lock order] in redemption/sql/redeem.sql). Several messages are locked
in the order of their ids.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from alerts.transactions import transaction_required
from sms.services.standing import AttemptStanding, Standing

_MESSAGE: Final = (
    "id", "client_id", "channel", "purpose", "to", "reference_kind", "reference_id", "state",
    "attempts_used", "next_attempt_at", "provider_id", "sender", "segments", "error_code",
    "preview", "holds_secret", "redact_at", "template_id", "accepted_at", "delivered_at",
    "request_id",
)  # fmt: skip
_LOCK: Final = """
    SELECT id, client_id, channel, purpose, "to", reference_kind, reference_id, state,
        attempts_used, next_attempt_at, provider_id, sender, segments, error_code,
        preview, holds_secret, redact_at, template_id, accepted_at, delivered_at,
        request_id
    FROM sms_message WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_READ_ATTEMPTS: Final = """
    SELECT message_id, number, status, provider_id, error_code, error_message, price, answered_at
    FROM sms_deliveryattempt WHERE message_id = ANY(%s) ORDER BY message_id, number
"""
_CHANGED: Final = (
    ("id", "uuid"), ("state", "text"), ("attempts_used", "integer"),
    ("next_attempt_at", "timestamptz"), ("provider_id", "text"), ("sender", "text"),
    ("segments", "integer"), ("error_code", "text"), ("preview", "text"),
    ("holds_secret", "boolean"), ("redact_at", "timestamptz"),
    ("template_id", "bigint"), ("accepted_at", "timestamptz"), ("delivered_at", "timestamptz"),
)  # fmt: skip
_CHANGED_ATTEMPT: Final = (
    ("message_id", "uuid"), ("number", "integer"), ("status", "text"), ("provider_id", "text"),
    ("error_code", "text"), ("error_message", "text"), ("price", "text"),
    ("answered_at", "timestamptz"),
)  # fmt: skip


@transaction_required
def lock_standings(message_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Lock messages until the end of the transaction; one that does not exist is left out."""
    ids = list(message_ids)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [ids])
        rows = cursor.fetchall()
        cursor.execute(_READ_ATTEMPTS, [ids])
        attempts: dict[UUID, list[AttemptStanding]] = defaultdict(list)
        for message_id, number, status, provider_id, code, words, price, at in cursor.fetchall():
            attempts[message_id].append(
                AttemptStanding(
                    number=number,
                    status=status,
                    provider_id=provider_id,
                    error_code=code,
                    error_message=words,
                    price=price,
                    answered_at=at,
                )
            )
    return {
        row[0]: Standing(**dict(zip(_MESSAGE, row, strict=True)), attempts=attempts[row[0]])
        for row in rows
    }


@transaction_required
def provider_ids_of_others(pairs: Iterable[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Return which of these (message, provider id) belong to another message already."""
    wanted = [(message_id, provider_id) for message_id, provider_id in pairs if provider_id]
    owners = owners_of_provider_ids(provider_id for _, provider_id in wanted)
    foreign = set()
    for message_id, provider_id in wanted:
        if owners.setdefault(provider_id, message_id) != message_id:
            foreign.add((message_id, provider_id))
    return foreign


def owners_of_provider_ids(provider_ids: Iterable[str]) -> dict[str, UUID]:
    """Return the messages that the provider's ids are known to belong to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT provider_id, message_id FROM sms_deliveryattempt"
            " WHERE provider_id = ANY(%s) AND provider_id <> ''",
            [list(provider_ids)],
        )
        return dict(cursor.fetchall())


def ids_of_attempts(message_ids: Iterable[UUID]) -> dict[tuple[UUID, str], int]:
    """Return by message and provider's id which attempt it is known to be."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT message_id, provider_id, number FROM sms_deliveryattempt"
            " WHERE message_id = ANY(%s) AND provider_id <> ''",
            [list(message_ids)],
        )
        return {(message_id, known): number for message_id, known, number in cursor.fetchall()}


def copy_standing(standing: Standing) -> Standing:
    """Return a copy that later changes do not reach."""
    attempts = [dataclasses.replace(attempt) for attempt in standing.attempts]
    return dataclasses.replace(standing, attempts=attempts)


@transaction_required
def save_standings(*, before: Sequence[Standing], after: Sequence[Standing]) -> None:
    """Write what is different, all of it in two statements."""
    messages = [new for old, new in zip(before, after, strict=True) if old != new]
    attempts = [
        (new.id, attempt)
        for old, new in zip(before, after, strict=True)
        for attempt_before, attempt in zip(old.attempts, new.attempts, strict=True)
        if attempt_before != attempt
    ]
    _update("sms_message", ("id",), _CHANGED, [_values(one, _CHANGED) for one in messages])
    _update(
        "sms_deliveryattempt",
        ("message_id", "number"),
        _CHANGED_ATTEMPT,
        [[message_id, *_values(one, _CHANGED_ATTEMPT[1:])] for message_id, one in attempts],
    )


def _values(row: object, columns: Sequence[tuple[str, str]]) -> list[Any]:
    return [getattr(row, name) for name, _ in columns]


def _update(
    table: str,
    keys: Collection[str],
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[Any]],
) -> None:
    if not rows:
        return
    # One array a column: the statement is the same for one row and for a hundred.
    arrays = ", ".join(f"%s::{kind}[]" for _, kind in columns)
    names = ", ".join(name for name, _ in columns)
    changes = ", ".join(f"{name} = new.{name}" for name, _ in columns if name not in keys)
    match = " AND ".join(f"old.{name} = new.{name}" for name in keys)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} old SET {changes}"  # noqa: S608  constants only
            f" FROM unnest({arrays}) AS new ({names}) WHERE {match}",
            [list(column) for column in zip(*rows, strict=True)],
        )
