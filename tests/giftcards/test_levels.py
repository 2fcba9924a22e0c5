from __future__ import annotations

from datetime import date, timedelta

import pytest

from giftcards.models import GiftCard
from giftcards.selectors.levels import PoolLevel, count_levels, list_lowest
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


def level_of(world: World) -> PoolLevel:
    """Count the world's own pool."""
    return count_levels(pool_ids=[world.pool.pk], now=NOW)[world.pool.pk]


def take(code: str) -> None:
    """Redeem a code."""
    redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
        contact=Contact(method="none"),
        code=code,
        now=NOW,
    )


class TestCountLevels:
    def test_counts_an_empty_pool(self) -> None:
        level = level_of(build_world())
        assert (level.available, level.total, level.percent) == (0, 0, 0)
        assert level.colour == "red"

    def test_leaves_expired_cards_out_of_the_available(self) -> None:
        world = build_world()
        today = NOW.date()
        for expires_on in (
            None,
            today,
            today - timedelta(days=1),
            today.replace(day=1),
            date(2025, 12, 31),
            date(2027, 1, 1),
        ):
            world.stock(1, expires_on=expires_on)
        level = level_of(world)
        assert (level.available, level.total, level.percent) == (3, 6, 50)

    def test_equals_a_count_after_claims_at_once(self) -> None:
        world = build_world()
        world.stock(20)
        codes = world.invite(8)
        run_at_once(8, lambda: take(codes.pop()))
        level = level_of(world)
        assert level.available == GiftCard.objects.filter(status="available").count() == 12
        assert level.total == GiftCard.objects.count() == 20

    def test_counts_only_the_pools_asked_for(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        other.stock(3)
        assert count_levels(pool_ids=[world.pool.pk], now=NOW).keys() == {world.pool.pk}


class TestPoolLevel:
    @pytest.mark.parametrize(
        ("available", "colour"),
        [(0, "red"), (19, "red"), (20, "amber"), (100, "amber"), (101, "green")],
    )
    def test_is_red_below_the_threshold_and_green_above_five_times_it(
        self, available: int, colour: str
    ) -> None:
        pool = build_world().pool
        level = PoolLevel(pool_id=pool.pk, available=available, total=200, threshold=20)
        assert level.colour == colour

    def test_is_red_when_empty_even_without_a_threshold(self) -> None:
        pool = build_world().pool
        assert PoolLevel(pool_id=pool.pk, available=0, total=5, threshold=0).colour == "red"


class TestListLowest:
    def test_puts_the_pool_nearest_to_its_threshold_first(self) -> None:
        worlds = [build_world(name=name) for name in ("Acorn", "Birch", "Cedar")]
        for world, count in zip(worlds, (4, 0, 2), strict=True):
            world.stock(count)
        rows = list_lowest(now=NOW, limit=2)
        assert [(pool.name, level.available) for pool, level in rows] == [
            ("Birch pool", 0),
            ("Cedar pool", 2),
        ]

    def test_leaves_archived_pools_out(self) -> None:
        world = build_world()
        world.pool.archived_at = NOW
        world.pool.save()
        assert list_lowest(now=NOW, limit=5) == []
