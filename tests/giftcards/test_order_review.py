"""What a person does about an order that nobody knows the end of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from alerts.errors import ServiceError, ValidationFailedError
from alerts.models import Alert
from credit.models import AuditEvent
from giftcards.emulator import Emulator
from giftcards.models import GiftCard, ProviderOrder, ProviderOrderEvent
from giftcards.services.order_review import (
    OrderNotFoundError,
    OrderStateError,
    Reviewed,
    check_order,
    replay_order,
    reverse_order,
)
from giftcards.services.orders import place_due_orders
from tests.giftcards.ordering import LATER, hold_state, order_card, run_rounds, told_of
from tests.giftcards.test_orders import world
from tests.invariants import LEDGER, broken_invariants
from tests.races import run_at_once
from tests.world import NOW, World

__all__ = ["world"]
pytestmark = pytest.mark.django_db(transaction=True)

Act = Callable[..., Reviewed]
ACTS: list[Act] = [replay_order, check_order, reverse_order]


def get_lost(
    world: World, emulator: Emulator, *, sold: bool, slug: str = "amazon-us"
) -> ProviderOrder:
    """Return an order whose attempts were all dropped, with the provider well again."""
    emulator.set_faults([{"action": "drop", "sold": sold}])
    order = order_card(world, slug=slug)
    run_rounds(order)
    assert order.state == "unknown"
    emulator.set_faults([])
    return order


def act(which: Act, order: ProviderOrder, **changes: object) -> Reviewed:
    facts = {"order_id": order.pk, "actor": "user:7", "reason": "asked by Ana", "now": NOW + LATER}
    result = which(**{**facts, **changes})
    order.refresh_from_db()
    return result


def assert_audited(order: ProviderOrder, action: str) -> None:
    event = AuditEvent.objects.get(object_id=str(order.pk))
    assert (event.action, event.actor, event.client_id) == (action, "user:7", order.client_id)
    assert event.details["reason"] == "asked by Ana"


class TestReplayOrder:
    @pytest.mark.parametrize("sold", [True, False])
    def test_gives_it_to_the_workers_again_under_its_own_id(
        self, world: World, buying: Settings, tillo_emulator: Emulator, sold: bool
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=sold)
        reviewed = act(replay_order, order)
        assert (reviewed.state, order.state, order.tries) == ("requested", "requested", 0)
        assert hold_state(order) == "open"
        place_due_orders(now=NOW + LATER)
        order.refresh_from_db()
        assert (order.state, hold_state(order)) == ("succeeded", "capture")
        assert told_of(order) == ["unknown", "in_work", "sold"]
        assert len(tillo_emulator.sales()) == 1
        assert_audited(order, "provider_order.replayed")
        assert Alert.objects.get(kind="provider_order_unknown").state == "resolved"
        assert broken_invariants(promises=LEDGER) == {}

    def test_that_is_refused_ends_it_when_the_provider_knows_of_no_sale(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=False)
        tillo_emulator.set_brand_state("amazon-us", "PAUSED")
        act(replay_order, order)
        place_due_orders(now=NOW + LATER)
        order.refresh_from_db()
        assert (order.state, order.error_code) == ("failed", "726")
        assert (hold_state(order), world.balance()) == ("release", 100_000)
        assert told_of(order) == ["unknown", "in_work", "not_sold"]

    def test_never_follows_an_attempt_to_take_it_back(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=True)
        # It is taken back, and nobody hears of it: sent again, the provider would answer with the
        # card that is worth nothing any more.
        tillo_emulator.set_faults([{"match": {"request": "reverse"}, "action": "drop"}])
        act(reverse_order, order)
        assert (order.state, order.undo_asked_at is not None) == ("unknown", True)
        assert [sale.status for sale in tillo_emulator.sales()] == ["CANCELLED"]
        with pytest.raises(OrderStateError):
            act(replay_order, order, now=NOW + 2 * LATER)
        assert not GiftCard.objects.exists()


class TestCheckOrder:
    def test_binds_the_card_that_was_sold(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=True)
        reviewed = act(check_order, order)
        assert (reviewed.state, reviewed.answer) == ("succeeded", "sold")
        assert (order.state, hold_state(order), order.settled_by) == (
            "succeeded",
            "capture",
            "user:7",
        )
        assert told_of(order) == ["unknown", "sold"]
        assert GiftCard.objects.get().holder_id == order.holder_id
        assert_audited(order, "provider_order.checked")
        event = ProviderOrderEvent.objects.order_by("pk").last()
        assert event is not None
        assert (event.asked, event.outcome, event.actor) == ("status", "sold", "user:7")

    def test_gives_the_credit_back_for_what_was_cancelled_there(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=True)
        tillo_emulator.set_faults([{"match": {"request": "reverse"}, "action": "drop"}])
        act(reverse_order, order)
        reviewed = act(check_order, order, now=NOW + 2 * LATER)
        assert (reviewed.state, order.error_code) == ("failed", "cancelled")
        assert (hold_state(order), world.balance()) == ("release", 100_000)
        assert told_of(order) == ["unknown", "not_sold"]

    def test_leaves_it_open_where_not_known_is_no_proof(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=False)
        reviewed = act(check_order, order)
        assert (reviewed.state, reviewed.answer) == ("unknown", "not_found")
        assert (order.state, hold_state(order), told_of(order)) == ("unknown", "open", ["unknown"])

    def test_leaves_it_open_when_there_is_no_answer(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=True)
        tillo_emulator.set_faults([{"match": {"request": "status"}, "action": "drop"}])
        reviewed = act(check_order, order)
        assert (reviewed.state, reviewed.answer) == ("unknown", "unknown")
        assert (order.leased_until, hold_state(order)) == (None, "open")


class TestReverseOrder:
    def test_takes_the_sale_back_and_gives_the_credit_back(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        before = tillo_emulator.floats_now["USD"]
        order = get_lost(world, tillo_emulator, sold=True)
        reviewed = act(reverse_order, order)
        assert (reviewed.state, reviewed.answer) == ("reversed", "undone")
        assert (order.state, order.settled_by, order.card_id) == ("reversed", "user:7", None)
        assert (hold_state(order), world.balance()) == ("release", 100_000)
        assert told_of(order) == ["unknown", "not_sold"]
        assert [sale.status for sale in tillo_emulator.sales()] == ["CANCELLED"]
        assert tillo_emulator.floats_now["USD"] == before
        assert_audited(order, "provider_order.reversed")
        assert broken_invariants(promises=LEDGER) == {}

    def test_ends_it_when_there_is_no_such_sale(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=False)
        reviewed = act(reverse_order, order)
        assert (reviewed.state, reviewed.code) == ("failed", "724")
        assert (hold_state(order), told_of(order)) == ("release", ["unknown", "not_sold"])

    def test_waits_while_an_attempt_may_still_be_on_its_way(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=False)
        assert order.in_doubt_until is not None
        early = order.in_doubt_until - timedelta(seconds=1)
        reviewed = act(reverse_order, order, now=early)
        assert (reviewed.state, reviewed.answer, hold_state(order)) == (
            "unknown",
            "not_found",
            "open",
        )

    def test_repeated_after_no_answer_asks_for_the_same_undoing(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=True)
        tillo_emulator.set_faults([{"match": {"request": "reverse"}, "action": "drop"}])
        act(reverse_order, order)
        assert (order.state, hold_state(order)) == ("unknown", "open")
        tillo_emulator.set_faults([])
        act(reverse_order, order, now=NOW + 2 * LATER)
        assert (order.state, hold_state(order)) == ("reversed", "release")
        assert len(tillo_emulator.journal("reversed")) == 1

    def test_leaves_it_open_when_the_brand_can_not_be_undone(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=True, slug="walmart-us")
        reviewed = act(reverse_order, order)
        assert (reviewed.state, reviewed.answer, reviewed.code) == ("unknown", "cannot_undo", "720")
        # What was not taken back is bound after all, once the provider says that it stands.
        act(check_order, order, now=NOW + 2 * LATER)
        assert (order.state, hold_state(order)) == ("succeeded", "capture")


class TestEachOfThem:
    @pytest.mark.parametrize("which", ACTS)
    def test_is_refused_in_any_other_state(
        self, world: World, buying: Settings, tillo_emulator: Emulator, which: Act
    ) -> None:
        order = order_card(world)
        for state in ("requested", "succeeded"):
            with pytest.raises(OrderStateError) as refusal:
                act(which, order)
            assert isinstance(refusal.value, ServiceError)
            assert (refusal.value.code.code, refusal.value.state) == ("GC-115", state)
            place_due_orders(now=NOW)
        assert not AuditEvent.objects.exists()
        assert tillo_emulator.requests == {"issue": 1}

    @pytest.mark.parametrize("which", ACTS)
    def test_needs_a_reason_and_an_order(
        self, world: World, buying: Settings, tillo_emulator: Emulator, which: Act
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=True)
        for reason in ("", "  ", "x" * 201):
            with pytest.raises(ValidationFailedError):
                act(which, order, reason=reason)
        with pytest.raises(OrderNotFoundError):
            act(which, order, order_id=uuid4())
        assert (order.state, AuditEvent.objects.count()) == ("unknown", 0)

    def test_by_two_people_at_once_is_done_by_one(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = get_lost(world, tillo_emulator, sold=True)
        tillo_emulator.set_faults(
            [{"match": {"request": "reverse"}, "action": "slow", "seconds": 0.2}]
        )
        results = run_at_once(4, lambda: act(reverse_order, order).state)
        assert sum(result == "reversed" for result in results) == 1
        assert sum(isinstance(result, OrderStateError) for result in results) == 3
        assert len(tillo_emulator.journal("reversed")) == 1
        order.refresh_from_db()
        assert (hold_state(order), told_of(order)) == ("release", ["unknown", "not_sold"])
