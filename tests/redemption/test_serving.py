from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import QuerySet

from alerts.models import Alert
from alerts.transactions import transaction
from credit.models import Entry
from giftcards.models import ClientBrand, GiftCard
from redemption.models import (
    Campaign,
    Condition,
    PendingReward,
    ProvisioningTrace,
    Recipient,
    Redemption,
)
from redemption.services.redeem import Caller, Contact, RedeemResult, redeem
from redemption.services.serving import ServingResult, serve_waiting
from redemption.services.stock_alerts import settle_stock_alerts
from sms.models import Message, OptIn
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(minutes=10)
STATE = Redemption.State


def ask(code: str, *, to: str = "+15005550100", **changes: Any) -> RedeemResult:
    """Redeem as a customer on the web."""
    return redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id=f"r-{code}"),
        contact=Contact(method="sms", to=to),
        code=code,
        now=NOW,
        **changes,
    )


def queue_up(world: World, count: int, **changes: Any) -> list[UUID]:
    """Let people redeem from an empty pool; return their redemptions in order."""
    return [
        ask(code, to=f"+1500555{number:04}", **changes).redemption_id
        for number, code in enumerate(world.invite(count))
    ]


def serve(*, limit: int = 100) -> ServingResult:
    """Run one round ten minutes later."""
    return serve_waiting(now=LATER, limit=limit)


def states(ids: list[UUID]) -> list[str]:
    """Return the states of redemptions in the order of ``ids``."""
    by_id = dict(Redemption.objects.values_list("pk", "state"))
    return [by_id[pk] for pk in ids]


def rewards() -> QuerySet[Message]:
    """Return the texts that bring a reward; a notice of the delay is none."""
    return Message.objects.filter(purpose="reward")


def debits(world: World) -> int:
    """Count the charges on the client's account."""
    return Entry.objects.filter(account=world.account, amount_minor__lt=0).count()


def add_campaign(world: World, *, pool: Any, name: str = "Second") -> Campaign:
    """Add a second campaign of the client with one condition of the same card."""
    campaign = Campaign.objects.create(
        client=world.client, name=name, status=Campaign.Status.ACTIVE, account=world.account
    )
    Condition.objects.create(
        campaign=campaign,
        number=1,
        name="Came again",
        brand=world.brand,
        card_value_minor=2500,
        pool=pool,
    )
    return campaign


