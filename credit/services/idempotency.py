"""Idempotency keys: a caller who repeats a request gets the first answer, not a second effect.

The record is written in the transaction of the effect it stands for, and UNIQUE (owner, key) is
the lock: a second call with the same key waits there for the first one's commit.
"""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import OperationalError, connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.keyring import digest
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from credit.models import IdempotencyRecord

# Promised are 24 hours; a queue that stood still over a weekend may still repeat safely.
KEPT_FOR: Final = timedelta(days=3)
_CLEARED_AT_ONCE: Final = 10_000
# Of partners alone: the other records mark files that must never be taken twice.
_CLEAR: Final = """
    DELETE FROM credit_idempotencyrecord WHERE id IN (
        SELECT id FROM credit_idempotencyrecord
        WHERE created_at < %s AND split_part(owner, ':', 1) IN ('platform', 'agency', 'client')
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyClaim:
    """A key with what it stands for: whose it is and a keyed digest of the request."""

    owner: str
    key: str
    fingerprint: bytes


class KeyAnsweredError(Exception):
    """The key was answered before; its record says how. No error to whoever repeats it."""

    SQLSTATE: ClassVar = "GC900"


@dataclasses.dataclass(eq=False, kw_only=True)
class StillRunningError(ServiceError):
    """Another call with the same key or code has not come to its end within two seconds."""

    LOCK_NOT_AVAILABLE: ClassVar = "55P03"
    code: ClassVar = ErrorCode.STILL_RUNNING

    retry_after_seconds: int | None = 2


@dataclasses.dataclass(eq=False, kw_only=True)
class KeyReusedError(ServiceError):
    """The key stands for another request."""

    code: ClassVar = ErrorCode.KEY_REUSED


def claim_key(*, owner: str, key: str, method: str, path: str, body: Any) -> KeyClaim:
    """Return the claim of a key on a request.

    :param owner: the organisation, not its API key: a rotated one keeps its history.
    :param body: the parsed body; two spellings of the same JSON are the same request.
    """
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)
    return KeyClaim(
        owner=owner,
        key=key,
        fingerprint=digest(f"{method} {path}\n{canonical}", purpose="idempotency"),
    )


def key_parameters(key: KeyClaim | None) -> tuple[str | None, str | None, bytes | None]:
    """Return a claim as our database functions take it: owner, key and fingerprint."""
    return (None, None, None) if key is None else (key.owner, key.key, key.fingerprint)


@seeing(EVERYTHING)
def find_record(*, claim: KeyClaim) -> IdempotencyRecord | None:
    """Return what the key stands for, None when it was never answered.

    :raises KeyReusedError: it stands for another request (GC-107).
    """
    try:
        record = IdempotencyRecord.objects.get(owner=claim.owner, key=claim.key)
    except IdempotencyRecord.DoesNotExist:
        return None
    if bytes(record.fingerprint) != claim.fingerprint:
        raise KeyReusedError
    return record


@transaction_required
def hold_key(*, claim: KeyClaim) -> None:
    """Be the only one who works under a key until the transaction ends.

    For what takes longer than a moment: without it, a second call would do all the work before
    it meets the first one's record.

    :raises KeyReusedError: the key stands for another request (GC-107).
    :raises KeyAnsweredError: it was answered before; its record says how.
    :raises StillRunningError: the first call takes longer than two seconds (GC-108).
    """
    number = digest(f"{claim.owner}\n{claim.key}", purpose="idempotency_lock")[:8]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(number, "big", signed=True)]
            )
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != StillRunningError.LOCK_NOT_AVAILABLE:
            raise
        raise StillRunningError from error
    if find_record(claim=claim) is not None:
        raise KeyAnsweredError


@seeing(EVERYTHING)
@transaction_required
def keep_answer(
    *,
    claim: KeyClaim,
    object_id: UUID,
    status: int,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write what a key stands for now, in the transaction of its effect.

    A second call with the key waits here for the first one's commit.

    :param object_id: what was made; the answer is printed anew from it.
    :param details: the answer itself where nothing was made that it could be printed from; no
        secrets.
    :raises KeyReusedError: the key was answered meanwhile, for another request (GC-107).
    :raises KeyAnsweredError: it was answered meanwhile, with a refusal or another object.
    """
    IdempotencyRecord.objects.bulk_create(
        [
            IdempotencyRecord(
                owner=claim.owner,
                key=claim.key,
                fingerprint=claim.fingerprint,
                status=status,
                object_id=object_id,
                details=details or {},
                created_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    record = find_record(claim=claim)
    if record is None or record.object_id != object_id:
        raise KeyAnsweredError


@seeing(EVERYTHING)
def amend_answer(*, claim: KeyClaim, before: str, status: int, state: str) -> None:
    """Let a key stand for what its first answer says after all, before it is given.

    :param before: the state that was written with the effect; if it is another by now, nothing is
        changed.
    """
    IdempotencyRecord.objects.filter(owner=claim.owner, key=claim.key, state=before).update(
        status=status, state=state
    )


@seeing(EVERYTHING)
def forget_answer(*, claim: KeyClaim, before: str) -> None:
    """Let a key stand for nothing again, since what came of it is no answer to be kept.

    :param before: as for :func:`amend_answer`.
    """
    IdempotencyRecord.objects.filter(owner=claim.owner, key=claim.key, state=before).delete()


# Refusals that a repeat must get again; any other may come out differently the next time.
_KEPT_STATUSES = frozenset({400, 404, 410, 422})


@seeing(EVERYTHING)
def keep_refusal(*, claim: KeyClaim, error: ServiceError, status: int, now: datetime) -> None:
    """Keep a refusal under its key where the contract says that a repeat reads it again.

    Numbers that its answer carries are kept with it.
    """
    if status not in _KEPT_STATUSES and error.code is not ErrorCode.ALREADY_REDEEMED:
        return
    object_id = getattr(error, "redemption_id", None)
    numbers = {
        name: getattr(error, name)
        for name in error.answer_fields
        if type(getattr(error, name)) is int
    }
    IdempotencyRecord.objects.bulk_create(
        [
            IdempotencyRecord(
                owner=claim.owner,
                key=claim.key,
                fingerprint=claim.fingerprint,
                status=status,
                error_code=error.code.code,
                object_id=object_id if isinstance(object_id, UUID) else None,
                state="",
                details={"errors": error.errors, **({"numbers": numbers} if numbers else {})},
                created_at=now,
            )
        ],
        ignore_conflicts=True,
    )


@durable
@seeing(EVERYTHING)
def clear_answers(*, now: datetime) -> int:
    """Forget partners' keys that were answered longer ago than is kept; return how many.

    In pieces, each a transaction of its own, so that nobody waits for it.
    """
    cleared = 0
    while True:
        with transaction(), connection.cursor() as cursor:
            cursor.execute(_CLEAR, [now - KEPT_FOR, _CLEARED_AT_ONCE])
            count = int(cursor.rowcount)
        cleared += count
        if count < _CLEARED_AT_ONCE:
            return cleared
