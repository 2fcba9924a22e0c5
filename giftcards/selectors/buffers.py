"""How the buffer pools stand: what lies there, what is on its way, what was spent today."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from django.db import connection

from giftcards.models import Pool, ProviderBrand
from giftcards.selectors.levels import count_levels

Obstacle = Literal["not_configured", "closed", "backing_off", "budget"]

# After a round that bought nothing the next one waits so long, and twice as long after each more.
_FIRST_REST: Final = timedelta(minutes=5)
_LONGEST_REST: Final = timedelta(hours=6)
_ROUNDS_LOOKED_AT: Final = 8

# Orders without a holder are the buffer's own. One that is unknown may have bought a card: it
# counts as if it had, until somebody has looked. Money counts on the day on which it was spent, or
# may have been.
_COUNT: Final = """
    SELECT p.id, orders.in_work, orders.unknown, orders.cost_minor, orders.uncosted
    FROM giftcards_pool p, LATERAL (
        SELECT count(*) FILTER (WHERE o.state = 'requested') AS in_work,
            count(*) FILTER (WHERE o.state = 'unknown') AS unknown,
            coalesce(sum(o.cost_minor) FILTER (
                WHERE o.state = 'succeeded' AND o.settled_at >= %(midnight)s), 0) AS cost_minor,
            count(*) FILTER (WHERE o.state = 'requested'
                OR o.state = 'unknown' AND o.created_at >= %(midnight)s
                OR o.state = 'succeeded' AND o.settled_at >= %(midnight)s
                    AND o.cost_minor IS NULL) AS uncosted
        FROM giftcards_providerorder o
        WHERE o.pool_id = p.id AND o.holder_id IS NULL
            AND (o.state IN ('requested', 'unknown')
                OR o.created_at >= %(midnight)s - interval '31 days')
    ) AS orders
    WHERE p.id = ANY(%(pools)s)
"""
# A round is what one run of the job has asked for: it fails together, and counts once.
_FAILED_ROUNDS: Final = """
    SELECT o.created_at, bool_or(o.state IN ('succeeded', 'reversed')),
        max(coalesce(o.settled_at, o.last_attempt_at))
    FROM giftcards_providerorder o
    WHERE o.pool_id = %s AND o.holder_id IS NULL AND o.state <> 'requested'
    GROUP BY o.created_at ORDER BY o.created_at DESC LIMIT %s
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BufferState:
    """A buffer pool at one moment; amounts in minor units of its currency.

    :param in_work: ordered, and neither bought nor refused yet.
    :param unknown: ordered, and nobody knows; they count as bought until a person has looked.
    :param spent_minor: what was bought today (UTC) cost, with what is in work and unknown.
    :param card_cost_minor: what one more is expected to cost.
    :param obstacle: why nothing is bought though cards are missing.
    :param rests_until: after failures, when one is tried again.
    """

    pool: Pool
    available: int
    in_work: int
    unknown: int
    spent_minor: int
    card_cost_minor: int
    obstacle: Obstacle | None
    rests_until: datetime | None = None
    has_failed: bool = False

    @property
    def target(self) -> int:
        """How many cards are to lie there."""
        return self.pool.target_level or 0

    @property
    def missing(self) -> int:
        """How many cards are still to be ordered."""
        return max(0, self.target - self.available - self.in_work - self.unknown)

    @property
    def affordable(self) -> int | None:
        """How many more the day's budget pays for; None without a budget."""
        if self.pool.daily_budget_minor is None:
            return None
        return max(0, self.pool.daily_budget_minor - self.spent_minor) // self.card_cost_minor

    @property
    def percent(self) -> int:
        """How full it is, rounded down; never more than 100."""
        return min(100, self.available * 100 // self.target) if self.target else 0

    @property
    def colour(self) -> str:
        """Red at the pool's critical percentage, amber at its warning, green above."""
        if self.target and (not self.available or self.percent <= self.pool.critical_percent):
            return "red"
        return "amber" if self.target and self.percent <= self.pool.warning_percent else "green"


def list_buffers(*, providers: Sequence[str], now: datetime) -> list[BufferState]:
    """Return the buffer pools in use, by name.

    :param providers: those that are set up to sell us cards.
    """
    pools = Pool.objects.filter(kind=Pool.Kind.BUFFER, archived_at=None)
    pool_ids = list(pools.order_by().values_list("pk", flat=True))
    return read_buffers(pool_ids=pool_ids, providers=providers, now=now)


def read_buffers(
    *, pool_ids: Collection[UUID], providers: Sequence[str], now: datetime
) -> list[BufferState]:
    """Return how some buffer pools stand, by name; one moment for the orders of all of them.

    :param providers: those that are set up to sell us cards.
    """
    pools = list(
        Pool.objects.filter(pk__in=pool_ids)
        .select_related("brand", "denomination")
        .order_by("name", "pk")
    )
    levels = count_levels(pool_ids=[pool.pk for pool in pools], now=now)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"pools": [pool.pk for pool in pools], "midnight": today})
        orders = {row[0]: row[1:] for row in cursor.fetchall()}
    states = []
    for pool in pools:
        in_work, unknown, cost_minor, uncosted = orders[pool.pk]
        card_cost_minor = expected_cost_minor(pool)
        rests_until = _rest_until(pool.pk)
        state = BufferState(
            pool=pool,
            available=levels[pool.pk].available,
            in_work=in_work,
            unknown=unknown,
            spent_minor=int(cost_minor) + uncosted * card_cost_minor,
            card_cost_minor=card_cost_minor,
            obstacle=None,
            rests_until=rests_until,
            has_failed=rests_until is not None,
        )
        states.append(dataclasses.replace(state, obstacle=_find_obstacle(state, providers, now)))
    return states


def expected_cost_minor(pool: Pool) -> int:
    """Return what one card of a pool should cost at its provider, rounded up.

    By the discount it has told us; without one by the pool's own cost, else the face value.
    """
    value_minor: int = pool.denomination.value_minor
    sold = ProviderBrand.objects.filter(
        provider=pool.api_provider, slug=pool.brand.provider_slug
    ).first()
    if sold is not None and sold.discount_percent is not None:
        share = 1 - Decimal(sold.discount_percent) / 100
        return max(1, math.ceil(value_minor * share))
    return pool.cost_per_card_minor or value_minor


def _find_obstacle(state: BufferState, providers: Sequence[str], now: datetime) -> Obstacle | None:
    if not state.missing:
        return None
    problem = _find_problem(state.pool, providers, now)
    if problem is not None:
        return problem
    if state.rests_until is not None and state.rests_until > now:
        return "backing_off"
    return "budget" if state.affordable == 0 else None


def _find_problem(
    pool: Pool, providers: Sequence[str], now: datetime
) -> Literal["not_configured", "closed"] | None:
    # By the rule that redemptions follow.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT problem FROM giftcards_find_route(%s, NULL, %s, %s, %s)",
            [pool.pk, pool.denomination_id, list(providers), now],
        )
        (problem,) = cursor.fetchone()
    if problem is None:
        return None
    return "closed" if problem == "closed" else "not_configured"


def _rest_until(pool_id: UUID) -> datetime | None:
    """Return until when a pool's buying rests; None when its last round bought something."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILED_ROUNDS, [pool_id, _ROUNDS_LOOKED_AT])
        rounds = cursor.fetchall()
    failed = 0
    for _, has_bought, _ in rounds:
        if has_bought:
            break
        failed += 1
    ended_at: datetime | None = rounds[0][2] if failed else None
    if ended_at is None:
        return None
    return ended_at + min(_FIRST_REST * (1 << (failed - 1)), _LONGEST_REST)