class TestServeWaiting:
    def test_gives_three_cards_to_the_first_three_of_five(self) -> None:
        world = build_world()
        ids = queue_up(world, 5)
        cards = world.stock(3)
        assert serve() == ServingResult(served=3, refused=0, empty_conditions=1)
        assert states(ids) == [STATE.ISSUED] * 3 + [STATE.WAITING_STOCK] * 2
        served = Redemption.objects.filter(pk__in=ids[:3])
        assert {row.card_id for row in served} == {card.pk for card in cards}
        assert {row.issued_at for row in served} == {LATER}
        messages = rewards().order_by("to")
        assert [(m.to, m.state, m.reference_id) for m in messages] == [
            (f"+1500555{number:04}", "queued", ids[number]) for number in range(3)
        ]
        assert debits(world) == 3
        assert world.balance() == 100_000 - 3 * 2500
        pending = PendingReward.objects.order_by("pk").values_list("redemption_id", "served_at")
        assert list(pending) == [(pk, LATER) for pk in ids[:3]] + [(pk, None) for pk in ids[3:]]

    def test_changes_nothing_while_no_card_has_come(self) -> None:
        world = build_world()
        ids = queue_up(world, 3)
        traces = ProvisioningTrace.objects.count()
        assert serve() == ServingResult(served=0, refused=0, empty_conditions=1)
        assert states(ids) == [STATE.WAITING_STOCK] * 3
        assert (rewards().count(), debits(world)) == (0, 0)
        assert ProvisioningTrace.objects.count() == traces

    def test_finds_nothing_the_second_time(self) -> None:
        world = build_world()
        queue_up(world, 2)
        world.stock(5)
        assert serve().served == 2
        assert serve() == ServingResult(served=0, refused=0, empty_conditions=0)
        assert (rewards().count(), debits(world)) == (2, 2)

    def test_keeps_the_order_across_campaigns_that_share_a_pool(self) -> None:
        world = build_world()
        second = add_campaign(world, pool=world.pool)
        first = queue_up(world, 1)
        other = [ask(world.invite(1, campaign=second)[0]).redemption_id]
        last = queue_up(world, 1)
        world.stock(2)
        serve()
        assert states(first + other + last) == [STATE.ISSUED, STATE.ISSUED, STATE.WAITING_STOCK]

    def test_lets_no_empty_pool_block_another(self) -> None:
        poor, rich = build_world(name="Birch"), build_world(name="Cedar")
        waiting = queue_up(poor, 3)
        served = queue_up(rich, 2)
        rich.stock(2)
        assert serve() == ServingResult(served=2, refused=0, empty_conditions=1)
        assert states(waiting + served) == [STATE.WAITING_STOCK] * 3 + [STATE.ISSUED] * 2

    def test_passes_over_a_long_empty_queue(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("redemption.services.serving._BATCH", 2)
        poor, rich = build_world(name="Birch"), build_world(name="Cedar")
        queue_up(poor, 5)
        served = queue_up(rich, 3)
        rich.stock(3)
        assert serve() == ServingResult(served=3, refused=0, empty_conditions=1)
        assert states(served) == [STATE.ISSUED] * 3

    def test_tries_no_more_than_its_limit(self) -> None:
        world = build_world()
        ids = queue_up(world, 4)
        world.stock(4)
        assert serve(limit=3).served == 3
        assert states(ids) == [STATE.ISSUED] * 3 + [STATE.WAITING_STOCK]

    def test_lets_one_that_fails_stop_no_other(self) -> None:
        world = build_world(credit_minor=2500)
        broke = queue_up(world, 2)
        rich = build_world(name="Cedar")
        served = queue_up(rich, 1)
        world.stock(2)
        rich.stock(1)
        result = serve()
        assert (result.served, result.refused) == (2, 1)
        assert states(broke + served) == [STATE.ISSUED, STATE.WAITING_STOCK, STATE.ISSUED]
        assert world.balance() == 0
        assert GiftCard.objects.filter(pool=world.pool, status="available").count() == 1

    def test_leaves_paused_campaigns_and_rejected_people_alone(self) -> None:
        world = build_world()
        paused = add_campaign(world, pool=world.pool)
        on_hold = ask(world.invite(1, campaign=paused)[0]).redemption_id
        codes = world.invite(2)
        rejected, fine = (ask(code).redemption_id for code in codes)
        Campaign.objects.filter(pk=paused.pk).update(status=Campaign.Status.PAUSED)
        Recipient.objects.filter(pk=world.recipient(codes[0]).pk).update(
            approval=Recipient.Approval.REJECTED
        )
        world.stock(3)
        assert serve() == ServingResult(served=1, refused=0, empty_conditions=0)
        assert states([on_hold, rejected, fine]) == ["waiting_stock", "waiting_stock", "issued"]
        assert not ProvisioningTrace.objects.filter(status="refused").exists()

    def test_serves_each_once_when_four_rounds_run_at_once(self) -> None:
        world = build_world()
        ids = queue_up(world, 8)
        world.stock(6)
        results = run_at_once(4, serve)
        assert sum(r.served for r in results if isinstance(r, ServingResult)) == 6
        assert not [result for result in results if isinstance(result, Exception)]
        assert states(ids) == [STATE.ISSUED] * 6 + [STATE.WAITING_STOCK] * 2
        assert (rewards().count(), debits(world)) == (6, 6)
        assert world.balance() == 100_000 - 6 * 2500

    def test_passes_over_whose_card_is_not_offered_until_it_is_again(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        first, *_ = queue_up(world, 3)
        (second,) = queue_up(other, 1)
        world.stock(3)
        other.stock(1)
        ClientBrand.objects.create(client=world.client, brand=world.brand, is_offered=False)
        traces = ProvisioningTrace.objects.filter(status="refused")
        assert serve(limit=1) == ServingResult(served=1, refused=0, empty_conditions=0)
        assert states([first, second]) == [STATE.WAITING_STOCK, STATE.ISSUED]
        assert serve() == ServingResult(served=0, refused=0, empty_conditions=0)
        assert not traces.exists()
        ClientBrand.objects.update(is_offered=True)
        assert serve() == ServingResult(served=3, refused=0, empty_conditions=0)


class TestServeWaitingWithADecision:
    def test_serves_who_was_approved_and_not_who_still_waits(self) -> None:
        world = build_world()
        Campaign.objects.update(approval_required=True)
        world.campaign.refresh_from_db()
        codes = world.invite(2)
        ids = [ask(code).redemption_id for code in codes]
        world.stock(2)
        Recipient.objects.filter(pk=world.recipient(codes[1]).pk).update(
            approval=Recipient.Approval.APPROVED
        )
        assert serve() == ServingResult(served=1, refused=0, empty_conditions=0)
        assert states(ids) == [STATE.WAITING_APPROVAL, STATE.ISSUED]
        assert [m.reference_id for m in Message.objects.all()] == [ids[1]]

    def test_serves_who_opted_in_by_the_number_that_was_given(self) -> None:
        world = build_world()
        Campaign.objects.update(opt_in_required=True)
        codes = world.invite(2)
        ids = [
            ask(code, to=f"+1500555000{number}").redemption_id for number, code in enumerate(codes)
        ]
        assert states(ids) == [STATE.WAITING_OPT_IN] * 2
        world.stock(2)
        OptIn.objects.filter(phone="+15005550001").update(state=OptIn.State.GRANTED)
        OptIn.objects.filter(phone="+15005550000").update(state=OptIn.State.REVOKED)
        assert serve().served == 1
        assert states(ids) == [STATE.WAITING_OPT_IN, STATE.ISSUED]
        rewards = Message.objects.filter(purpose="reward")
        assert [m.to for m in rewards] == ["+15005550001"]

    def test_lets_nobody_whose_card_is_not_offered_stand_in_the_way(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        Campaign.objects.update(approval_required=True)
        ids = [ask(each.invite()[0]).redemption_id for each in (world, other)]
        other.stock(1)
        world.stock(1)
        Recipient.objects.update(approval=Recipient.Approval.APPROVED)
        ClientBrand.objects.create(client=world.client, brand=world.brand, is_offered=False)
        assert serve(limit=1) == ServingResult(served=1, refused=0, empty_conditions=0)
        assert states(ids) == [STATE.WAITING_APPROVAL, STATE.ISSUED]

    def test_joins_the_queue_at_its_end_when_no_card_is_left(self) -> None:
        world = build_world()
        Campaign.objects.update(approval_required=True)
        world.campaign.refresh_from_db()
        (early,) = world.invite(1)
        approved_late = ask(early).redemption_id
        Campaign.objects.update(approval_required=False)
        world.campaign.refresh_from_db()
        waiting = queue_up(world, 2)
        Recipient.objects.filter(pk=world.recipient(early).pk).update(
            approval=Recipient.Approval.APPROVED
        )
        world.stock(1)
        assert serve().served == 1
        assert states([*waiting, approved_late]) == ["issued", "waiting_stock", "waiting_stock"]
        places = PendingReward.objects.order_by("pk").values_list("redemption_id", flat=True)
        assert list(places) == [*waiting, approved_late]


class TestStockAlert:
    def test_is_raised_once_by_the_first_to_wait(self) -> None:
        world = build_world()
        queue_up(world, 3)
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.state) == ("out_of_stock", "critical", "open")
        assert alert.count == 3
        assert alert.subject == "Out of cards: Acorn Shop $25.00, Acorn campaign"
        assert alert.message.startswith("3 people wait. Upload or buy cards for the pool Acorn")
        assert alert.client_id == world.client.pk
        assert alert.data == {
            "campaign_id": str(world.campaign.pk),
            "condition_number": 1,
            "pool_id": str(world.pool.pk),
            "waiting": 3,
        }

    def test_is_not_raised_again_by_who_asks_again(self) -> None:
        world = build_world()
        (code,) = world.invite(1)
        ask(code)
        ask(code)
        assert Alert.objects.get().count == 1

    def test_is_not_raised_while_there_are_cards(self) -> None:
        world = build_world()
        world.stock(1)
        queue_up(world, 1)
        assert not Alert.objects.exists()

    def test_is_resolved_when_the_queue_is_empty_and_not_before(self) -> None:
        world = build_world()
        queue_up(world, 2)
        world.stock(1)
        serve()
        alert = Alert.objects.get()
        assert (alert.state, alert.count) == ("open", 2)
        world.stock(1)
        serve()
        alert.refresh_from_db()
        assert (alert.state, alert.resolved_at) == ("resolved", LATER)

    def test_is_raised_by_the_next_round_when_it_is_missing(self) -> None:
        world = build_world()
        queue_up(world, 1)
        with transaction():
            Alert.objects.all().delete()
        settle_stock_alerts(now=LATER)
        settle_stock_alerts(now=LATER)
        alert = Alert.objects.get()
        assert (alert.state, alert.count, alert.first_seen_at) == ("open", 1, LATER)

    def test_leaves_alerts_of_other_kinds_alone(self) -> None:
        Alert.objects.create(
            kind="pool_low", severity="warning", subject="x", dedupe_key="pool_low:1"
        )
        serve()
        assert Alert.objects.get().state == "open"
