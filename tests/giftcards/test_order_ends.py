"""How an order at a provider comes to its end: refused, sold, recorded late or twice."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.models import Alert
from alerts.transactions import transaction
from giftcards.emulator import Emulator
from giftcards.models import (
    GiftCard,
    ProviderBrand,
    ProviderCircuit,
    ProviderOrderEvent,
)
from giftcards.providers.tillo import connect_tillo
from giftcards.services.order_calls import ask_provider
from giftcards.services.order_claims import claim_due_orders
from giftcards.services.order_records import record_verdict
from giftcards.services.order_schedule import IN_FLIGHT
from giftcards.services.order_verdicts import Ending, Verdict, judge_answer
from giftcards.services.orders import place_due_orders
from giftcards.services.stock import add_card
from tests.giftcards.order_facts import CLOSED, SET_UP
from tests.giftcards.ordering import (
    LATER,
    PARTIES,
    hold_state,
    order_card,
    run_rounds,
    told_of,
)
from tests.giftcards.vendor_stub import VendorStub
from tests.invariants import LEDGER, broken_invariants
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestAfterARefusal:
    @pytest.mark.parametrize("code", [*CLOSED, *SET_UP, "610", "615"])
    def test_the_first_time_the_credit_is_back_at_once(
        self, world: World, buying: Settings, tillo_emulator: Emulator, code: str
    ) -> None:
        tillo_emulator.set_faults([{"action": "error", "code": code}])
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.error_code, order.attempts) == ("failed", code, 1)
        assert (hold_state(order), told_of(order)) == ("release", ["not_sold"])
        assert world.balance() == 100_000
        assert not GiftCard.objects.exists()
        circuit = ProviderCircuit.objects.get()
        assert circuit.reason == (
            "" if code in CLOSED else "no_money" if code in ("610", "615") else "set_up"
        )
        assert Alert.objects.filter(severity="critical").exists() == (code not in CLOSED)
        assert broken_invariants(promises=LEDGER) == {}

    def test_out_of_stock_told_as_an_error_of_the_server_is_still_a_refusal(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"action": "error", "code": "725", "status": 500}])
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.error_code) == ("failed", "725")

    @pytest.mark.parametrize("code", ["725", "610", "434"])
    def test_it_proves_nothing_of_an_attempt_before_that_was_sold(
        self, world: World, buying: Settings, tillo_emulator: Emulator, code: str
    ) -> None:
        tillo_emulator.set_faults(
            [
                {"match": {"request": "issue", "nth": 1}, "action": "drop", "sold": True},
                {"match": {"request": "issue", "nth": 2}, "action": "error", "code": code},
            ]
        )
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert order.next_attempt_at is not None
        place_due_orders(now=order.next_attempt_at)
        order.refresh_from_db()
        # Asked what it knows, the provider had sold it.
        events = list(ProviderOrderEvent.objects.order_by("pk").values_list("asked", "outcome"))
        assert events[-1] == ("status", "sold")
        assert (order.state, hold_state(order), told_of(order)) == (
            "succeeded",
            "capture",
            ["sold"],
        )
        assert len(tillo_emulator.sales()) == 1

    def test_it_counts_only_once_the_attempt_before_can_not_arrive_any_more(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults(
            [
                {"match": {"request": "issue", "nth": 1}, "action": "drop", "sold": False},
                {"match": {"request": "issue"}, "action": "error", "code": "725"},
            ]
        )
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert order.next_attempt_at is not None
        place_due_orders(now=order.next_attempt_at)
        order.refresh_from_db()
        assert (order.state, hold_state(order), told_of(order)) == ("requested", "open", [])
        assert order.in_doubt_until is not None
        assert order.next_attempt_at >= order.in_doubt_until >= NOW + IN_FLIGHT
        place_due_orders(now=order.next_attempt_at)
        order.refresh_from_db()
        assert (order.state, order.error_code) == ("failed", "725")
        assert (hold_state(order), told_of(order)) == ("release", ["not_sold"])
        assert world.balance() == 100_000

    def test_an_id_that_was_used_for_something_else_is_for_a_person_at_once(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"action": "error", "code": "708"}])
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.error_code, order.attempts) == ("unknown", "708", 1)
        assert (hold_state(order), told_of(order)) == ("open", ["unknown"])
        alert = Alert.objects.get(kind="provider_order_unknown")
        assert alert.severity == "critical"

    def test_what_no_provider_could_take_is_not_sent(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world, slug="No Such Brand")
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.error_code) == ("failed", "malformed")
        assert tillo_emulator.requests == {}
        assert hold_state(order) == "release"
        assert not ProviderCircuit.objects.exists()
        assert Alert.objects.get().kind == "provider_order_malformed"


class TestASoldCardThatIsNoNewOne:
    def test_goes_to_a_person_with_its_hold_and_nothing_is_lost(
        self, world: World, buying: Settings, vendor: VendorStub
    ) -> None:
        with transaction():
            add_card(pool=world.pool, code="TAKEN-0001")
        buying.TILLO_BASE_URL = vendor.url
        vendor.words = json.dumps(
            {
                "code": "000",
                "data": {
                    "code": "taken 0001",
                    "face_value": {"amount": 25, "currency": "USD"},
                    "reference": "ref-7",
                },
            }
        ).encode()
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.error_code, order.provider_reference) == (
            "unknown",
            "duplicate_code",
            "ref-7",
        )
        assert (hold_state(order), told_of(order)) == ("open", ["unknown"])
        assert GiftCard.objects.count() == 1
        assert GiftCard.objects.get().status == "available"
        assert Alert.objects.get(kind="provider_order_unknown").severity == "critical"


class TestAnAsynchronousBrand:
    @pytest.fixture
    def asynchronous(self, buying: Settings) -> Settings:
        ProviderBrand.objects.create(
            provider="tillo",
            slug="home-depot-us",
            name="The Home Depot",
            currency="USD",
            state="enabled",
            is_asynchronous=True,
            synced_at=NOW,
        )
        return buying

    def test_is_ordered_once_and_then_asked_for(
        self, world: World, asynchronous: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world, slug="home-depot-us")
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.accepted_at is not None) == ("requested", True)
        assert order.next_attempt_at is not None
        place_due_orders(now=order.next_attempt_at)
        order.refresh_from_db()
        assert (order.state, order.error_code) == ("requested", "requested")
        tillo_emulator.forward(60)
        run_rounds(order)
        assert (order.state, hold_state(order), told_of(order)) == (
            "succeeded",
            "capture",
            ["sold"],
        )
        assert tillo_emulator.requests["order"] == 1
        assert tillo_emulator.requests["status"] >= 2
        assert "issue" not in tillo_emulator.requests
        assert GiftCard.objects.get().holder_id == order.holder_id

    @pytest.mark.parametrize("end", ["ERROR", "CANCELLED"])
    def test_that_ends_without_a_card_gives_the_credit_back(
        self, world: World, asynchronous: Settings, tillo_emulator: Emulator, end: str
    ) -> None:
        tillo_emulator.set_faults(
            [{"match": {"request": "order"}, "action": "order_ends", "status": end}]
        )
        order = order_card(world, slug="home-depot-us")
        place_due_orders(now=NOW)
        tillo_emulator.forward(120)
        run_rounds(order)
        assert (order.state, order.error_code) == ("failed", end.lower())
        assert (hold_state(order), told_of(order)) == ("release", ["not_sold"])

    def test_that_is_stuck_ends_up_with_a_person(
        self, world: World, asynchronous: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults(
            [{"match": {"request": "order"}, "action": "order_ends", "status": "PROCESSING"}]
        )
        order = order_card(world, slug="home-depot-us")
        run_rounds(order)
        assert (order.state, hold_state(order), told_of(order)) == ("unknown", "open", ["unknown"])

    def test_whose_order_got_no_answer_is_ordered_again_under_its_id(
        self, world: World, asynchronous: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"match": {"request": "order", "nth": 1}, "action": "drop"}])
        order = order_card(world, slug="home-depot-us")
        place_due_orders(now=NOW)
        tillo_emulator.forward(120)
        run_rounds(order)
        assert order.state == "succeeded"
        (sale,) = tillo_emulator.sales()
        assert sale.request_id == order.request_id


class TestARecordingThatFails:
    def test_keeps_the_card_for_the_next_attempt(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world)
        good = buying.ORDER_PARTIES
        buying.ORDER_PARTIES = {
            "parcel": {**PARTIES["parcel"], "settle": "tests.giftcards.ordering.refuse_parcel"}
        }
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.error_code, hold_state(order)) == (
            "requested",
            "unrecorded",
            "open",
        )
        assert not GiftCard.objects.exists()
        assert len(tillo_emulator.sales()) == 1
        buying.ORDER_PARTIES = good
        run_rounds(order)
        assert (order.state, told_of(order)) == ("succeeded", ["sold"])
        assert len(tillo_emulator.sales()) == 1

    def test_again_and_again_asks_for_a_person(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        buying.PROVIDER_RETRY_SCHEDULE = (0.0, 1.0)
        buying.ORDER_PARTIES = {
            "parcel": {**PARTIES["parcel"], "settle": "tests.giftcards.ordering.refuse_parcel"}
        }
        order = order_card(world)
        run_rounds(order)
        assert (order.state, order.error_code, hold_state(order)) == (
            "unknown",
            "unrecorded",
            "open",
        )
        assert Alert.objects.get(kind="provider_order_unknown").severity == "critical"


class TestALateAnswer:
    def test_may_bring_its_card_but_not_end_the_order_without_one(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world)
        (slow,) = claim_due_orders(provider="tillo", limit=1, now=NOW)
        later = NOW + LATER
        (quick,) = claim_due_orders(provider="tillo", limit=1, now=later)
        assert (slow.attempt, quick.attempt) == (1, 2)
        assert quick.in_doubt_until is not None  # nobody knows what became of the first
        refused = Verdict(ending=Ending.NOT_BOUGHT, code="725")
        record_verdict(order_id=order.pk, attempt=1, heard=(), verdict=refused, now=later)
        order.refresh_from_db()
        assert (order.state, hold_state(order)) == ("requested", "open")
        sold = ask_provider(provider=connect_tillo(), claim=slow, clock=lambda: NOW)
        verdict = judge_answer(answer=sold, now=later)
        recorded = record_verdict(
            order_id=order.pk, attempt=1, heard=sold.heard, verdict=verdict, now=later
        )
        assert recorded.state == "succeeded"
        # And the second, which hears of the same sale, changes nothing.
        record_verdict(order_id=order.pk, attempt=2, heard=sold.heard, verdict=verdict, now=later)
        assert GiftCard.objects.count() == 1
        assert told_of(order) == ["sold"]
        assert not Alert.objects.exists()

    def test_that_brings_a_card_after_the_end_is_told_to_a_person(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world)
        (claim,) = claim_due_orders(provider="tillo", limit=1, now=NOW)
        refused = Verdict(ending=Ending.NOT_BOUGHT, code="725")
        record_verdict(order_id=order.pk, attempt=1, heard=(), verdict=refused, now=NOW)
        sold = ask_provider(provider=connect_tillo(), claim=claim, clock=lambda: NOW)
        recorded = record_verdict(
            order_id=order.pk,
            attempt=1,
            heard=sold.heard,
            verdict=judge_answer(answer=sold, now=NOW),
            now=NOW,
        )
        assert (recorded.state, recorded.is_late) == ("failed", True)
        assert not GiftCard.objects.exists()
        assert Alert.objects.get().kind == "provider_order_late"

    def test_of_a_worker_that_was_held_up_is_not_sent_any_more(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order_card(world)
        (claim,) = claim_due_orders(provider="tillo", limit=1, now=NOW)
        answer = ask_provider(
            provider=connect_tillo(), claim=claim, clock=lambda: NOW + timedelta(seconds=20)
        )
        assert answer.heard == ()
        assert tillo_emulator.requests == {}
