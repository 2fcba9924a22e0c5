"""The monitors of stock: drained by redeeming, filled up again, and looked ahead for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from pytest_django import Settings

from alerts.models import Alert
from giftcards.models import Pool
from giftcards.selectors.levels import count_levels
from redemption.models import Campaign, Condition
from redemption.services.monitors import run_out
from redemption.services.report_days import count_report_days
from tests.alerts.monitoring import facts, look, standing, told, told_by_slack
from tests.redemption.asking import ask
from tests.redemption.rewarding import give
from tests.world import NOW, World, build_world

__all__ = ["told_by_slack"]

pytestmark = pytest.mark.django_db(transaction=True)

POOLS = "csv_pools"


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


def threshold(world: World, cards: int) -> None:
    Pool.objects.filter(pk=world.pool.pk).update(low_stock_threshold=cards)


def redeem_some(world: World, count: int) -> None:
    for code in world.invite(count):
        assert ask(code).state == "issued"


def left(world: World) -> int:
    return count_levels(pool_ids=[world.pool.pk], now=NOW)[world.pool.pk].available


class TestWatchPools:
    def test_tells_once_of_each_step_down_and_when_it_is_filled(self, world: World) -> None:
        threshold(world, 2)
        world.stock(20)
        assert look(POOLS, now=NOW) == []
        redeem_some(world, 9)
        assert look(POOLS, now=NOW) == []
        redeem_some(world, 1)  # half are gone
        assert look(POOLS, now=NOW) == [("pool_milestone", "info")]
        redeem_some(world, 6)  # 20 % are left
        assert look(POOLS, now=NOW) == [("pool_low", "info")]
        redeem_some(world, 2)  # the threshold, and 10 %
        assert left(world) == 2
        assert look(POOLS, now=NOW) == [("pool_low", "warning")]
        redeem_some(world, 2)
        assert look(POOLS, now=NOW) == [("pool_empty", "critical")]
        # One alert all the way, told of as it came and each time it got graver.
        assert Alert.objects.count() == 1
        assert told() == [("opened", "info"), ("escalated", "warning"), ("escalated", "critical")]
        assert facts("pool_empty")["available"] == 0

        world.stock(30)
        assert look(POOLS, now=NOW) == []
        assert Alert.objects.get().state == "resolved"
        assert told()[3:] == [("resolved", "critical")]

    def test_says_what_is_left_of_an_empty_pool_that_got_a_few_cards(self, world: World) -> None:
        threshold(world, 5)
        world.stock(1)
        redeem_some(world, 1)
        assert look(POOLS, now=NOW) == [("pool_empty", "critical")]
        world.stock(3)
        assert look(POOLS, now=NOW) == [("pool_low", "warning")]
        redeem_some(world, 3)
        assert look(POOLS, now=NOW) == [("pool_empty", "critical")]
        assert told() == [
            ("opened", "critical"),
            ("resolved", "critical"),
            ("opened", "warning"),
            ("escalated", "critical"),
        ]

    def test_holds_what_it_said_of_cards_until_there_are_a_tenth_more(self, world: World) -> None:
        threshold(world, 20)
        world.stock(20)
        assert look(POOLS, now=NOW) == [("pool_low", "warning")]
        world.stock(2)
        assert look(POOLS, now=NOW) == [("pool_low", "warning")]
        assert told() == [("opened", "warning")]
        world.stock(1)
        assert look(POOLS, now=NOW) == []
        threshold(world, 22)
        assert look(POOLS, now=NOW) == []

    def test_holds_what_it_said_of_a_share_until_there_is_more_than_a_card_more(
        self, world: World
    ) -> None:
        threshold(world, 0)
        world.stock(10)
        redeem_some(world, 8)
        assert look(POOLS, now=NOW) == [("pool_low", "info")]
        world.stock(1)  # 3 of 11
        assert look(POOLS, now=NOW) == [("pool_low", "info")]
        world.stock(6)  # 9 of 17
        assert look(POOLS, now=NOW) == [("pool_milestone", "info")]
        world.stock(2)  # 11 of 19
        assert look(POOLS, now=NOW) == []

    def test_warns_by_the_share_where_that_is_more_than_the_threshold(self, world: World) -> None:
        threshold(world, 0)
        world.stock(30)
        redeem_some(world, 27)
        assert look(POOLS, now=NOW) == [("pool_low", "warning")]

    def test_counts_no_expired_card(self, world: World) -> None:
        world.stock(40, expires_on=date(2026, 3, 2))
        assert look(POOLS, now=NOW) == []
        assert look(POOLS, now=NOW + timedelta(days=1)) == [("pool_empty", "critical")]

    def test_opens_no_second_alert_where_people_wait_for_its_cards(self, world: World) -> None:
        assert ask(world.invite()[0]).state == "waiting_stock"
        assert standing() == [("out_of_stock", "critical")]
        assert look(POOLS, now=NOW) == [("out_of_stock", "critical")]
        assert told() == [("opened", "critical")]

    def test_is_not_about_pools_that_are_put_away_or_that_nobody_draws_on(
        self, world: World
    ) -> None:
        Condition.objects.update(is_active=False)
        assert look(POOLS, now=NOW) == []
        world.stock(1)
        Pool.objects.update(archived_at=NOW)
        assert look(POOLS, now=NOW) == []

    def test_is_not_about_buffers_and_pools_that_only_buy(self, world: World) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(purchase_method="api_only")
        buffer = Pool.objects.create(
            name="Ahead",
            brand=world.brand,
            denomination=world.denomination,
            kind=Pool.Kind.BUFFER,
            target_level=5,
        )
        world.stock(1, pool=buffer)
        assert look(POOLS, now=NOW) == []

    def test_finds_pools_that_a_campaign_draws_on_without_naming_them(self, world: World) -> None:
        Condition.objects.update(pool=None)
        assert look(POOLS, now=NOW) == [("pool_empty", "critical")]
        Campaign.objects.update(status="paused")
        assert look(POOLS, now=NOW) == []

    def test_says_that_all_are_empty(self, world: World) -> None:
        other = build_world(name="Birch")
        assert look(POOLS, now=NOW) == [
            ("all_pools_empty", "critical"),
            ("pool_empty", "critical"),
            ("pool_empty", "critical"),
        ]
        other.stock(100)
        assert look(POOLS, now=NOW) == [("pool_empty", "critical")]

    def test_shows_a_clients_alert_to_that_client(self, world: World) -> None:
        look(POOLS, now=NOW)
        assert Alert.objects.get().client_id == world.client.pk


@pytest.mark.usefixtures("day_by_day")
class TestWatchRunOut:
    """Of a pool that gave out ten cards on each of some days until yesterday."""

    @pytest.fixture
    def day_by_day(self, settings: Settings) -> None:
        run_out._look_ahead.cache_clear()

    def live(self, world: World, *, days: int, a_day: int) -> None:
        for back in range(days, 0, -1):
            for number in range(a_day):
                give(world, world.pool, NOW - timedelta(days=back, minutes=number))
        count_report_days(now=NOW, limit=100)

    def test_finds_a_pool_that_will_not_last_for_the_lead_time(self, world: World) -> None:
        self.live(world, days=15, a_day=4)
        world.stock(21)
        assert look("run_out", now=NOW) == [("pool_run_out", "warning")]
        found = facts("pool_run_out")
        assert found["expected_days"] == 5
        assert found["soonest_days"] <= 5 <= found["latest_days"]
        assert told() == [("opened", "warning")]
        world.stock(200)
        assert look("run_out", now=NOW) == []
        assert told()[1:] == [("resolved", "warning")]

    def test_says_so_more_softly_where_only_the_range_reaches_it(self, world: World) -> None:
        self.live(world, days=15, a_day=4)
        world.stock(30)
        assert look("run_out", now=NOW) == [("pool_run_out", "info")]
        found = facts("pool_run_out")
        assert found["soonest_days"] < 7 <= found["expected_days"]

    def test_goes_by_the_plain_rate_while_there_are_few_days(self, world: World) -> None:
        self.live(world, days=3, a_day=4)
        world.stock(20)
        assert look("run_out", now=NOW) == [("pool_run_out", "warning")]
        found = facts("pool_run_out")
        assert (found["soonest_days"], found["expected_days"], found["latest_days"]) == (5, 5, 5)
        world.stock(9)
        assert look("run_out", now=NOW) == []

    def test_says_nothing_of_what_nobody_ever_took_or_of_an_empty_pool(self, world: World) -> None:
        world.stock(5)
        assert look("run_out", now=NOW) == []

    def test_keeps_to_the_lead_time_that_is_set(self, world: World, settings: Settings) -> None:
        self.live(world, days=3, a_day=4)
        world.stock(40)
        assert look("run_out", now=NOW) == []
        settings.THRESHOLDS = replace(settings.THRESHOLDS, lead_time_seconds=11 * 86_400.0)
        assert look("run_out", now=NOW) == [("pool_run_out", "warning")]
