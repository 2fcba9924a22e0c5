"""The monitor of the vendors: circuits opened, money used up and orders lost at the emulator."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.models import Alert
from giftcards.emulator import Emulator
from giftcards.services import circuit
from giftcards.services.circuit import LONGEST_PAUSE
from giftcards.services.floats import check_floats
from giftcards.services.order_review import replay_order
from giftcards.services.orders import place_due_orders
from tests.alerts.monitoring import facts, look, resolve_by_hand, standing, told, told_by_slack
from tests.giftcards.ordering import order_card, run_rounds
from tests.world import NOW, World, build_world

__all__ = ["told_by_slack"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("buying")]

LATER = NOW + timedelta(minutes=11)


@pytest.fixture
def world() -> World:
    return build_world()


def refuse_us(world: World, emulator: Emulator) -> None:
    """Have the provider refuse our key."""
    emulator.set_faults([{"action": "error", "code": "434"}])
    order_card(world)
    place_due_orders(now=NOW)
    emulator.set_faults([])


class TestWatchProviders:
    def test_finds_nothing_where_all_is_well(self, world: World) -> None:
        order_card(world)
        place_due_orders(now=NOW)
        assert look("providers", now=LATER) == []

    def test_finds_an_open_circuit_and_sees_it_closed(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        refuse_us(world, tillo_emulator)
        assert look("providers", now=NOW) == [("provider_circuit", "critical")]
        assert facts("provider_circuit") == {"provider": "tillo", "reason": "set_up", "code": "434"}
        assert told() == [("opened", "critical")]
        # Mended there: the probe comes through, and who noted it has ended the alert.
        order_card(world)
        place_due_orders(now=NOW + LONGEST_PAUSE + timedelta(minutes=1))
        assert standing() == []
        assert look("providers", now=NOW + LONGEST_PAUSE + timedelta(minutes=1)) == []
        assert told() == [("opened", "critical"), ("resolved", "critical")]

    def test_raises_again_what_was_lost_and_ends_it_itself(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        refuse_us(world, tillo_emulator)
        resolve_by_hand(now=NOW)
        assert look("providers", now=NOW) == [("provider_circuit", "critical")]
        assert circuit.switch_on(provider="tillo", actor="user:1", reason="mended", now=LATER)
        assert look("providers", now=LATER) == []

    def test_leaves_to_themselves_whom_a_person_has_switched_off(self, world: World) -> None:
        circuit.switch_off(provider="tillo", actor="user:1", reason="a rumour", now=NOW)
        assert look("providers", now=NOW) == []

    def test_finds_a_float_that_runs_low_then_lower_then_filled(
        self, settings: Settings, tillo_emulator: Emulator
    ) -> None:
        settings.PROVIDER_FLOAT_WARNING = {"USD": 1000}
        tillo_emulator.set_float("USD", "900.00")
        check_floats(provider="tillo", now=NOW)
        assert look("providers", now=NOW) == [("provider_float", "warning")]
        tillo_emulator.set_float("USD", "100.00")
        check_floats(provider="tillo", now=NOW)
        assert look("providers", now=NOW) == [("provider_float", "critical")]
        assert told() == [("opened", "warning"), ("escalated", "critical")]
        tillo_emulator.set_float("USD", "5000.00")
        check_floats(provider="tillo", now=LATER)
        assert look("providers", now=LATER) == []
        assert told()[2:] == [("resolved", "critical")]

    def test_finds_an_order_nobody_knows_about_after_ten_minutes(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"action": "error", "code": "708"}])
        order = order_card(world)
        place_due_orders(now=NOW)
        tillo_emulator.set_faults([])
        circuit.switch_on(provider="tillo", actor="user:1", reason="mended", now=NOW)
        assert standing() == [("provider_order_unknown", "critical")]
        before = told()
        # It was raised as it happened; the monitor has no say for ten minutes.
        assert look("providers", now=NOW + timedelta(minutes=9)) == standing()
        assert unresolved().monitor == ""
        assert look("providers", now=LATER) == [("provider_order_unknown", "critical")]
        assert unresolved().monitor == "providers"
        assert told() == before
        replay_order(order_id=order.pk, actor="user:1", reason="Try once more", now=LATER)
        run_rounds(order, now=LATER)
        assert order.state == "succeeded"
        assert look("providers", now=LATER + timedelta(minutes=10)) == []
        assert told() == [*before, ("resolved", "critical")]

    def test_tells_of_many_orders_nobody_knows_about_as_one(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        orders = []
        for _ in range(7):
            tillo_emulator.set_faults([{"action": "error", "code": "708"}])
            orders.append(order_card(world))
            place_due_orders(now=NOW)
            tillo_emulator.set_faults([])
            circuit.switch_on(provider="tillo", actor="user:1", reason="mended", now=NOW)
        one, many = ("provider_order_unknown", "critical"), ("many_orders_unknown", "critical")
        assert sorted(standing()) == [many, *[one] * 5]
        found = facts("many_orders_unknown")
        assert found["unknown"] == 7
        assert sum(found["codes"].values()) == 7
        oldest = sorted(orders, key=lambda order: (order.created_at, order.pk))[:5]
        assert found["oldest"] == [str(order.pk) for order in oldest]
        # What stands goes on; what is resolved by hand is not told of one by one again.
        assert sorted(look("providers", now=LATER)) == [many, *[one] * 5]
        resolve_by_hand(now=LATER)
        assert look("providers", now=LATER) == [many]
        for order in orders[:2]:
            replay_order(order_id=order.pk, actor="user:1", reason="Try again", now=LATER)
        assert standing() == []
        assert look("providers", now=LATER) == [one] * 5


def unresolved() -> Alert:
    return Alert.objects.exclude(state="resolved").get()
