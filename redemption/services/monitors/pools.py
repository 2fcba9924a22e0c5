"""Pools that run low: one alert a pool, which grows as its cards go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from alerts.models import Alert
from alerts.services.monitors import Finding, find_standing, register_monitor
from giftcards.models import Pool
from giftcards.selectors.levels import PoolLevel, count_levels
from redemption.models import Campaign, Condition
from redemption.services import stock_alerts

_EMPTY: Final = "pool_empty"
_LOW: Final = "pool_low"
_MILESTONE: Final = "pool_milestone"
_ALL_EMPTY: Final = "all_pools_empty"
# One alert of each pool, whatever it says at the time.
_KEY: Final = "pool_stock"
_MILESTONE_PERCENT: Final = 50
# How many cards more than its threshold a pool needs for an alert to end or to get less grave, as
# a share of the threshold; one card at least. One card that comes back ends nothing.
_MARGIN: Final = 0.1
# Where there is only one pool its own alert says it all.
_SEVERAL: Final = 2


@register_monitor("csv_pools")
def watch_pools(*, now: datetime) -> Iterable[Finding]:
    """Find pools of uploaded cards that are empty, low, or past a milestone.

    Counted from the index that holds what is counted, without a look at a card. Buffers are left
    to the job that fills them, and pools that only buy have no stock to run out of.
    """
    pools = list(stocked_pools())
    levels = count_levels(pool_ids=[pool.pk for pool in pools], now=now)
    drawn_on = _pools_drawn_on(pools)
    covered = _pools_people_wait_for()
    standing = find_standing(kind=_EMPTY) | find_standing(kind=_LOW)
    milestones = find_standing(kind=_MILESTONE)
    for pool in pools:
        level = levels[pool.pk]
        # One that nobody has filled yet, and nobody draws on, lacks nothing.
        if not level.total and pool.pk not in drawn_on:
            continue
        key = f"{_KEY}:{pool.pk}"
        found = _judge(pool, level, standing.get(key) or milestones.get(key))
        # People wait for its cards, and that alert says so: another one would say less.
        is_told = not level.available and str(pool.pk) in covered
        if found is not None and (not is_told or key in standing):
            yield found
    yield from _all_empty(pools, levels, drawn_on)


def stocked_pools() -> QuerySet[Pool]:
    """Return the pools in use whose cards are put there by people."""
    pools = Pool.objects.filter(archived_at=None).exclude(kind=Pool.Kind.BUFFER)
    pools = pools.exclude(purchase_method=Pool.PurchaseMethod.API_ONLY)
    return pools.select_related("denomination").order_by("name", "pk")


def _judge(pool: Pool, level: PoolLevel, standing: Finding | None) -> Finding | None:
    """Say how low a pool is, by the alert that it has: what was said holds for a margin more."""
    available, total = level.available, level.total
    rank = _rank(standing)

    def is_at(limit: float, own_rank: int) -> bool:
        """Tell whether no more cards are left than a limit; 0 is none."""
        margin = max(1, limit * _MARGIN) if rank >= own_rank else 0
        return limit > 0 and available <= limit + margin

    advice = "Upload or buy cards, or archive the pool if it is no longer needed."
    if not available:
        return _finding(
            pool,
            level,
            _EMPTY,
            Alert.Severity.CRITICAL,
            f"{pool.name} is empty",
            f"Its last card is gone. {advice}",
        )
    left = f"{available:,} of {total:,} cards are left ({level.percent} %)"
    if is_at(pool.low_stock_threshold, 3) or is_at(pool.critical_percent * total / 100, 3):
        return _finding(
            pool, level, _LOW, Alert.Severity.WARNING, f"{pool.name} runs low", f"{left}. {advice}"
        )
    if is_at(pool.warning_percent * total / 100, 2):
        return _finding(
            pool, level, _LOW, Alert.Severity.INFO, f"{pool.name} is getting low", f"{left}."
        )
    if pool.warning_percent and is_at(_MILESTONE_PERCENT * total / 100, 1):
        return _finding(
            pool,
            level,
            _MILESTONE,
            Alert.Severity.INFO,
            f"Half of the cards of {pool.name} are gone",
            f"{left}.",
        )
    return None


def _rank(standing: Finding | None) -> int:
    """Return how low the pool is by what stands: 1 a milestone, 4 empty."""
    if standing is None:
        return 0
    if standing.kind == _LOW:
        return 3 if standing.severity is Alert.Severity.WARNING else 2
    return 4 if standing.kind == _EMPTY else 1


def _finding(
    pool: Pool,
    level: PoolLevel,
    kind: str,
    severity: Alert.Severity,
    subject: str,
    message: str,
) -> Finding:
    data: dict[str, Any] = {
        "pool_id": pool.pk,
        "available": level.available,
        "total": level.total,
        "threshold": level.threshold,
    }
    return Finding(
        kind=kind,
        severity=severity,
        subject=subject,
        message=message,
        data=data,
        dedupe_key=f"{_KEY}:{pool.pk}",
        client_id=pool.client_id,
    )


def _all_empty(
    pools: Collection[Pool], levels: dict[UUID, PoolLevel], drawn_on: set[UUID]
) -> Iterator[Finding]:
    used = [pool for pool in pools if pool.pk in drawn_on]
    if len(used) < _SEVERAL or any(levels[pool.pk].available for pool in used):
        return
    yield Finding(
        kind=_ALL_EMPTY,
        severity=Alert.Severity.CRITICAL,
        subject=f"All {len(used)} pools that active campaigns draw on are empty",
        message="Nobody gets a card from stock. Upload or buy cards; who waits is then served by"
        " itself, in the order of asking.",
        data={"pools": len(used)},
        dedupe_key=_ALL_EMPTY,
    )


def _pools_drawn_on(pools: Collection[Pool]) -> set[UUID]:
    """Return the pools from which active campaigns may be served."""
    conditions: Iterable[tuple[Any, ...]] = Condition.objects.filter(
        is_active=True, campaign__status=Campaign.Status.ACTIVE
    ).values_list("pool_id", "campaign__client_id", "brand_id", "card_value_minor", "currency")
    named: set[UUID] = set()
    wanted: set[tuple[Any, ...]] = set()
    for pool_id, client_id, *card in conditions:
        if pool_id:
            named.add(pool_id)
        else:
            wanted |= {(client_id, *card), (None, *card)}
    return named | {
        pool.pk
        for pool in pools
        if not pool.reserved
        and (
            pool.client_id,
            pool.brand_id,
            pool.denomination.value_minor,
            pool.denomination.currency,
        )
        in wanted
    }


def _pools_people_wait_for() -> set[str]:
    standing = find_standing(kind=stock_alerts.KIND).values()
    return {str(alert.data.get("pool_id")) for alert in standing}
