"""How often codes may be tried, and by whom.

Note [Guard]
~~~~~~~~~~~~
Every door that takes a code asks here first. Three things are counted, each over the last so many
seconds: attempts of an address (strangers only: who is signed in is counted as who they are, since
a call centre shares one address), attempts on a code, and calls of who is signed in.

Redis counts first, in one round trip, and turns a flood away before PostgreSQL has to lock
anything. What it lets pass is counted again by redemption_admit_attempt, under a lock for the
address and one for the code, in the statement that writes the attempt down: so the limits are
exact whether Redis is up, down, or has just come back empty. Failures and blocks are PostgreSQL's
alone. The calls of who is signed in are too many to count there each time: PostgreSQL does it
while Redis is away.

A refused attempt counts nowhere, or whoever goes on trying would never be let in again. Neither
does a repeat of a request under its idempotency key: it is the same member of each window.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import math
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID, uuid4, uuid5

from django.conf import settings

from alerts.addresses import network_of
from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.keyring import digest
from alerts.statements import call_function
from alerts.throttling import (
    CountersDownError,
    RateLimitedError,
    Window,
    count_in_database,
    count_in_redis,
    forget_hit,
)
from redemption.codes import normalise_code
from redemption.models import AttemptLog

_IDENTITIES: Final = UUID("5f1c6c0e-6f0e-4a7e-9a44-3f1d1f1f0c55")
_ADMIT: Final = (
    "SELECT attempt_id, outcome, nullif(free_at, 'infinity') FROM redemption_admit_attempt("
    "%s, %s, %s, %s::text::cidr, %s, %s, %s, %s, %s, %s, %s::integer, %s, %s::integer, %s,"
    " %s::integer, %s)"
)
_SETTLE: Final = (
    "SELECT is_blocked, is_slowed, network::text, form, attempts, unknown"
    " FROM redemption_settle_attempt(%s, %s, %s, %s, %s::integer, %s, %s, %s, %s::integer,"
    " %s::integer, %s)"
)


@dataclasses.dataclass(eq=False, kw_only=True)
class BlockedError(ServiceError):
    """Nobody may try a code from this address for now.

    :param until: None when until somebody lifts it.
    """

    code: ClassVar = ErrorCode.BLOCKED

    until: datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who tries: a network in CIDR notation, and who is signed in (``user:<id>``, ``key:<id>``)."""

    network: str
    counts_address: bool
    caller: str = ""

    @property
    def caller_rate(self) -> tuple[int, float] | None:
        """How often they may call, as a setting says it; None for a stranger."""
        kind = self.caller.partition(":")[0]
        rates: dict[str, tuple[int, float]] = {
            "key": settings.RATE_LIMIT_API_KEY,
            "user": settings.RATE_LIMIT_AGENT,
        }
        return rates.get(kind)


def stranger(*, address: str) -> Source:
    """Describe somebody who is not signed in; limited by their address."""
    return Source(network=to_network(address), counts_address=True)


def agent(*, user_id: int | UUID, address: str) -> Source:
    """Describe somebody at the desk; limited by who they are."""
    return Source(network=to_network(address), counts_address=False, caller=f"user:{user_id}")


def partner(*, key_id: UUID, address: str, customer_address: str | None = None) -> Source:
    """Describe a partner; with the address of the customer it asks for, that one's limits too."""
    return Source(
        network=to_network(customer_address or address),
        counts_address=customer_address is not None,
        caller=f"key:{key_id}",
    )


