"""How the buffer pools stand: what lies there, what is on its way, what was spent today."""

from __future__ import annotations

import dataclasses
import itertools
import math
import operator
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
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
_ROUNDS: Final = """
    SELECT p.id, rounds.has_bought, rounds.ended_at
    FROM giftcards_pool p, LATERAL (
        SELECT o.created_at, bool_or(o.state IN ('succeeded', 'reversed')) AS has_bought,
            max(coalesce(o.settled_at, o.last_attempt_at)) AS ended_at
        FROM giftcards_providerorder o
        WHERE o.pool_id = p.id AND o.holder_id IS NULL AND o.state <> 'requested'
        GROUP BY o.created_at ORDER BY o.created_at DESC LIMIT %(rounds)s
    ) AS rounds
    WHERE p.id = ANY(%(pools)s) ORDER BY p.id, rounds.created_at DESC
"""
# By the rule that redemptions follow.
_ROUTES: Final = """
    SELECT p.id, route.problem
    FROM giftcards_pool p, LATERAL giftcards_find_route(
        p.id, NULL, p.denomination_id, %(providers)s, %(now)s) AS route
    WHERE p.id = ANY(%(pools)s)
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
    def level(self) -> BufferLevel:
        """How full it is."""
        return measure_buffer(self.pool, self.available)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BufferLevel:
    """How full a buffer is: its share of the target, rounded down, never more than 100."""

    available: int
    target: int
    percent: int
    colour: Literal["red", "amber", "green"]


def measure_buffer(pool: Pool, available: int) -> BufferLevel:
    """Return how full a buffer with so many cards is.

    Red when it is empty or at the pool's critical percentage, amber at its warning, green above.
    """
    target = pool.target_level or 0
    percent = min(100, available * 100 // target) if target else 100
    colour: Literal["red", "amber", "green"] = "green"
    if target and (not available or percent <= pool.critical_percent):
        colour = "red"
    elif target and percent <= pool.warning_percent:
        colour = "amber"
    return BufferLevel(available=available, target=target, percent=percent, colour=colour)


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
    if not pools:
        return []
    ids = [pool.pk for pool in pools]
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    levels = count_levels(pool_ids=ids, now=now)
    costs = expected_costs_minor(pools)
    rests = _rests(ids)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"pools": ids, "midnight": midnight})
        orders = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute(_ROUTES, {"pools": ids, "providers": list(providers), "now": now})
        problems = dict(cursor.fetchall())
    states = []
    for pool in pools:
        in_work, unknown, cost_minor, uncosted = orders[pool.pk]
        state = BufferState(
            pool=pool,
            available=levels[pool.pk].available,
            in_work=in_work,
            unknown=unknown,
            spent_minor=int(cost_minor) + uncosted * costs[pool.pk],
            card_cost_minor=costs[pool.pk],
            obstacle=None,
            rests_until=rests.get(pool.pk),
            has_failed=pool.pk in rests,
        )
        obstacle = _find_obstacle(state, problems[pool.pk], now)
        states.append(dataclasses.replace(state, obstacle=obstacle))
    return states


def expected_costs_minor(pools: Collection[Pool]) -> dict[UUID, int]:
    """Return what one card of each pool should cost at its provider, rounded up.

    By the discount it has told us; without one by the pool's own cost, else the face value.
    """
    slugs = {pool.brand.provider_slug for pool in pools}
    discounts = {
        (row.provider, row.slug): row.discount_percent
        for row in ProviderBrand.objects.filter(slug__in=slugs)
    }
    costs = {}
    for pool in pools:
        value_minor: int = pool.denomination.value_minor
        discount = discounts.get((pool.api_provider, pool.brand.provider_slug))
        if discount is None:
            costs[pool.pk] = pool.cost_per_card_minor or value_minor
        else:
            costs[pool.pk] = max(1, math.ceil(value_minor * (100 - discount) / 100))
    return costs


def _find_obstacle(state: BufferState, problem: str | None, now: datetime) -> Obstacle | None:
    if not state.missing:
        return None
    if problem is not None:
        return "closed" if problem == "closed" else "not_configured"
    if state.rests_until is not None and state.rests_until > now:
        return "backing_off"
    return "budget" if state.affordable == 0 else None


def _rests(pool_ids: list[UUID]) -> dict[UUID, datetime]:
    """Return until when buying rests, of the pools whose last round bought nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_ROUNDS, {"pools": pool_ids, "rounds": _ROUNDS_LOOKED_AT})
        rounds = cursor.fetchall()
    rests = {}
    for pool_id, of_pool in itertools.groupby(rounds, key=operator.itemgetter(0)):
        failed = list(itertools.takewhile(lambda one: not one[1], of_pool))
        if failed and failed[0][2] is not None:
            rest = min(_FIRST_REST * (1 << (len(failed) - 1)), _LONGEST_REST)
            rests[pool_id] = failed[0][2] + rest
    return rests
