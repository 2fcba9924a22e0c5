"""Whether a provider is asked: when the circuit opens, what becomes of orders, how it closes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from alerts.models import Alert
from credit.models import AuditEvent
from giftcards.emulator import Emulator
from giftcards.models import Pool, ProviderBrand, ProviderCircuit, ProviderOrder
from giftcards.providers.outcomes import NoMoney, RouteClosed, SetUpWrong, TryAgain, Unknown
from giftcards.services import circuit
from giftcards.services.circuit import FAILURES_TO_OPEN, FIRST_PAUSE, LONGEST_PAUSE, Gate
from giftcards.services.order_calls import Outcome
from giftcards.services.orders import place_due_orders
from tests.giftcards.ordering import LATER, hold_state, order_card, run_rounds, told_of
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)


@pytest.fixture
def world() -> World:
    return build_world()


def note(outcome: Outcome, *, now: datetime = NOW, asked_at: datetime | None = None) -> bool:
    return circuit.note_outcome(
        provider="tillo", outcome=outcome, asked_at=asked_at or now, now=now
    )


def gate(now: datetime = NOW) -> Gate:
    return circuit.pass_circuit(
        provider="tillo", now=now, probing_until=now + timedelta(seconds=30)
    )


def fail_enough(now: datetime = NOW) -> None:
    for _ in range(FAILURES_TO_OPEN):
        note(Unknown("timeout"), now=now)


def find_route(
    world: World, *, providers: tuple[str, ...] = ("tillo",), now: datetime = NOW
) -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM giftcards_find_route(NULL, %s, %s, %s, %s)",
            [world.client.pk, world.denomination.pk, list(providers), now],
        )
        return tuple(cursor.fetchone())


def let_buy(world: World, method: str = "csv_with_fallback") -> Pool:
    """Let the world's pool buy at the provider; return it."""
    world.brand.provider_slug = "amazon-us"
    world.brand.save()
    world.pool.purchase_method = method
    world.pool.api_provider = "tillo"
    world.pool.save()
    return world.pool


class TestNoteOutcome:
    def test_opens_at_the_fifth_failure_in_a_row(self) -> None:
        for _ in range(FAILURES_TO_OPEN - 1):
            assert note(TryAgain("600")) is False
        assert gate() is Gate.OPEN_TO_ALL
        assert note(Unknown("timeout")) is True
        assert gate() is Gate.SHUT
        row = ProviderCircuit.objects.get()
        assert (row.failures, row.reason, row.open_until) == (5, "failures", NOW + FIRST_PAUSE)
        assert Alert.objects.get().severity == "critical"

    def test_counts_from_anew_after_any_answer_that_shows_it_works(self) -> None:
        outcomes: list[Outcome] = [Unknown("x"), RouteClosed("725"), *[Unknown("x")] * 4]
        for outcome in outcomes:
            note(outcome)
        assert gate() is Gate.OPEN_TO_ALL

    @pytest.mark.parametrize("code", ["211", "429", "729"])
    def test_does_not_hold_it_against_it_that_it_is_busy(self, code: str) -> None:
        for _ in range(20):
            assert note(TryAgain(code, 30.0)) is False
        assert not ProviderCircuit.objects.exists()

    def test_opens_at_once_when_our_set_up_is_wrong(self) -> None:
        assert note(SetUpWrong("434")) is True
        assert gate(NOW + LONGEST_PAUSE - SECOND) is Gate.SHUT
        assert gate(NOW + LONGEST_PAUSE) is Gate.ONE_PROBE

    def test_opens_without_an_end_when_our_money_is_used_up(self) -> None:
        assert note(NoMoney("610")) is True
        assert gate(NOW + timedelta(days=9)) is Gate.ONLY_DOUBTFUL
        # What still comes in changes nothing.
        note(RouteClosed("725"), now=NOW + SECOND)
        assert gate(NOW + timedelta(days=9)) is Gate.ONLY_DOUBTFUL
        assert circuit.resume_when_funded(provider="tillo", now=NOW) is True
        assert gate() is Gate.OPEN_TO_ALL
        assert Alert.objects.get().state == "resolved"
        assert circuit.resume_when_funded(provider="tillo", now=NOW) is False

    def test_stays_open_for_twice_as_long_each_time_up_to_a_quarter_of_an_hour(self) -> None:
        fail_enough()
        now, pauses = NOW, []
        for _ in range(6):
            until = ProviderCircuit.objects.get().open_until
            assert until is not None
            pauses.append((until - now).total_seconds())
            now = until
            assert gate(now) is Gate.ONE_PROBE
            assert note(Unknown("timeout"), now=now) is True
        assert pauses == [60, 120, 240, 480, 900, 900]

    def test_closes_when_the_probe_comes_back_well(self) -> None:
        fail_enough()
        now = NOW + FIRST_PAUSE
        assert gate(now) is Gate.ONE_PROBE
        note(RouteClosed("725"), now=now + SECOND, asked_at=now)
        row = ProviderCircuit.objects.get()
        assert (row.opened_at, row.failures, row.openings, row.reason) == (None, 0, 0, "")
        assert gate(now + SECOND) is Gate.OPEN_TO_ALL
        assert Alert.objects.get().state == "resolved"

    def test_does_not_close_for_an_answer_to_what_was_asked_before(self) -> None:
        note(SetUpWrong("434"), now=NOW + SECOND)
        note(RouteClosed("725"), now=NOW + 2 * SECOND, asked_at=NOW)
        assert gate(NOW + 3 * SECOND) is Gate.SHUT

    def test_counts_every_one_of_many_failures_at_once(self) -> None:
        opened = run_at_once(10, lambda: note(Unknown("timeout")))
        assert ProviderCircuit.objects.get().failures == 10
        assert sum(one is True for one in opened) >= 1


