"""kill -9 of the worker that buys: whatever was sold is bound in the end, and bought once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from giftcards.emulator import Emulator
from giftcards.models import GiftCard, ProviderOrder, ProviderOrderEvent
from giftcards.services.orders import place_due_orders
from tests.giftcards.ordering import hold_state, order_card, run_rounds, told_of
from tests.giftcards.storm import broken_money
from tests.invariants import LEDGER, broken_invariants
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

# What a worker does when the bell rings, and nothing else.
PROGRAM = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from datetime import UTC, datetime
from django.conf import settings
from tests.giftcards.ordering import PARTIES
settings.ORDER_PARTIES = PARTIES
from giftcards.services import order_records, orders

def die(*_arguments, **_named):
    os.kill(os.getpid(), 9)

{where}
print("ready", flush=True)
orders.place_due_orders(now=datetime.now(UTC))
print("done", flush=True)
"""
STEPS = {
    "after the claim, before the call": "orders.ask_provider = die",
    "after the sale, before it is recorded": "orders.record_verdict = die",
    "in the middle of recording": "order_records._settle = die",
    "after the recording": "orders._draw_conclusions = die",
}

KILLS = int(os.environ.get("STORM_KILLS", "2"))


@pytest.fixture
def world() -> World:
    return build_world()


def start_worker(where: str) -> subprocess.Popen[str]:
    names = ("TILLO_BASE_URL", "TILLO_API_KEY", "TILLO_SECRET_KEY", "TILLO_SECTOR")
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(where=where)],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            **{name: getattr(django_settings, name) for name in names},
            "PROVIDER_TIMEOUT": "5",
        },
    )


def finish(order: ProviderOrder) -> None:
    """Let the reconciler look once the dead worker's lease has ended."""
    order.refresh_from_db()
    if order.next_attempt_at is not None:
        assert order.next_attempt_at > datetime.now(UTC)
        assert place_due_orders(now=datetime.now(UTC)) == 0
        run_rounds(order, now=order.next_attempt_at)


class TestAKilledWorker:
    @pytest.mark.parametrize("step", STEPS)
    def test_leaves_an_order_that_another_brings_to_its_end(
        self, world: World, buying: Settings, tillo_emulator: Emulator, step: str
    ) -> None:
        order = order_card(world, now=datetime.now(UTC))
        with start_worker(STEPS[step]) as worker:
            assert worker.wait(timeout=60) == -9
            assert worker.stdout is not None
            assert worker.stdout.read() == "ready\n"
        order.refresh_from_db()
        was_sold = step != "after the claim, before the call"
        assert len(tillo_emulator.sales()) == int(was_sold)
        if step == "after the recording":
            assert (order.state, hold_state(order)) == ("succeeded", "capture")
        else:
            assert (order.state, order.may_be_done, hold_state(order)) == (
                "requested",
                True,
                "open",
            )
            assert not GiftCard.objects.exists()
        finish(order)
        assert (order.state, hold_state(order)) == ("succeeded", "capture")
        (sale,) = tillo_emulator.sales()
        assert sale.request_id == order.request_id
        assert GiftCard.objects.get().provider_reference == sale.reference
        assert world.balance() == 100_000 - 2600
        assert broken_invariants(promises=LEDGER) == {}
        assert broken_money(tillo_emulator) == []

    def test_while_the_provider_works_buys_nothing_twice(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults(
            [{"match": {"request": "issue", "nth": 1}, "action": "slow", "seconds": 3.0}]
        )
        order = order_card(world, now=datetime.now(UTC))
        with start_worker("") as worker:
            for _ in range(1000):
                if tillo_emulator.requests.get("issue"):
                    break
                time.sleep(0.02)
            worker.kill()
            assert worker.wait(timeout=60) == -9
        order.refresh_from_db()
        assert (order.state, order.may_be_done) == ("requested", True)
        assert order.next_attempt_at is not None
        place_due_orders(now=order.next_attempt_at)
        # Asked again while it is still at the first, the provider says so.
        assert ProviderOrderEvent.objects.get().code == "729"
        tillo_emulator.wait_until_quiet()
        run_rounds(order)
        assert (order.state, hold_state(order), told_of(order)) == (
            "succeeded",
            "capture",
            ["sold"],
        )
        assert len(tillo_emulator.sales()) == 1
        assert broken_money(tillo_emulator) == []

    def test_while_nothing_can_be_sold_gives_the_credit_back_only_when_it_is_certain(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world, now=datetime.now(UTC))
        with start_worker(STEPS["after the claim, before the call"]) as worker:
            assert worker.wait(timeout=60) == -9
        order.refresh_from_db()
        tillo_emulator.set_brand_state("amazon-us", "PAUSED")
        assert order.next_attempt_at is not None
        place_due_orders(now=order.next_attempt_at)
        order.refresh_from_db()
        # Nobody knows how far the dead worker came, and what it sent may still arrive.
        assert (order.state, hold_state(order), told_of(order)) == ("requested", "open", [])
        run_rounds(order)
        assert (order.state, order.error_code) == ("failed", "726")
        assert (hold_state(order), told_of(order), world.balance()) == (
            "release",
            ["not_sold"],
            100_000,
        )
        assert broken_money(tillo_emulator) == []


class TestWorkersKilledAtAnyMoment:
    def test_leave_no_card_and_no_cent_behind(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults(
            [
                {"match": {"request": "issue"}, "action": "slow", "seconds": 0.1},
                {"match": {"request": "issue", "every": 5}, "action": "drop", "sold": True},
            ]
        )
        orders = [order_card(world, now=datetime.now(UTC)) for _ in range(20)]
        for kill in range(KILLS):
            # Two at once, of which one is killed in the middle of its work, each a bit later.
            doomed, other = start_worker(""), start_worker("")
            with doomed, other:
                for worker in (doomed, other):
                    assert worker.stdout is not None
                    assert worker.stdout.readline() == "ready\n"
                time.sleep(0.05 + 0.07 * kill)
                doomed.kill()
                time.sleep(0.1)
                other.kill()
        now = datetime.now(UTC)
        for order in orders:
            run_rounds(order, now=now)
        assert {order.state for order in orders} == {"succeeded"}
        assert len(tillo_emulator.sales()) == GiftCard.objects.count() == 20
        assert world.balance() == 100_000 - 20 * 2600
        assert broken_money(tillo_emulator) == []
        assert broken_invariants(promises=LEDGER) == {}
