"""How many calls were not signed by their source: all that is kept of them, for a week."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from alerts.scope import EVERYTHING, seeing
from redemption.models import EventSource

log = structlog.get_logger()

_KEY: Final = "event-signatures-refused:{name}:{day}"
_DAYS: Final = 7
_KEPT_SECONDS: Final = (_DAYS + 1) * 24 * 3600


def count_refusal(*, name: str, now: datetime) -> None:
    """Count a call that was refused; under no name where there is no such source.

    Else a stranger could fill the memory with invented names.
    """
    with seeing(EVERYTHING):
        is_known = name.isprintable() and EventSource.objects.filter(name=name).exists()
    log.warning("[EVENT] Bad signature", source=name if is_known else "unknown")
    key = _KEY.format(name=name if is_known else "", day=now.date())
    try:
        cache.add(key, 0, timeout=_KEPT_SECONDS)
        cache.incr(key)
    except (RedisError, ValueError):
        log.warning("[EVENT] A bad signature was not counted")


def refused_lately(*, name: str, now: datetime) -> int | None:
    """Return how many calls under a source's name were refused in a week; None when unknown."""
    keys = [_KEY.format(name=name, day=(now - timedelta(days=n)).date()) for n in range(_DAYS)]
    try:
        counts: dict[str, int] = cache.get_many(keys)
        return sum(counts.values())
    except RedisError:
        return None