class TestPassGate:
    def test_lets_one_of_many_through_when_the_pause_is_over(self) -> None:
        fail_enough()
        now = NOW + FIRST_PAUSE
        gates = run_at_once(8, lambda: gate(now))
        assert sorted(str(one) for one in gates) == [str(Gate.ONE_PROBE)] + [str(Gate.SHUT)] * 7

    def test_lets_another_through_when_the_probe_is_lost(self) -> None:
        fail_enough()
        now = NOW + FIRST_PAUSE
        assert gate(now) is Gate.ONE_PROBE
        assert gate(now + 29 * SECOND) is Gate.SHUT
        assert gate(now + 30 * SECOND) is Gate.ONE_PROBE
        circuit.give_probe_back(provider="tillo")
        assert gate(now + 31 * SECOND) is Gate.ONE_PROBE


class TestASwitch:
    def test_keeps_a_provider_off_until_it_is_switched_on(self) -> None:
        circuit.switch_off(provider="tillo", actor="user:1", reason="a rumour", now=NOW)
        assert gate(NOW + timedelta(days=9)) is Gate.SHUT
        assert circuit.switch_on(provider="tillo", actor="user:2", reason="no more", now=NOW)
        assert gate() is Gate.OPEN_TO_ALL
        assert not circuit.switch_on(provider="tillo", actor="user:2", reason="again", now=NOW)
        assert list(AuditEvent.objects.order_by("at", "action").values_list("action", "actor")) == [
            ("provider.switched_off", "user:1"),
            ("provider.switched_on", "user:2"),
        ]


class TestOrders:
    def test_that_were_never_sent_end_at_once_when_it_opens_and_the_others_wait(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"action": "drop", "sold": True}])
        sent = [order_card(world) for _ in range(FAILURES_TO_OPEN)]
        unsent = [order_card(world, now=NOW + timedelta(minutes=5)) for _ in range(3)]
        place_due_orders(now=NOW)
        for order in sent:
            order.refresh_from_db()
            assert (order.state, hold_state(order), told_of(order)) == ("requested", "open", [])
        for order in unsent:
            order.refresh_from_db()
            assert (order.state, order.error_code, order.attempts) == ("failed", "closed", 0)
            assert (hold_state(order), told_of(order)) == ("release", ["not_sold"])
        # While it is open nothing is asked, however long it is due.
        asked = dict(tillo_emulator.requests)
        place_due_orders(now=NOW + timedelta(seconds=30))
        assert tillo_emulator.requests == asked
        # Then one finds out that it works again, and the others follow in the same run.
        tillo_emulator.set_faults([])
        place_due_orders(now=NOW + FIRST_PAUSE + 30 * SECOND)
        for order in sent:
            order.refresh_from_db()
            assert (order.state, told_of(order)) == ("succeeded", ["sold"])
        assert len(tillo_emulator.sales()) == FAILURES_TO_OPEN

    def test_placed_while_it_is_open_end_at_the_next_look(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        fail_enough()
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.error_code) == ("failed", "closed")
        assert tillo_emulator.requests == {}

    def test_are_let_through_one_at_a_time_until_one_shows_that_it_works(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        fail_enough()
        tillo_emulator.set_faults([{"action": "status", "status": 502}])
        now = NOW + FIRST_PAUSE
        orders = [order_card(world, now=now) for _ in range(4)]
        place_due_orders(now=now)
        assert tillo_emulator.requests == {"issue": 1}
        states = ProviderOrder.objects.filter(pk__in=[order.pk for order in orders])
        assert sorted(states.values_list("state", flat=True)) == [
            "failed",
            "failed",
            "failed",
            "requested",
        ]

    def test_that_may_have_sold_are_asked_for_though_our_money_is_used_up(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"match": {"nth": 1}, "action": "drop", "sold": True}])
        doubtful = order_card(world)
        place_due_orders(now=NOW)
        note(NoMoney("610"))
        fresh = order_card(world)
        run_rounds(doubtful)
        fresh.refresh_from_db()
        assert (doubtful.state, fresh.state) == ("succeeded", "failed")
        assert len(tillo_emulator.sales()) == 1

    def test_end_when_nobody_is_set_up_to_sell(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world)
        buying.TILLO_SECRET_KEY = ""
        assert place_due_orders(now=NOW) == 0
        order.refresh_from_db()
        assert (order.state, order.error_code) == ("failed", "not_configured")
        assert (hold_state(order), told_of(order)) == ("release", ["not_sold"])
        assert Alert.objects.get().dedupe_key == "provider_circuit:tillo:set_up"

    def test_come_through_again_after_a_mistake_of_ours_was_set_right(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        buying.TILLO_SECRET_KEY = "wrong"
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.error_code) == ("failed", "434")
        buying.TILLO_SECRET_KEY = "tillo-test-secret"
        circuit.switch_on(provider="tillo", actor="user:1", reason="key set", now=NOW)
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert order.state == "succeeded"


