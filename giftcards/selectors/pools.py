"""Pools as their owners see them, with what became of their cards, counted at this moment."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from alerts.scope import EVERYTHING, seeing
from credit.selectors.viewers import Viewer, viewing
from giftcards.models import GiftCard, Pool
from giftcards.selectors.levels import Colour, PoolLevel

Status = GiftCard.Status

# One statement, so one moment for all the numbers.
# Cards whose day has passed stay "available" until a job moves them, and are nobody's to claim.
_COUNT: Final = """
    WITH counted AS (
        SELECT pool_id, status, cards FROM giftcards_count_cards(%(pools)s)
    ), overdue AS (
        SELECT pool_id, count(*) AS cards FROM giftcards_giftcard
        WHERE status = 'available' AND pool_id = ANY(%(pools)s) AND expiry_bucket <= %(month)s
            AND expires_on < %(today)s
        GROUP BY pool_id
    ), stuck AS (
        SELECT pool_id, count(*) AS cards FROM giftcards_giftcard
        WHERE status = 'claimed' AND pool_id = ANY(%(pools)s) AND claimed_at < %(stuck_since)s
        GROUP BY pool_id
    )
    SELECT id, low_stock_threshold,
        (SELECT jsonb_object_agg(status, cards) FROM counted WHERE pool_id = id),
        (SELECT cards FROM overdue WHERE pool_id = id),
        (SELECT cards FROM stuck WHERE pool_id = id)
    FROM giftcards_pool WHERE id = ANY(%(pools)s)
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PoolCounts:
    """A pool's cards by what became of them; ``total`` is all there ever were.

    Beside those named here ``total`` has the quarantined and the void.

    :param available: those that can be claimed: the expired are not among them.
    :param stuck: those of ``claimed`` that were claimed too long ago.
    """

    pool_id: UUID
    threshold: int
    total: int
    available: int
    claimed: int
    delivered: int
    redeemed: int
    expired: int
    stuck: int

    @property
    def available_percent(self) -> float:
        """The available share of all cards, to two decimals."""
        return round(self.available * 100 / self.total, 2) if self.total else 0.0

    @property
    def utilisation(self) -> float:
        """The share of all cards that reached somebody, 0 to 1, to four decimals."""
        return round((self.delivered + self.redeemed) / self.total, 4) if self.total else 0.0

    @property
    def colour(self) -> Colour:
        """How worrying it is: green, amber or red."""
        return PoolLevel(
            pool_id=self.pool_id,
            available=self.available,
            total=self.total,
            threshold=self.threshold,
        ).colour


def list_pools(*, viewer: Viewer, with_archived: bool = False) -> QuerySet[Pool]:
    """Return the pools that the viewer may see; the archived are out of use and left out."""
    pools = Pool.objects.filter(viewer.client_filter()).select_related("brand", "denomination")
    return pools if with_archived else pools.filter(archived_at=None)


def find_pool(*, viewer: Viewer, pool_id: UUID) -> Pool:
    """Return a pool, archived or not.

    :raises Pool.DoesNotExist: there is none, or the viewer may not see it.
    """
    with viewing(viewer):
        pools = list_pools(viewer=viewer, with_archived=True).select_related(
            "brand", "denomination", "client"
        )
        return pools.get(pk=pool_id)


# Whoever asks has been shown the pools; asked of each card, whose it is would cost the index.
@seeing(EVERYTHING)
def count_cards(
    *, pool_ids: Collection[UUID], now: datetime, stuck_after: timedelta
) -> dict[UUID, PoolCounts]:
    """Count the cards of some pools; all numbers are those of one moment."""
    today: date = now.date()
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "pools": list(pool_ids),
                "month": today.year * 100 + today.month,
                "today": today,
                "stuck_since": now - stuck_after,
            },
        )
        return {row[0]: _to_counts(*row) for row in cursor.fetchall()}


def _to_counts(
    pool_id: UUID,
    threshold: int,
    by_status: str | None,
    overdue: int | None,
    stuck: int | None,
) -> PoolCounts:
    # Django leaves it to its fields to read JSON.
    cards: dict[str, int] = json.loads(by_status or "{}")
    return PoolCounts(
        pool_id=pool_id,
        threshold=threshold,
        total=sum(cards.values()),
        available=cards.get(Status.AVAILABLE, 0) - (overdue or 0),
        claimed=cards.get(Status.CLAIMED, 0),
        delivered=cards.get(Status.DELIVERED, 0),
        redeemed=cards.get(Status.REDEEMED, 0),
        expired=cards.get(Status.EXPIRED, 0) + (overdue or 0),
        stuck=stuck or 0,
    )
