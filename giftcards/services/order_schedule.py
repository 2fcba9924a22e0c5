"""When an order is tried again, and how long an attempt may still be on its way."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

# An attempt that got no answer may arrive at the provider later than we stopped waiting. So long
# after its lease has ended, no network keeps it any more.
IN_FLIGHT: Final = timedelta(seconds=60)
# Whatever a provider asks for, it is looked in on again after an hour.
LONGEST_WAIT: Final = timedelta(hours=1)
# Orders that failed together are not to come back together.
_JITTER: Final = 0.25
_CONNECTING: Final = timedelta(seconds=4)
_MARGIN: Final = timedelta(seconds=5)


def next_attempt_at(
    *, order_id: UUID, tries: int, now: datetime, retry_after_seconds: float | None = None
) -> datetime | None:
    """Return when an order that was tried so often is tried again; None when that was enough.

    :param retry_after_seconds: how long the provider asked us to stay away.
    """
    schedule = settings.PROVIDER_RETRY_SCHEDULE
    if tries >= len(schedule):
        return None
    wait = timedelta(seconds=schedule[tries] * (1 + _JITTER * _fraction(order_id, tries)))
    if retry_after_seconds is not None:
        wait = max(wait, min(timedelta(seconds=retry_after_seconds), LONGEST_WAIT))
    return now + wait


def call_length() -> timedelta:
    """Return how long one call can take: the limit holds for the wait and for the reading."""
    return _CONNECTING + timedelta(seconds=2 * settings.PROVIDER_TIMEOUT)


def order_lease_length() -> timedelta:
    """Return for how long a claimed order is its worker's: it may have to ask twice."""
    return 2 * call_length() + _MARGIN


def _fraction(order_id: UUID, tries: int) -> float:
    """Return a number from 0 up to 1 that differs from order to order."""
    digest = hashlib.sha256(f"{order_id}:{tries}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