def to_network(address: str) -> str:
    """Return what is counted as one address, in CIDR notation: of IPv6 the /64."""
    counted = network_of(address)
    return f"{counted}/{32 if ipaddress.ip_address(counted).version == 4 else 64}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt that was let in; ``is_repeat`` says that it counted before."""

    id: int
    member: UUID
    source: Source
    keys: tuple[str, ...]
    is_repeat: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a failure has led to: the address blocked, the form slowed down, each just now."""

    is_blocked: bool
    is_slowed: bool
    network: str | None
    form: str | None
    attempts: int | None
    unknown: int | None


def digest_of_code(code: str) -> bytes:
    """Return by what a code is known in the log and found among the recipients."""
    return digest(normalise_code(code), purpose="redemption_code")


def admit_attempt(
    *,
    action: AttemptLog.Action,
    source: Source,
    code_digest: bytes,
    now: datetime,
    form: str = "",
    identity: str = "",
    request_id: str = "",
) -> Attempt:
    """Let an attempt at a code in and write it down, or refuse it, which is written down too.

    :param form: the id of the campaign whose form it is, ``""`` for the general one.
    :param identity: the same for each repeat of one request, which counts once.
    :raises RateLimitedError: GC-101, with the seconds to wait.
    :raises BlockedError: GC-102.
    """
    member = member_of(identity)
    windows = windows_of(source, code_digest)
    refused_by, wait = _count(windows, member, now=now)
    attempt_id, outcome, free_at = call_function(
        _ADMIT,
        (
            member, now, str(action), source.network, source.counts_address, source.caller,
            code_digest, form, request_id, refused_by, *_rate(settings.RATE_LIMIT_ADDRESS),
            *_rate(settings.RATE_LIMIT_CODE), *_failure_rate(source),
        )
    )  # fmt: skip
    attempt = Attempt(
        id=attempt_id,
        member=member,
        source=source,
        keys=tuple(window.key for window in windows.values()),
        is_repeat=outcome == AttemptLog.Result.REPEAT,
    )
    if outcome == AttemptLog.Result.BLOCKED:
        _give_back(attempt, is_counted=not refused_by)
        raise BlockedError(until=free_at)
    if outcome == AttemptLog.Result.RATE_LIMITED:
        _give_back(attempt, is_counted=not refused_by)
        if free_at is not None:
            wait = (free_at - now).total_seconds()
        raise RateLimitedError(retry_after_seconds=max(1, math.ceil(wait)))
    if refused_by:
        # Its address is over the limit, but allowed: only now can the others be counted.
        windows.pop("address")
        refused_by, wait = _count(windows, member, now=now)
        if refused_by:
            settle_attempt(attempt, AttemptLog.Result.RATE_LIMITED, limit=refused_by, now=now)
            raise RateLimitedError(retry_after_seconds=max(1, math.ceil(wait)))
    return attempt


def settle_attempt(
    attempt: Attempt, result: AttemptLog.Result, *, now: datetime, limit: str = ""
) -> Settled:
    """Write down what was wrong with an attempt, and draw the consequences; once."""
    block_limit, block_span = _rate(settings.RATE_LIMIT_BLOCK_AFTER)
    slow_limit, slow_span = _rate(settings.SLOW_FORM_AFTER)
    is_blocked, is_slowed, network, form, attempts, unknown = call_function(
        _SETTLE,
        (
            attempt.id, str(result), now, limit, block_limit, block_span,
            timedelta(seconds=settings.RATE_LIMIT_BLOCK_FOR), slow_span, slow_limit,
            settings.SLOW_FORM_SHARE, timedelta(seconds=settings.SLOW_FORM_FOR),
        ),
    )  # fmt: skip
    return Settled(
        is_blocked=bool(is_blocked),
        is_slowed=bool(is_slowed),
        network=network,
        form=form,
        attempts=attempts,
        unknown=unknown,
    )


def take_back_attempt(attempt: Attempt, *, now: datetime) -> None:
    """Let an attempt count nowhere: it was the repeat of one that was answered."""
    if not attempt.is_repeat:
        _give_back(attempt, is_counted=True)
        settle_attempt(attempt, AttemptLog.Result.REPEAT, now=now)


def member_of(identity: str) -> UUID:
    """Return what stands for an attempt in the windows: repeats of one request are one."""
    return uuid5(_IDENTITIES, identity) if identity else uuid4()


def windows_of(source: Source, code_digest: bytes | None) -> dict[str, Window]:
    """Return what is counted of an attempt, by the name of the limit."""
    windows = {}
    if source.counts_address:
        windows["address"] = Window.of(
            f"guard:address:{source.network}", settings.RATE_LIMIT_ADDRESS
        )
    if code_digest is not None:
        windows["code"] = Window.of(f"guard:code:{code_digest.hex()}", settings.RATE_LIMIT_CODE)
    if source.caller_rate is not None:
        windows["caller"] = Window.of(f"calls:{source.caller}", source.caller_rate)
    return windows


def _count(windows: dict[str, Window], member: UUID, *, now: datetime) -> tuple[str, float]:
    """Count in Redis; return the limit that refuses and for how many seconds, ``""`` for none."""
    try:
        waits = count_in_redis(list(windows.values()), member=member, now=now)
    except CountersDownError:
        # Address and code are counted in the database anyway.
        caller = windows.get("caller")
        waited = 0.0 if caller is None else count_in_database(caller, now=now)
        return ("caller", waited) if waited else ("", 0.0)
    # Who has to wait for several has to wait for the longest; an allowed address for the others.
    name, wait = max(
        zip(windows, waits, strict=True),
        key=lambda each: (each[0] != "address" and each[1], each[1]),
    )
    return (name, wait) if wait else ("", 0.0)


def _give_back(attempt: Attempt, *, is_counted: bool) -> None:
    if is_counted:
        forget_hit(attempt.keys, member=attempt.member)


def _rate(rate: tuple[int, float]) -> tuple[int, timedelta]:
    return rate[0], timedelta(seconds=rate[1])


def _failure_rate(source: Source) -> tuple[int | None, timedelta | None]:
    if not source.caller.startswith("key:"):
        return None, None
    return _rate(settings.RATE_LIMIT_API_KEY_FAILURES)
