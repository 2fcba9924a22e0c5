"""Pools that are forecast to run out before new cards can be there."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.conf import settings

from alerts.models import Alert
from alerts.services.monitors import Finding, register_monitor
from credit.models import Client
from giftcards.models import Pool
from giftcards.selectors.levels import count_levels
from redemption.selectors.forecasting import DaysLeft, choose_forecast, days_left
from redemption.selectors.reward_days import Clients
from redemption.selectors.stock_forecasts import read_histories
from redemption.services.monitors.pools import stocked_pools

_KIND: Final = "pool_run_out"
_DAY_SECONDS: Final = 24 * 3600


@register_monitor("run_out")
def watch_run_out(*, now: datetime) -> Iterable[Finding]:
    """Find pools whose cards will not last for ``POOL_LEAD_TIME``.

    The history is that of the reports, kept by the day; a forecast is made anew once a day for
    each pool and remembered by the process. An empty pool has nothing to forecast.
    """
    pools = list(stocked_pools())
    pool_ids = [pool.pk for pool in pools]
    levels = count_levels(pool_ids=pool_ids, now=now)
    clients = Clients(ids=list(Client.objects.values_list("pk", flat=True)), are_all=True)
    histories = read_histories(clients=clients, pool_ids=pool_ids, now=now)
    for pool in pools:
        available = levels[pool.pk].available
        left = _look_ahead(tuple(histories.of([pool.pk])), available) if available else None
        if left is not None:
            yield from _judge(pool, available, left)


def _judge(pool: Pool, available: int, left: DaysLeft) -> Iterable[Finding]:
    lead_days = settings.THRESHOLDS.lead_time_seconds / _DAY_SECONDS
    if left.soonest is None or left.soonest >= lead_days:
        return
    is_expected = left.expected is not None and left.expected < lead_days
    expected = "more than half a year" if left.expected is None else _days(left.expected)
    latest = "half a year and more" if left.latest is None else _days(left.latest)
    yield Finding(
        kind=_KIND,
        severity=Alert.Severity.WARNING if is_expected else Alert.Severity.INFO,
        subject=f"{pool.name} {'will' if is_expected else 'may'} run out before new cards come",
        message=f"{available:,} cards will last for about {expected}; in four of five cases for"
        f" {_days(left.soonest)} to {latest}. New cards take {lead_days:g} days"
        " (POOL_LEAD_TIME): order them now.",
        data={
            "pool_id": pool.pk,
            "available": available,
            "expected_days": left.expected,
            "soonest_days": left.soonest,
            "latest_days": left.latest,
        },
        dedupe_key=f"{_KIND}:{pool.pk}",
        client_id=pool.client_id,
    )


@functools.lru_cache(maxsize=4096)
def _look_ahead(history: tuple[int, ...], available: int) -> DaysLeft | None:
    """Return for how many days the cards last; None where nothing was ever taken."""
    forecast = choose_forecast(history)
    if forecast is not None:
        return days_left(forecast, available)
    # A pool of a few days: the plain rate, without a range that nothing would speak for.
    begin = next((day for day, taken in enumerate(history) if taken), None)
    if begin is None:
        return None
    days = math.floor(available * (len(history) - begin) / sum(history))
    return DaysLeft(expected=days, soonest=days, latest=days)


def _days(count: int) -> str:
    return "less than a day" if not count else "1 day" if count == 1 else f"{count} days"
