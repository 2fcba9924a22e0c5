"""Telling endpoints that a pool runs low or is empty: once for each time it comes to that.

Not in the hot path: a look at all pools costs one statement, which counts no pool's cards past
its threshold. Of what is crossed between two looks the lowest level is told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from alerts.scope import EVERYTHING, seeing
from alerts.services.webhook_events import cross_level, emit_webhook
from alerts.transactions import durable, transaction
from giftcards.models import Pool
from giftcards.selectors.levels import count_levels

ENOUGH: Final = "enough"
LOW: Final = "low"
EMPTY: Final = "empty"
_RANKS: Final = {ENOUGH: 0, LOW: 1, EMPTY: 2}

# Pools whose level is not the one that was told last. A pool that buys each card has none to run
# out of, and one that never had any has not run out.
_MOVED: Final = """
    SELECT id FROM (
        SELECT p.id, coalesce(l.level, 'enough') AS told, p.low_stock_threshold, (
            SELECT count(*) FROM (
                SELECT 1 FROM giftcards_giftcard c
                WHERE c.pool_id = p.id AND c.status = 'available'
                    AND (c.expires_on IS NULL OR c.expires_on >= %(today)s)
                LIMIT p.low_stock_threshold + 1) counted) AS available
        FROM giftcards_pool p
            LEFT JOIN alerts_webhooklevel l ON l.key = 'pool:' || p.id
        WHERE p.archived_at IS NULL AND p.purchase_method <> 'api_only'
            AND EXISTS (SELECT 1 FROM giftcards_giftcard c WHERE c.pool_id = p.id)
    ) pools
    WHERE told <> CASE WHEN available = 0 THEN 'empty'
        WHEN available <= low_stock_threshold THEN 'low' ELSE 'enough' END
    ORDER BY id
"""


@durable
@seeing(EVERYTHING)
def tell_pool_levels(*, now: datetime) -> int:
    """Tell of every pool that has come to its threshold, or to its end, since the last look.

    Two at once tell each crossing once. Return how many levels have changed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, {"today": now.date()})
        moved = [pool_id for (pool_id,) in cursor.fetchall()]
    return sum(_follow(pool_id, now) for pool_id in moved)


def _follow(pool_id: UUID, now: datetime) -> bool:
    with transaction():
        # Counted after the lock: of two that look, the later one does not tell the older count.
        pool = (
            Pool.objects.select_for_update(no_key=True, of=("self",))
            .select_related("client")
            .get(pk=pool_id)
        )
        counted = count_levels(pool_ids=[pool_id], now=now)[pool_id]
        level = EMPTY if not counted.available else LOW
        if counted.available > counted.threshold:
            level = ENOUGH
        crossing = cross_level(key=f"pool:{pool_id}", level=level, calm=ENOUGH, now=now)
        if crossing is not None and _RANKS[level] > _RANKS[crossing.before]:
            emit_webhook(
                event_type=f"pool.{level}",
                subject=pool_id,
                occurrence=str(crossing.number),
                client_id=pool.client_id,
                agency_id=pool.client.agency_id if pool.client else None,
                data={
                    "pool_id": str(pool_id),
                    "available": counted.available,
                    "level": counted.colour,
                },
                now=now,
            )
    return crossing is not None