class TestFindRoute:
    def test_leads_from_the_clients_pool_to_its_provider(self, world: World) -> None:
        pool = let_buy(world)
        assert find_route(world) == (pool.pk, "tillo", "amazon-us", None)

    def test_prefers_the_clients_pool_to_the_platforms(self, world: World) -> None:
        let_buy(world, "csv_only")
        master = Pool.objects.create(
            name="Stock",
            brand=world.brand,
            denomination=world.denomination,
            kind=Pool.Kind.MASTER,
            purchase_method="api_only",
            api_provider="tillo",
        )
        assert find_route(world)[0] == master.pk
        world.pool.purchase_method = "api_only"
        world.pool.save()
        assert find_route(world)[0] == world.pool.pk
        world.pool.reserved = True
        world.pool.save()
        assert find_route(world)[0] == master.pk

    def test_says_that_uploaded_cards_are_all_there_are(self, world: World) -> None:
        let_buy(world, "csv_only")
        assert find_route(world) == (None, None, None, "none_allowed")

    @pytest.mark.parametrize("missing", ["provider", "pool's provider", "name there"])
    def test_says_what_is_not_configured(self, world: World, missing: str) -> None:
        let_buy(world)
        if missing == "pool's provider":
            Pool.objects.update(api_provider="")
        if missing == "name there":
            world.brand.provider_slug = ""
            world.brand.save()
        providers = () if missing == "provider" else ("tillo",)
        assert find_route(world, providers=providers)[3] == "not_configured"

    def test_is_closed_while_the_circuit_is_open_and_not_when_it_may_be_tried(
        self, world: World
    ) -> None:
        let_buy(world)
        fail_enough()
        assert find_route(world)[3] == "closed"
        assert find_route(world, now=NOW + FIRST_PAUSE)[3] is None
        note(NoMoney("610"))
        assert find_route(world, now=NOW + LATER)[3] == "closed"

    @pytest.mark.parametrize(
        ("brand", "problem"),
        [
            ({}, None),
            ({"state": "paused"}, "closed"),
            ({"state": "disabled"}, "closed"),
            ({"can_be_issued": False}, "closed"),
            ({"currency": "GBP"}, "closed"),
            ({"lower_minor": 500, "upper_minor": 2500}, None),
            ({"lower_minor": 2501}, "closed"),
            ({"upper_minor": 2499}, "closed"),
            ({"denominations_minor": [1000, 2500]}, None),
            ({"denominations_minor": [1000, 5000], "upper_minor": 9000}, "closed"),
        ],
    )
    def test_goes_by_what_the_provider_last_said_of_the_brand(
        self, world: World, brand: dict[str, object], problem: str | None
    ) -> None:
        let_buy(world)
        facts = {"name": "Amazon", "currency": "USD", "state": "enabled", "synced_at": NOW, **brand}
        ProviderBrand.objects.create(provider="tillo", slug="amazon-us", **facts)
        assert find_route(world)[3] == problem
