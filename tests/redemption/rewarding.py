"""Rewards of many days, some handed over at once, some late, some taken back: by chance."""

from __future__ import annotations

import random  # noqa: TID251  the world's dice, by a seed
from datetime import UTC, date, datetime, timedelta

from alerts.transactions import transaction
from giftcards.models import GiftCard, Pool
from redemption.models import Condition, Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.world import World, build_world

TODAY = date(2026, 3, 20)
NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
FIRST = date(2026, 1, 5)
_WAITS = (0, 0, 0, 0.4, 3, 7.2, 61, 99.5, 100.1, 754, 4321.5, 90_000)


def build_pools() -> tuple[World, World, list[Pool]]:
    """Return two clients of two agencies, and the pools that serve the first, the second, both."""
    world, other = build_world(), build_world(name="Birch")
    master = Pool.objects.create(
        name="Stock",
        brand=world.brand,
        denomination=world.denomination,
        kind=Pool.Kind.MASTER,
        cost_per_card_minor=2310,
    )
    Pool.objects.filter(pk=world.pool.pk).update(cost_per_card_minor=2405)
    return world, other, [world.pool, other.pool, master]


def give(world: World, pool: Pool, at: datetime) -> Redemption:
    """Let somebody redeem a card of the pool, which is the world's own or everybody's."""
    Condition.objects.filter(pk=world.condition.pk).update(
        pool=pool, brand=pool.brand, card_value_minor=pool.denomination.value_minor
    )
    world.stock(1, pool=pool)
    result = redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
        contact=Contact(method="none"),
        code=world.invite()[0],
        now=at,
    )
    assert result.state == "issued"
    return Redemption.objects.get(pk=result.redemption_id)


def hand_over(reward: Redemption, seconds: float) -> None:
    assert reward.issued_at is not None
    at = reward.issued_at + timedelta(seconds=seconds)
    GiftCard.objects.filter(pk__in=[reward.card_id], status="claimed").update(
        status="delivered", delivered_at=at
    )
    Redemption.objects.filter(pk=reward.pk).update(state="delivered", delivered_at=at)


def take_back(reward: Redemption, state: str) -> None:
    """End a reward that was issued; its card is void."""
    with transaction():
        GiftCard.objects.filter(pk__in=[reward.card_id]).update(status="void")
        Redemption.objects.filter(pk=reward.pk).update(state=state)


def live_by_chance(seed: int, *, rewards: int = 60) -> tuple[World, World, list[Pool]]:
    """Build the pools and let a number of rewards happen between ``FIRST`` and ``NOW``."""
    world, other, pools = build_pools()
    own, others, master = pools
    chance = random.Random(seed)
    span = (NOW - datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)).total_seconds()
    for _ in range(rewards):
        who, pool = chance.choice([(world, own), (world, master), (other, others), (other, master)])
        at = NOW - timedelta(seconds=chance.random() ** 2 * span)
        reward = give(who, pool, at)
        if chance.random() < 0.8:
            hand_over(reward, chance.choice(_WAITS))
        if chance.random() < 0.15:
            take_back(reward, chance.choice(["failed", "cancelled"]))
    return world, other, pools
