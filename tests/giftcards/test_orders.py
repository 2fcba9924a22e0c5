"""Orders at a provider: every class of answer, and what it does to order, hold, card and holder."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from itertools import pairwise

import pytest
from pytest_django import Settings

from alerts.models import Alert
from giftcards.emulator import Emulator
from giftcards.models import (
    GiftCard,
    ProviderBrand,
    ProviderCircuit,
    ProviderOrder,
    ProviderOrderEvent,
)
from giftcards.services.order_claims import claim_due_orders
from giftcards.services.orders import CALLS_AT_ONCE, place_due_orders
from giftcards.services.secrets import open_field
from tests.giftcards.order_facts import UNCLEAR, fold
from tests.giftcards.ordering import (
    LATER,
    TOLD,
    hold_state,
    order_card,
    order_for_pool,
    run_rounds,
    told_of,
)
from tests.giftcards.tillo_fixture import API_KEY, SECRET_KEY, SECTOR
from tests.invariants import LEDGER, broken_invariants
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestPlaceDueOrders:
    def test_buys_the_card_and_binds_it_to_its_holder(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world)
        assert (order.state, hold_state(order), world.balance()) == ("requested", "open", 97_400)
        assert place_due_orders(now=NOW) == 1
        order.refresh_from_db()
        assert (order.state, order.attempts, order.cost_minor) == ("succeeded", 1, 2400)
        assert order.request_id == f"gl-{order.pk.hex}"
        (sale,) = tillo_emulator.sales()
        card = GiftCard.objects.get()
        assert order.card == card
        assert (card.status, card.holder_kind, card.holder_id) == (
            "claimed",
            "parcel",
            order.holder_id,
        )
        assert (card.source, card.cost_minor, card.value_minor) == ("api", 2400, 2500)
        assert open_field(card.code_encrypted, field="code") == sale.code
        assert card.expires_on == sale.expires_at.date()
        assert card.expiry_bucket == sale.expires_at.year * 100 + sale.expires_at.month
        assert (card.provider_reference, order.provider_reference) == (
            sale.reference,
            sale.reference,
        )
        assert (hold_state(order), world.balance()) == ("capture", 97_400)
        (told,) = TOLD
        assert (told.outcome, told.card_id, told.order.cost_minor) == ("sold", card.pk, 2400)
        event = ProviderOrderEvent.objects.get()
        assert (event.asked, event.outcome, event.code, event.actor) == (
            "issue",
            "sold",
            "",
            "system",
        )
        assert broken_invariants(promises=LEDGER) == {}

    def test_buys_an_order_without_charge_and_holds_nothing(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world, charge_minor=0)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, hold_state(order), world.balance()) == ("succeeded", "none", 100_000)
        assert TOLD[0].transaction_id is None

    def test_buys_ahead_for_a_pool_without_asking_anybody(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_for_pool(world, world.pool)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert (order.state, order.holder_id) == ("succeeded", None)
        card = GiftCard.objects.get()
        assert (card.status, card.source, card.holder_id) == ("available", "buffer", None)
        assert TOLD == []

    def test_buys_a_card_that_is_an_address(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        ProviderBrand.objects.create(
            provider="tillo",
            slug="apple-us",
            name="Apple",
            currency="USD",
            state="enabled",
            delivery_methods=["url"],
            synced_at=NOW,
        )
        order = order_card(world, slug="apple-us")
        assert order.delivery_method == "url"
        place_due_orders(now=NOW)
        (sale,) = tillo_emulator.sales()
        card = GiftCard.objects.get()
        assert open_field(card.url_encrypted, field="url") == sale.url
        assert (card.code_encrypted, card.last4) == ("", "")

    def test_buys_for_those_who_wait_before_it_fills_a_buffer(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        for _ in range(3):
            order_for_pool(world, world.pool)
        order = order_card(world, now=NOW + timedelta(seconds=1))
        place_due_orders(now=NOW + timedelta(seconds=2), limit=1)
        order.refresh_from_db()
        assert order.state == "succeeded"
        assert tillo_emulator.requests == {"issue": 1}

    def test_stops_for_a_while_when_the_minutes_calls_are_used_up(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        with Emulator(
            api_key=API_KEY, secret_key=SECRET_KEY, sectors=(SECTOR,), rate_limit=3
        ) as emulator:
            buying.TILLO_BASE_URL = emulator.base_url
            orders = [order_card(world) for _ in range(30)]
            place_due_orders(now=NOW)
            # Of those that were under way some are turned away; then nothing more is sent.
            assert len(emulator.sales()) == 3
            assert 3 < emulator.requests["issue"] <= 3 + CALLS_AT_ONCE
            asked = emulator.requests["issue"]
            place_due_orders(now=NOW + timedelta(seconds=1))
            assert emulator.requests["issue"] == asked + 1  # one finds out whether it may again
            assert {told.outcome for told in TOLD} == {"sold"}
        # With calls left again, all the others are bought.
        buying.TILLO_BASE_URL = tillo_emulator.base_url
        place_due_orders(now=NOW + LATER)
        assert len(tillo_emulator.sales()) == 27
        assert {told.holder_id for told in TOLD} == {order.holder_id for order in orders}
        assert len(TOLD) == 30
        assert broken_invariants(promises=LEDGER) == {}

    def test_leaves_alone_what_is_not_due_or_another_has(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order_card(world, now=NOW + timedelta(seconds=60))
        taken = order_card(world)
        (claim,) = claim_due_orders(provider="tillo", limit=5, now=NOW)
        assert claim.order_id == taken.pk
        assert place_due_orders(now=NOW) == 0
        assert tillo_emulator.requests == {}

    def test_buys_nothing_for_a_holder_that_nobody_speaks_for(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world, holder_kind="nobody")
        assert place_due_orders(now=NOW) == 0
        assert tillo_emulator.requests == {}
        order.refresh_from_db()
        assert (order.state, order.tries, order.may_be_done) == ("requested", 0, False)
        alert = Alert.objects.get()
        assert "'nobody'" in alert.message
        assert alert.severity == "critical"

    def test_buys_with_two_workers_at_once_each_order_once(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        orders = [order_card(world) for _ in range(12)]
        done = run_at_once(2, lambda: place_due_orders(now=NOW))
        assert sum(number for number in done if isinstance(number, int)) == 12
        assert len(tillo_emulator.sales()) == 12
        assert tillo_emulator.requests == {"issue": 12}
        assert {told.holder_id for told in TOLD} == {order.holder_id for order in orders}
        assert len(TOLD) == 12
        assert broken_invariants(promises=LEDGER) == {}


class TestAfterAnUnclearAnswer:
    @pytest.mark.parametrize(("fault", "outcome", "sold"), UNCLEAR)
    def test_the_same_id_again_brings_the_one_card(
        self,
        world: World,
        buying: Settings,
        tillo_emulator: Emulator,
        fault: dict[str, object],
        outcome: str,
        sold: bool,
    ) -> None:
        tillo_emulator.set_faults([{"match": {"request": "issue", "nth": 1}, **fault}])
        order = order_card(world)
        place_due_orders(now=NOW)
        tillo_emulator.wait_until_quiet()
        order.refresh_from_db()
        first = ProviderOrderEvent.objects.get()
        assert first.outcome == outcome
        assert (order.state, order.card_id, hold_state(order)) == ("requested", None, "open")
        assert order.next_attempt_at is not None
        assert order.next_attempt_at > NOW
        assert TOLD == []
        assert len(tillo_emulator.sales()) == int(sold)

        run_rounds(order)
        assert order.state == "succeeded"
        (sale,) = tillo_emulator.sales()
        assert sale.request_id == order.request_id
        assert GiftCard.objects.get().provider_reference == sale.reference
        assert (hold_state(order), told_of(order)) == ("capture", ["sold"])
        assert (order.may_be_done, order.in_doubt_until) == (False, None)
        assert broken_invariants(promises=LEDGER) == {}

    def test_it_waits_as_long_as_it_was_asked_to(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults(
            [{"match": {"request": "issue", "nth": 1}, "action": "rate_limited", "retry_after": 30}]
        )
        order = order_card(world)
        place_due_orders(now=NOW)
        order.refresh_from_db()
        assert order.next_attempt_at is not None
        assert order.next_attempt_at - NOW >= timedelta(seconds=30)
        # Turned away at the door: it is known that this attempt bought nothing.
        assert (order.may_be_done, order.error_code) == (False, "211")

    def test_it_keeps_to_the_schedule_and_then_asks_for_a_person(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"match": {"request": "issue"}, "action": "drop"}])
        order = order_card(world)
        run_rounds(order)
        assert (order.state, order.attempts, hold_state(order)) == ("unknown", 8, "open")
        assert (order.may_be_done, order.next_attempt_at, order.leased_until) == (True, None, None)
        assert told_of(order) == ["unknown"]
        assert len(tillo_emulator.sales()) == 1
        times = list(ProviderOrderEvent.objects.order_by("pk").values_list("at", flat=True))
        waits = [(b - a).total_seconds() for a, b in pairwise(times)]
        for wait, planned in zip(waits, buying.PROVIDER_RETRY_SCHEDULE[1:], strict=True):
            assert planned <= wait <= planned * 1.25 + 2
        alert = Alert.objects.get(kind="provider_order_unknown")
        assert (alert.severity, alert.state) == ("warning", "open")
        # Nobody touches it any more but a person.
        assert place_due_orders(now=NOW + timedelta(days=3)) == 0

    def test_it_ends_without_a_card_when_no_attempt_came_through(
        self, world: World, buying: Settings
    ) -> None:
        buying.TILLO_BASE_URL = "http://127.0.0.1:9/api/v2"  # nobody listens there
        buying.PROVIDER_RETRY_SCHEDULE = (0.0, 1.0, 1.0)
        order = order_card(world)
        run_rounds(order)
        assert (order.state, order.error_code) == ("failed", "unreachable")
        assert (hold_state(order), told_of(order)) == ("release", ["not_sold"])
        assert world.balance() == 100_000


class TestWhatIsWrittenDown:
    def test_has_no_secret_in_it(
        self,
        world: World,
        buying: Settings,
        tillo_emulator: Emulator,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        tillo_emulator.set_faults(
            [{"match": {"request": "issue", "nth": 1}, "action": "malformed"}]
        )
        orders = [order_card(world, slug="target-us"), order_card(world)]
        with caplog.at_level(logging.DEBUG):
            for order in orders:
                run_rounds(order)
        sales = tillo_emulator.sales()
        assert len(sales) == 2
        secrets = {fold(secret) for sale in sales for secret in (sale.code, sale.pin) if secret}
        assert len(secrets) == 3
        printed = caplog.text
        assert "[ORDER] Recorded" in printed
        columns = json.dumps(
            [
                *ProviderOrder.objects.values(),
                *ProviderOrderEvent.objects.values(),
                *Alert.objects.values(),
                *ProviderCircuit.objects.values(),
            ],
            default=str,
        )
        for kept in (printed, columns, repr(TOLD), repr(list(ProviderOrder.objects.all()))):
            for secret in secrets:
                assert secret not in fold(kept)
        answer = ProviderOrder.objects.get(pk=orders[0].pk).answer
        assert answer["outcome"] == "sold"
        assert set(answer) == {
            "outcome",
            "reference",
            "face_value",
            "cost",
            "discount_percent",
            "float_balance",
            "expires_on",
        }
