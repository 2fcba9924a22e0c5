"""Buying ahead: to the target, within the budget, and not while the provider is in trouble."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.models import Alert
from giftcards.emulator import Emulator
from giftcards.models import Pool, ProviderBrand, ProviderCircuit, ProviderOrder
from giftcards.selectors.buffers import expected_costs_minor, list_buffers
from giftcards.services.buffers import IN_WORK_AT_MOST, refill_buffers
from giftcards.services.orders import place_due_orders
from tests.giftcards.buying import SLUG, buy_orders, end_orders, make_buffer
from tests.world import NOW, World, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]


@pytest.fixture
def world() -> World:
    return build_world()


def refill(*, minutes: float = 0) -> tuple[int, str | None]:
    """Run the job; return how many it ordered for the one buffer, and what stopped it."""
    (done,) = refill_buffers(now=NOW + timedelta(minutes=minutes))
    return done.ordered, done.stopped_by


def open_alerts(kind: str) -> list[str]:
    return list(
        Alert.objects.filter(kind=kind).exclude(state="resolved").values_list("subject", flat=True)
    )


class TestRefillBuffers:
    def test_orders_what_is_missing_for_the_pool_itself(self, world: World) -> None:
        pool = make_buffer(world, target=3)
        world.stock(1, pool=pool)
        assert refill() == (2, None)
        orders = list(ProviderOrder.objects.all())
        assert len({order.request_id for order in orders}) == 2
        for order in orders:
            assert (order.state, order.provider, order.provider_slug) == (
                "requested",
                "tillo",
                SLUG,
            )
            assert (order.pool, order.value_minor, order.currency) == (pool, 2500, "USD")
            assert (order.client, order.holder_id, order.hold, order.charge_minor) == (None,) * 4
            assert (order.actor, order.next_attempt_at) == ("system", NOW)
        # Nobody's credit has anything to do with it.
        assert world.balance() == 100_000

    def test_orders_nothing_more_while_those_are_in_work_or_unknown(self, world: World) -> None:
        pool = make_buffer(world, target=3)
        assert refill() == (3, None)
        assert refill(minutes=5) == (0, None)
        end_orders(state="unknown")
        assert refill(minutes=10) == (0, None)
        assert ProviderOrder.objects.filter(pool=pool).count() == 3

    def test_orders_again_what_has_been_claimed(self, world: World) -> None:
        pool = make_buffer(world, target=2)
        refill()
        buy_orders(world, pool)
        assert refill(minutes=5) == (0, None)
        card = pool.cards.order_by("pk")[0]
        pool.cards.filter(pk=card.pk).update(
            status="claimed", holder_kind="reward", holder_id=card.pk, claimed_at=NOW
        )
        assert refill(minutes=10) == (1, None)

    def test_counts_no_card_that_is_past_its_date(self, world: World) -> None:
        pool = make_buffer(world, target=2)
        world.stock(2, pool=pool, expires_on=NOW.date() - timedelta(days=1))
        assert refill() == (2, None)

    def test_leaves_other_pools_alone(self, world: World) -> None:
        make_buffer(world, target=None)
        make_buffer(world, name="Empty by will", target=0)
        make_buffer(world, name="By upload", purchase_method="csv_only")
        make_buffer(world, name="Gone", archived_at=NOW)
        Pool.objects.filter(pk=world.pool.pk).update(
            target_level=9, purchase_method="api_only", api_provider="tillo"
        )
        assert refill_buffers(now=NOW) == []
        assert not ProviderOrder.objects.exists()

    def test_has_only_so_many_in_work_over_all_pools(self, world: World) -> None:
        make_buffer(world, target=IN_WORK_AT_MOST - 3)
        make_buffer(world, name="Another", target=50)
        results = refill_buffers(now=NOW)
        assert [(one.ordered, one.stopped_by) for one in results] == [
            (IN_WORK_AT_MOST - 3, None),
            (3, "in_work"),
        ]


class TestBudget:
    def test_stops_at_what_the_day_may_cost_and_says_so(self, world: World) -> None:
        # A card costs 25.00 less 4 %: 24.00, by what the provider told us.
        pool = make_buffer(world, target=5, daily_budget_minor=4999)
        sold(discount_percent=4)
        assert refill() == (2, "budget")
        assert open_alerts("buffer_budget") == ["Bought ahead: today's budget of $49.99 is used up"]
        assert refill(minutes=5) == (0, "budget")
        buy_orders(world, pool)
        assert refill(minutes=10) == (0, "budget")
        (state,) = list_buffers(providers=["tillo"], now=NOW)
        assert (state.available, state.spent_minor, state.affordable) == (2, 4800, 0)

    def test_goes_on_after_midnight(self, world: World) -> None:
        pool = make_buffer(world, target=5, daily_budget_minor=5000)
        refill()
        buy_orders(world, pool, cost_minor=2500)
        assert refill(minutes=5) == (0, "budget")
        assert refill(minutes=24 * 60) == (2, "budget")
        buy_orders(world, pool, now=NOW + timedelta(days=1))
        assert refill(minutes=48 * 60) == (1, None)
        assert open_alerts("buffer_budget") == []

    def test_counts_what_a_card_really_cost(self, world: World) -> None:
        pool = make_buffer(world, target=5, daily_budget_minor=7500)
        assert refill() == (3, "budget")
        buy_orders(world, pool, cost_minor=1000)
        assert refill(minutes=5) == (1, "budget")

    def test_counts_no_order_that_came_to_nothing(self, world: World) -> None:
        make_buffer(world, target=2, daily_budget_minor=5000)
        refill()
        end_orders(state="failed")
        assert refill(minutes=6) == (1, "backing_off")
        assert open_alerts("buffer_budget") == []

    def test_may_be_nothing(self, world: World) -> None:
        make_buffer(world, target=2, daily_budget_minor=0)
        assert refill() == (0, "budget")
        assert not ProviderOrder.objects.exists()


class TestTrouble:
    def test_orders_nothing_while_the_circuit_is_open(self, world: World) -> None:
        make_buffer(world)
        ProviderCircuit.objects.create(
            provider="tillo",
            opened_at=NOW,
            open_until=NOW + timedelta(minutes=1),
            reason="failures",
        )
        assert refill() == (0, "closed")
        assert open_alerts("buffer_stalled") == [
            "Bought ahead is empty, and its provider does not sell"
        ]
        assert refill(minutes=2) == (3, None)
        assert open_alerts("buffer_stalled") == []

    def test_orders_nothing_that_the_provider_has_paused(self, world: World) -> None:
        make_buffer(world)
        sold(state="paused")
        assert refill() == (0, "closed")
        assert not ProviderOrder.objects.exists()

    def test_orders_nothing_where_nobody_is_set_up(self, world: World, settings: Settings) -> None:
        make_buffer(world)
        settings.TILLO_API_KEY = ""
        assert refill() == (0, "not_configured")
        assert len(open_alerts("buffer_stalled")) == 1

    def test_rests_longer_after_each_round_that_fails_and_then_tries_one(
        self, world: World
    ) -> None:
        pool = make_buffer(world, target=4)
        assert refill() == (4, None)
        end_orders(state="failed")
        # Four failed as one round: five minutes, then one to find out.
        assert refill(minutes=4) == (0, "backing_off")
        assert refill(minutes=6) == (1, "backing_off")
        assert refill(minutes=7) == (0, "backing_off")
        end_orders(state="failed", now=NOW + timedelta(minutes=7))
        assert refill(minutes=16) == (0, "backing_off")
        assert refill(minutes=18) == (1, "backing_off")
        buy_orders(world, pool, now=NOW + timedelta(minutes=18))
        assert refill(minutes=19) == (3, None)

    def test_never_rests_longer_than_six_hours(self, world: World) -> None:
        make_buffer(world, target=1)
        at = 0.0
        for _ in range(12):
            assert refill(minutes=at)[0] == 1
            end_orders(state="failed", now=NOW + timedelta(minutes=at))
            at += 6 * 60
        assert refill(minutes=at - 1) == (0, "backing_off")


class TestExpectedCostsMinor:
    def test_is_the_value_less_the_discount_rounded_up(self, world: World) -> None:
        pool = make_buffer(world, cost_per_card_minor=2300)
        assert expected_costs_minor([pool]) == {pool.pk: 2300}
        sold(discount_percent="3.333")
        assert expected_costs_minor([pool]) == {pool.pk: 2417}

    def test_is_the_face_value_where_nobody_knows(self, world: World) -> None:
        pool = make_buffer(world)
        assert expected_costs_minor([pool]) == {pool.pk: 2500}


class TestListBuffers:
    @pytest.mark.parametrize(
        ("cards", "percent", "colour"),
        [(0, 0, "red"), (1, 10, "red"), (2, 20, "amber"), (3, 30, "green"), (12, 100, "green")],
    )
    def test_says_how_full_it_is(self, world: World, cards: int, percent: int, colour: str) -> None:
        world.stock(cards, pool=make_buffer(world, target=10))
        (state,) = list_buffers(providers=["tillo"], now=NOW)
        assert (state.available, state.level.percent, state.level.colour) == (
            cards,
            percent,
            colour,
        )
        assert state.missing == max(0, 10 - cards)


def sold(**changes: object) -> None:
    """Let the provider have told us what it sells."""
    ProviderBrand.objects.create(
        **{
            "provider": "tillo",
            "slug": SLUG,
            "name": "Amazon",
            "currency": "USD",
            "state": "enabled",
            "lower_minor": 500,
            "upper_minor": 50_000,
            "synced_at": NOW,
            **changes,
        }
    )


class TestBuying:
    """The whole way over real HTTP: ordered, bought, and ready to be claimed."""

    def test_fills_a_buffer_with_cards_that_wait_for_anybody(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        pool = make_buffer(world, target=3)
        assert refill() == (3, None)
        assert place_due_orders(now=NOW) == 3
        cards = list(pool.cards.all())
        assert [(card.status, card.source, card.cost_minor) for card in cards] == [
            ("available", "buffer", 2400)
        ] * 3
        assert {card.holder_id for card in cards} == {None}
        assert len(tillo_emulator.journal("sold")) == 3
        assert refill(minutes=5) == (0, None)
        assert place_due_orders(now=NOW + timedelta(minutes=5)) == 0

    def test_leaves_a_provider_that_fails_alone_and_comes_back_with_one(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        pool = make_buffer(world, target=6)
        tillo_emulator.set_faults([{"action": "error", "code": "725"}])
        assert refill() == (6, None)
        place_due_orders(now=NOW)
        assert not ProviderOrder.objects.exclude(state="failed").exists()
        assert refill(minutes=1) == (0, "backing_off")
        tillo_emulator.set_faults([])
        assert refill(minutes=6) == (1, "backing_off")
        place_due_orders(now=NOW + timedelta(minutes=6))
        assert refill(minutes=7) == (5, None)
        place_due_orders(now=NOW + timedelta(minutes=7))
        assert pool.cards.filter(status="available").count() == 6
        assert len(tillo_emulator.journal("sold")) == 6

    def test_buys_nothing_twice_when_answers_are_lost(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        pool = make_buffer(world, target=3)
        tillo_emulator.set_faults([{"match": {"every": 2}, "action": "drop", "sold": True}])
        refill()
        for minutes in (0, 10, 120):
            place_due_orders(now=NOW + timedelta(minutes=minutes))
            refill(minutes=minutes)
        assert pool.cards.filter(status="available").count() == 3
        assert len(tillo_emulator.journal("sold")) == 3
        assert ProviderOrder.objects.count() == 3
