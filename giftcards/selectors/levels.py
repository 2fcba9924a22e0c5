"""How full the pools are, counted at this moment from the cards themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from django.db import connection

from alerts.scope import EVERYTHING, seeing
from giftcards.models import Pool

Colour = Literal["red", "amber", "green"]
# How far above its threshold a pool stops being a worry.
_COMFORT_FACTOR = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PoolLevel:
    """A pool's cards; ``available`` leaves out the expired, ``total`` counts all there ever were.

    :param threshold: the number of available cards at and below which an operator is warned.
    """

    pool_id: UUID
    available: int
    total: int
    threshold: int

    @property
    def colour(self) -> Colour:
        """Red below the threshold, amber up to five times it, green above."""
        if self.available < self.threshold or not self.available:
            return "red"
        return "amber" if self.available <= _COMFORT_FACTOR * self.threshold else "green"

    @property
    def percent(self) -> int:
        """The available share of all cards, rounded down; 100 only when none is gone."""
        return self.available * 100 // self.total if self.total else 0


# Cards whose day has passed stay "available" until a job moves them; the claim's own index has
# them all in its first months, and those are few.
_COUNT = """
    WITH counted AS (
        SELECT pool_id, sum(cards) AS total,
            sum(cards) FILTER (WHERE status = 'available') AS available
        FROM giftcards_count_cards(%(pools)s) GROUP BY pool_id
    ), overdue AS (
        SELECT pool_id, count(*) AS cards FROM giftcards_giftcard
        WHERE status = 'available' AND pool_id = ANY(%(pools)s) AND expiry_bucket <= %(month)s
            AND expires_on < %(today)s
        GROUP BY pool_id
    )
    SELECT id, coalesce(counted.available, 0) - coalesce(overdue.cards, 0),
        coalesce(counted.total, 0), low_stock_threshold
    FROM giftcards_pool
        LEFT JOIN counted ON counted.pool_id = id
        LEFT JOIN overdue ON overdue.pool_id = id
    WHERE id = ANY(%(pools)s)
"""


# Whoever asks has been shown the pools: see giftcards_count_cards.
@seeing(EVERYTHING)
def count_levels(*, pool_ids: Collection[UUID], now: datetime) -> dict[UUID, PoolLevel]:
    """Count the cards of some pools; each count is that of one moment for all of them."""
    today: date = now.date()
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "pools": list(pool_ids),
                "month": today.year * 100 + today.month,
                "today": today,
            },
        )
        return {
            pool_id: PoolLevel(
                pool_id=pool_id,
                available=int(available),
                total=int(total),
                threshold=threshold,
            )
            for pool_id, available, total, threshold in cursor.fetchall()
        }


def list_lowest(*, now: datetime, limit: int) -> list[tuple[Pool, PoolLevel]]:
    """Return the pools in use that are nearest to running out, the worst first."""
    pools = list(Pool.objects.filter(archived_at=None).select_related("client", "brand"))
    levels = count_levels(pool_ids=[pool.pk for pool in pools], now=now)
    rows = [(pool, levels[pool.pk]) for pool in pools]
    rows.sort(key=lambda row: (row[1].available / max(row[1].threshold, 1), row[0].name))
    return rows[:limit]
