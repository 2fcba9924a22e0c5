"""Counting how often something was done lately, exactly, wherever it was done.

A window is a limit over the last so many seconds, whenever one looks: not a clock's five minutes,
at whose edge twice as much would pass. Redis counts, in one script and so one at a time; while it
is away PostgreSQL does, from what it sees from then on (docs/adr/0019).
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, cast
from uuid import UUID, uuid4

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from alerts.addresses import client_address, network_of
from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import RateCount
from alerts.statements import call_function

log = structlog.get_logger()

_PREFIX: Final = "giftline:rate:"
_TIMEOUT_SECONDS: Final = 0.3
# For so long nobody asks a Redis that has just not answered.
_PAUSE_SECONDS: Final = 2.0
# One sorted set a window, its members by the microsecond they were counted at. All windows have
# room, or nothing is counted in any. A member that is there already is the same thing once more:
# it passes and counts once.
_SCRIPT: Final = """
local now = tonumber(ARGV[1])
local waits, full = {}, false
for i, key in ipairs(KEYS) do
    local limit, span = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - span)
    waits[i] = 0
    if not redis.call('ZSCORE', key, ARGV[2]) and redis.call('ZCARD', key) >= limit then
        local oldest = redis.call('ZRANGE', key, -limit, -limit, 'WITHSCORES')
        waits[i] = tonumber(oldest[2]) + span - now
        full = true
    end
end
if not full then
    for i, key in ipairs(KEYS) do
        redis.call('ZADD', key, 'NX', now, ARGV[2])
        redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[2 + 2 * i]) / 1000))
    end
end
return waits
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class RateLimitedError(ServiceError):
    """There were too many in a short time; nothing was done."""

    code: ClassVar = ErrorCode.RATE_LIMITED


class CountersDownError(Exception):
    """Redis does not answer; the caller counts elsewhere."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most ``limit`` within any ``seconds``, counted under ``key``."""

    key: str
    limit: int
    seconds: float

    @classmethod
    def of(cls, key: str, rate: tuple[int, float]) -> Window:
        """Make one of a setting such as ``5/5m``."""
        return cls(key=key, limit=rate[0], seconds=rate[1])


def count_hit(window: Window, *, now: datetime, member: UUID | None = None) -> None:
    """Count one more, wherever there is somebody to count.

    :param member: the same for what must count once however often it comes.
    :raises RateLimitedError: GC-101, the window is full.
    """
    try:
        (wait,) = count_in_redis([window], member=member or uuid4(), now=now)
    except CountersDownError:
        wait = count_in_database(window, now=now)
    if wait:
        raise RateLimitedError(retry_after_seconds=math.ceil(wait))


def count_press(meta: Mapping[str, Any], *, now: datetime) -> None:
    """Count the pressing of a link's button by the address it comes from.

    Nobody guesses a link: this only keeps one machine from keeping all of ours busy.

    :param meta: the request's ``META``.
    :raises RateLimitedError: GC-101.
    """
    address = network_of(client_address(meta, trusted_hops=settings.TRUSTED_PROXY_HOPS))
    count_hit(Window.of(f"links:{address}", settings.RATE_LIMIT_LINK), now=now)


def count_in_redis(windows: Sequence[Window], *, member: UUID, now: datetime) -> list[float]:
    """Count one more in all windows, or in none; return for each in how many seconds it has room.

    0 everywhere says that it was counted.

    :raises CountersDownError: Redis does not answer.
    """
    arguments: list[Any] = [_microseconds(now), str(member)]
    for window in windows:
        arguments += [window.limit, round(window.seconds * 1e6)]
    keys = [_PREFIX + window.key for window in windows]
    waits = cast(list[int], _ask(lambda client: _script(client)(keys=keys, args=arguments)))
    return [wait / 1e6 for wait in waits]


def count_in_database(window: Window, *, now: datetime) -> float:
    """Count one more in PostgreSQL; return in how many seconds there is room, 0 when counted."""
    (wait,) = call_function(
        "SELECT alerts_count_hit(%s, %s, %s, %s)",
        (window.key, window.limit, timedelta(seconds=window.seconds), now),
    )
    return float(wait)


def forget_hit(keys: Collection[str], *, member: UUID) -> None:
    """Take one back that should not have counted; what Redis does not hear of ages by itself."""

    def remove(client: redis.Redis) -> None:
        with client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.zrem(_PREFIX + key, str(member))
            pipeline.execute()

    try:
        _ask(remove)
    except CountersDownError:
        log.warning("a count was not taken back")


def count_of(window: Window, *, now: datetime) -> int | None:
    """Return how many were counted within a window; None while Redis is away."""
    since = _microseconds(now) - round(window.seconds * 1e6)
    try:
        return cast(
            int, _ask(lambda client: client.zcount(_PREFIX + window.key, f"({since}", "+inf"))
        )
    except CountersDownError:
        return None


def clear_counts(keys: Collection[str]) -> None:
    """Begin to count anew under these keys."""
    RateCount.objects.filter(key__in=keys).delete()
    if keys:
        try:
            _ask(lambda client: client.delete(*[_PREFIX + key for key in keys]))
        except CountersDownError:
            log.warning("counts were not cleared in Redis")


def clear_old_counts(*, before: datetime) -> int:
    """Remove what was counted in an outage that is long over; return how many counters."""
    removed, _ = RateCount.objects.filter(last_at__lt=before).delete()
    return removed


def _microseconds(now: datetime) -> int:
    return round(now.timestamp() * 1e6)


@functools.lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        socket_timeout=_TIMEOUT_SECONDS,
        # Who waits for an answer is a customer: PostgreSQL gives it sooner than a second try.
        retry=Retry(NoBackoff(), 0),
    )


@functools.lru_cache(maxsize=4)
def _script(client: redis.Redis) -> Any:
    return client.register_script(_SCRIPT)


_silent_until: dict[str, float] = {}


def _ask(question: Any) -> Any:
    url: str = settings.REDIS_URL
    if time.monotonic() < _silent_until.get(url, 0):
        raise CountersDownError
    try:
        return question(_client(url))
    except redis.RedisError as error:
        _silent_until[url] = time.monotonic() + _PAUSE_SECONDS
        log.warning("[GUARD] Redis does not answer, PostgreSQL counts", kind=type(error).__name__)
        raise CountersDownError from error
