"""What becomes of a redemption when its card is bought from the emulator, or is not."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from alerts.models import Alert
from alerts.transactions import transaction
from credit.models import Entry, Transaction
from credit.selectors.viewers import SYSTEM
from giftcards.emulator import Emulator
from giftcards.models import GiftCard
from giftcards.services.order_review import replay_order, reverse_order
from redemption.models import Campaign, PendingReward, ProvisioningTrace, Redemption, RevealLink
from redemption.selectors.redemptions import find_redemption
from redemption.services.budgets import review_budgets
from redemption.services.outcomes import record_outcome
from redemption.services.redeem import Contact
from redemption.services.serving import ServingResult, serve_waiting
from sms.models import Message
from sms.services.parties import MessageEvent, Outcome
from tests.invariants import broken_invariants
from tests.redemption.asking import TEXT, ask
from tests.redemption.buying import build_buying_world, orders, steps, work
from tests.world import NOW, World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]

SOON = NOW + timedelta(seconds=10)
# Beyond every wait in the schedule and every pause of the circuit.
LATER = NOW + timedelta(hours=2)
DAY = NOW + timedelta(days=1, hours=1)
DOWN: list[dict[str, Any]] = [{"action": "error", "code": "706"}]


@pytest.fixture
def world() -> World:
    return build_buying_world()


def order_one(world: World, **changes: Any) -> Redemption:
    """Let one person redeem a code whose card has to be bought."""
    result = ask(world.invite()[0], **changes)
    assert result.state == "provisioning"
    return Redemption.objects.get(pk=result.redemption_id)


def rewards() -> list[Message]:
    return list(Message.objects.filter(purpose="reward"))


class TestSold:
    def test_issues_the_card_that_was_bought(self, world: World, tillo_emulator: Emulator) -> None:
        world.agency.brands.create(brand=world.brand, markup_basis_points=400)
        row = order_one(world)
        assert work(now=SOON) == 1
        row.refresh_from_db()
        (sale,) = tillo_emulator.sales()
        card = GiftCard.objects.get()
        assert (row.state, row.reason_code, row.source) == ("issued", "", "api")
        assert (row.card_id, row.delivered_at) == (card.pk, None)
        assert row.issued_at is not None
        assert timedelta(0) <= row.issued_at - SOON < timedelta(seconds=5)
        assert (card.status, card.holder_kind, card.holder_id) == ("claimed", "redemption", row.pk)
        assert (card.source, card.last4, card.disclosed_at) == ("api", sale.code[-4:], None)
        # What it cost is what the provider took, not the value and not the pool's guess.
        cost_minor = int(sale.cost * 100)
        assert 0 < cost_minor < 2500
        assert (row.face_value_minor, row.charged_minor, row.cost_minor) == (2500, 2600, cost_minor)
        assert row.agency_margin_minor == 100
        assert row.platform_margin_minor == 2500 - cost_minor
        capture = Transaction.objects.get(kind="capture")
        assert row.transaction_id == capture.pk
        assert world.balance() == 100_000 - 2600
        assert not Transaction.objects.filter(kind="redemption").exists()
        (message,) = rewards()
        assert (message.to, message.channel, message.state) == (TEXT.to, "sms", "queued")
        assert (message.reference_id, message.next_attempt_at) == (row.pk, row.issued_at)
        assert card.expires_on is not None
        assert message.values["first_name"] == "Ana"
        assert message.values["expires_on"] == card.expires_on.isoformat()
        assert RevealLink.objects.get().expires_at == row.issued_at + timedelta(days=90)
        assert len(tillo_emulator.journal("sold")) == 1
        assert broken_invariants() == {}

    def test_leaves_a_row_for_every_step(self, world: World) -> None:
        row = order_one(world)
        work(now=SOON)
        assert steps(row.pk) == [
            ("claim_card", "empty", "GC-003"),
            ("find_route", "ok", ""),
            ("place_order", "ok", ""),
            ("call_provider", "ok", ""),
            ("capture", "ok", ""),
        ]
        call = ProvisioningTrace.objects.get(step="call_provider")
        assert (call.request_id, call.milliseconds > 0) == ("request-1", True)
        assert call.message == "tillo, issue 1: sold"
        card = GiftCard.objects.get()
        assert card.last4 not in str(list(ProvisioningTrace.objects.values()))

    def test_tells_what_was_left_after_the_hold(self, world: World) -> None:
        row = order_one(world)
        work(now=SOON)
        facts = find_redemption(viewer=SYSTEM, redemption_id=row.pk)
        assert (facts.charged_minor, facts.balance_minor) == (2500, 97_500)

    def test_sends_no_text_to_who_wants_none(self, world: World) -> None:
        row = order_one(world, contact=Contact(method="none"))
        work(now=SOON)
        row.refresh_from_db()
        assert row.state == "issued"
        assert not Message.objects.exists()

    def test_buys_no_second_card_when_the_text_fails(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        row = order_one(world)
        work(now=SOON)
        (message,) = rewards()
        with transaction():
            record_outcome(
                events=[
                    MessageEvent(
                        message_id=message.pk,
                        client_id=message.client_id,
                        purpose=message.purpose,
                        channel=message.channel,
                        reference_kind=message.reference_kind,
                        reference_id=message.reference_id,
                        outcome=Outcome.GIVEN_UP,
                        state="failed",
                        error_code="30003",
                    )
                ],
                now=SOON,
            )
        serve_waiting(now=LATER, limit=10)
        work(now=LATER)
        row.refresh_from_db()
        assert (row.state, len(orders())) == ("issued", 1)
        assert len(tillo_emulator.journal("sold")) == 1

    def test_serves_who_asked_first_before_who_asked_later(self, world: World) -> None:
        first, second = order_one(world), order_one(world)
        work(now=SOON)
        assert set(Redemption.objects.values_list("state", flat=True)) == {"issued"}
        assert first.pk != second.pk
        assert GiftCard.objects.count() == 2


class TestSoldAfterTries:
    @pytest.mark.parametrize(
        "fault",
        [
            {"action": "drop", "sold": True},
            {"action": "status", "status": 502, "sold": True},
            {"action": "malformed", "sold": True},
            {"action": "error", "code": "603"},
        ],
        ids=lambda fault: fault["action"],
    )
    def test_buys_one_card_and_charges_once(
        self, world: World, tillo_emulator: Emulator, fault: dict[str, Any]
    ) -> None:
        tillo_emulator.set_faults([{"match": {"nth": 1}, **fault}])
        row = order_one(world)
        work(now=NOW)
        row.refresh_from_db()
        assert (row.state, row.reason_code, GiftCard.objects.count()) == (
            "provisioning",
            "GC-005",
            0,
        )
        assert world.balance() == 97_500
        assert broken_invariants() == {}
        work(now=LATER)
        row.refresh_from_db()
        assert row.state == "issued"
        assert len(tillo_emulator.journal("sold")) == 1
        assert world.balance() == 97_500
        calls = [step for step in steps(row.pk) if step[0] == "call_provider"]
        assert [code for _, _, code in calls] == ["GC-005", ""]
        assert broken_invariants() == {}


class TestNotSold:
    def test_waits_with_its_money_back_and_a_notice(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults(DOWN)
        row = order_one(world)
        work(now=SOON)
        row.refresh_from_db()
        assert (row.state, row.reason_code) == ("waiting_stock", "GC-003")
        assert (row.charged_minor, row.transaction_id, row.card_id) == (None, None, None)
        assert world.balance() == 100_000
        pending = PendingReward.objects.get()
        assert (pending.redemption_id, pending.served_at) == (row.pk, None)
        assert pending.created_at == NOW
        assert pending.promised_by - pending.call_back_by == timedelta(hours=23.5)
        assert timedelta(hours=24) <= pending.promised_by - SOON < timedelta(hours=24, seconds=5)
        assert [m.purpose for m in Message.objects.all()] == ["delay_notice"]
        assert Alert.objects.filter(kind="out_of_stock", severity="critical").count() == 1
        assert steps(row.pk)[3:] == [
            ("call_provider", "route_closed", "GC-005"),
            ("release", "ok", ""),
        ]
        assert tillo_emulator.sales() == []
        assert broken_invariants() == {}

    def test_fails_where_nobody_may_wait_and_the_code_is_good_again(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        world.campaign.queue_when_empty = False
        world.campaign.save()
        tillo_emulator.set_faults(DOWN)
        (code,) = world.invite()
        first = ask(code)
        work(now=SOON)
        row = Redemption.objects.get()
        assert (row.state, row.reason_code) == ("failed", "GC-005")
        assert row.failed_at is not None
        assert world.balance() == 100_000
        assert not Message.objects.exists()
        assert not PendingReward.objects.exists()
        tillo_emulator.set_faults([])
        second = ask(code, now=LATER)
        assert second.redemption_id != first.redemption_id
        work(now=LATER)
        assert sorted(Redemption.objects.values_list("state", flat=True)) == ["failed", "issued"]
        assert broken_invariants() == {}

    def test_lets_a_campaign_go_on_that_its_hold_had_depleted(
        self, tillo_emulator: Emulator
    ) -> None:
        world = build_buying_world(credit_minor=2500)
        tillo_emulator.set_faults(DOWN)
        order_one(world)
        assert Campaign.objects.get().status == "depleted"
        work(now=SOON)
        assert Campaign.objects.get().status == "active"
        review_budgets(now=LATER)
        assert Campaign.objects.get().status == "active"

    def test_keeps_the_place_and_writes_no_second_notice(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults(DOWN)
        row = order_one(world)
        work(now=SOON)
        place = PendingReward.objects.get()
        assert serve_waiting(now=LATER, limit=10).ordered == 1
        row.refresh_from_db()
        assert (row.state, row.reason_code) == ("provisioning", "GC-005")
        work(now=LATER)
        row.refresh_from_db()
        assert row.state == "waiting_stock"
        again = PendingReward.objects.get()
        assert (again.pk, again.promised_by) == (place.pk, place.promised_by)
        assert Message.objects.count() == 1
        assert [order.state for order in orders()] == ["failed", "failed"]


class TestUnknown:
    def tire_out(self, world: World, tillo_emulator: Emulator) -> Redemption:
        tillo_emulator.set_faults([{"action": "drop", "sold": True}])
        row = order_one(world)
        for hours in range(12):
            work(now=NOW + timedelta(hours=2 * hours))
        row.refresh_from_db()
        return row

    def test_is_unconfirmed_and_keeps_its_hold(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        row = self.tire_out(world, tillo_emulator)
        assert (row.state, row.reason_code) == ("unconfirmed", "GC-005")
        assert orders()[0].state == "unknown"
        assert world.balance() == 97_500
        assert not Message.objects.exists()
        again = ask(None, recipient_id=row.recipient_id)
        assert (again.redemption_id, again.state) == (row.pk, "unconfirmed")
        assert broken_invariants() == {}

    def test_is_issued_after_all_when_a_person_sends_it_again(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        row = self.tire_out(world, tillo_emulator)
        tillo_emulator.set_faults([])
        replay_order(order_id=orders()[0].pk, actor="user:1", reason="They are back", now=DAY)
        row.refresh_from_db()
        assert (row.state, row.reason_code) == ("provisioning", "GC-005")
        work(now=DAY)
        row.refresh_from_db()
        assert row.state == "issued"
        assert len(tillo_emulator.journal("sold")) == 1
        assert world.balance() == 97_500
        calls = [step for step in steps(row.pk) if step[0] == "call_provider"]
        # Each attempt stands there once, though the order was settled twice.
        assert len(calls) == orders()[0].events.count()
        assert [code for _, _, code in calls] == ["GC-005"] * (len(calls) - 1) + [""]
        assert broken_invariants() == {}

    def test_waits_for_another_card_when_a_person_takes_it_back(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        row = self.tire_out(world, tillo_emulator)
        tillo_emulator.set_faults([])
        reverse_order(order_id=orders()[0].pk, actor="user:1", reason="Never answered", now=DAY)
        row.refresh_from_db()
        assert (row.state, row.reason_code) == ("waiting_stock", "GC-003")
        assert world.balance() == 100_000
        assert serve_waiting(now=DAY, limit=10).ordered == 1
        work(now=DAY)
        row.refresh_from_db()
        assert row.state == "issued"
        assert [order.state for order in orders()] == ["reversed", "succeeded"]
        assert len(tillo_emulator.journal("reversed")) == 1
        assert world.balance() == 97_500
        assert broken_invariants() == {}

    def test_is_not_served_by_the_queue(self, world: World, tillo_emulator: Emulator) -> None:
        self.tire_out(world, tillo_emulator)
        world.stock(3)
        assert serve_waiting(now=LATER, limit=10) == ServingResult(
            served=0, refused=0, empty_conditions=0
        )
        assert GiftCard.objects.filter(status="available").count() == 3


class TestMoney:
    def test_of_many_orders_adds_up(self, world: World, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults(
            [
                {"match": {"every": 3}, "action": "drop", "sold": True},
                {"match": {"every": 4}, "action": "error", "code": "725"},
            ]
        )
        for code in world.invite(12):
            ask(code)
        for hours in range(6):
            work(now=NOW + timedelta(hours=2 * hours))
        issued = Redemption.objects.filter(state="issued").count()
        waiting = Redemption.objects.filter(state="waiting_stock").count()
        assert issued + waiting == 12
        assert (issued, waiting) != (12, 0)
        assert len(tillo_emulator.journal("sold")) == issued == GiftCard.objects.count()
        assert world.balance() == 100_000 - issued * 2500
        spent = sum(sale.cost for sale in tillo_emulator.sales())
        cost = sum(row.cost_minor or 0 for row in Redemption.objects.filter(state="issued"))
        assert Decimal(cost) == spent * 100
        assert not Entry.objects.filter(account__purpose="held").exclude(amount_minor=0).count() % 2
        assert broken_invariants() == {}
