"""The guard as the doors call it: let an attempt at a code in, and hear what was wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.throttling import clear_old_counts, count_hit, forget_hit
from alerts.transactions import durable
from credit.services.idempotency import KeyAnsweredError, KeyClaim
from redemption.models import AttemptLog, Recipient
from redemption.services.form_alerts import alert_slow_form, warn_of_proxy
from redemption.throttling import (
    Attempt,
    Source,
    admit_attempt,
    digest_of_code,
    member_of,
    settle_attempt,
    take_back_attempt,
    windows_of,
)

log = structlog.get_logger()

_CLEARED_AT_ONCE: Final = 5_000


@durable
def guard_attempt(
    *,
    action: AttemptLog.Action,
    source: Source,
    now: datetime,
    code: str = "",
    code_digest: bytes | None = None,
    form: str = "",
    key: KeyClaim | None = None,
    request_id: str = "",
) -> Attempt:
    """Let an attempt at a code in, or refuse it; call it before anything is looked up.

    :param code: as it was typed; else ``code_digest`` says which one it is about.
    :param form: the id of the campaign whose form it is, ``""`` for the general one.
    :param key: of a request that may be repeated: its repeats count once.
    :raises RateLimitedError: GC-101, with ``retry_after_seconds``.
    :raises BlockedError: GC-102.
    """
    return admit_attempt(
        action=action,
        source=source,
        code_digest=digest_of_code(code) if code_digest is None else code_digest,
        now=now,
        form=form,
        identity=_identity_of(key),
        request_id=request_id,
    )


@durable
def record_result(*, attempt: Attempt, error: ServiceError, now: datetime) -> None:
    """Write down what was wrong with an attempt, where it was the code or the second factor.

    The failure that is one too many blocks a stranger's address.
    """
    result = _failure_of(error)
    if result is None:
        return
    settled = settle_attempt(attempt, result, now=now)
    if settled.is_blocked and settled.network is not None:
        log.warning("[GUARD] Address blocked", network=settled.network)
        warn_of_proxy(network=settled.network, now=now)
    if settled.is_slowed:
        alert_slow_form(
            form=settled.form or "",
            attempts=settled.attempts or 0,
            unknown=settled.unknown or 0,
            now=now,
        )


@contextlib.contextmanager
def guarded(
    *,
    action: AttemptLog.Action,
    source: Source,
    now: datetime,
    code: str = "",
    code_digest: bytes | None = None,
    form: str = "",
    key: KeyClaim | None = None,
    request_id: str = "",
) -> Iterator[Attempt]:
    """Guard the block that looks a code up or redeems it; what it raises is recorded.

    Takes and raises what :func:`guard_attempt` does. A block that finds the code unknown says so
    by raising ``UnknownCodeError``.
    """
    attempt = guard_attempt(
        action=action,
        source=source,
        now=now,
        code=code,
        code_digest=code_digest,
        form=form,
        key=key,
        request_id=request_id,
    )
    try:
        yield attempt
    except KeyAnsweredError:
        take_back_attempt(attempt, now=now)
        raise
    except ServiceError as error:
        record_result(attempt=attempt, error=error, now=now)
        raise


@contextlib.contextmanager
def count_call(*, source: Source, key: KeyClaim | None, now: datetime) -> Iterator[None]:
    """Count a call that names no code by who is signed in; a repeat that was answered counts not.

    :raises RateLimitedError: GC-101.
    """
    member = member_of(_identity_of(key))
    windows = windows_of(source, None)
    for window in windows.values():
        count_hit(window, member=member, now=now)
    try:
        yield
    except KeyAnsweredError:
        forget_hit([window.key for window in windows.values()], member=member)
        raise


def digest_of_recipient(recipient_id: UUID) -> bytes:
    """Return by what a recipient's code is known in the log."""
    with seeing(EVERYTHING):
        return bytes(Recipient.objects.values_list("code_digest", flat=True).get(pk=recipient_id))


@durable
def clear_attempts(*, now: datetime) -> int:
    """Clear tries that are older than they are kept, and counts of an outage; return how many."""
    before = now - timedelta(seconds=settings.ATTEMPTS_KEPT)
    cleared = 0
    while True:
        (some,) = call_function(
            "SELECT redemption_clear_attempts(%s, %s)", (before, _CLEARED_AT_ONCE)
        )
        cleared += int(some)
        if some < _CLEARED_AT_ONCE:
            break
    clear_old_counts(before=now - timedelta(days=2))
    return cleared


def _identity_of(key: KeyClaim | None) -> str:
    return "" if key is None else f"{key.owner}:{key.key}:{key.fingerprint.hex()}"


def _failure_of(error: ServiceError) -> AttemptLog.Result | None:
    if error.code is ErrorCode.UNKNOWN_CODE:
        return AttemptLog.Result.UNKNOWN_CODE
    # Being asked for a second factor is no wrong answer.
    if error.code is ErrorCode.VERIFICATION_NEEDED and getattr(error, "was_given", True):
        return AttemptLog.Result.WRONG_FACTOR
    return None
