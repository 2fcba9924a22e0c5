"""Those who wait are served through the provider too: in their order, and not all at once."""

from datetime import timedelta
from uuid import UUID

import pytest
from pytest_django import Settings

from giftcards.emulator import Emulator
from redemption.models import PendingReward, Redemption
from redemption.services.serving import MOST_IN_WORK, ServingResult, serve_waiting
from sms.models import Message
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.redemption.buying import WITH_FALLBACK, build_buying_world, orders, work
from tests.world import NOW, World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]

SOON = NOW + timedelta(seconds=10)
# Beyond every wait in the schedule and every pause of the circuit.
LATER = NOW + timedelta(hours=2)


class TestServing:
    def queue_up(self, world: World, count: int) -> list[UUID]:
        return [
            ask(code, now=NOW + timedelta(milliseconds=number)).redemption_id
            for number, code in enumerate(world.invite(count))
        ]

    def test_serves_in_order_when_the_provider_is_there_again(
        self, tillo_emulator: Emulator
    ) -> None:
        world = build_buying_world(method=WITH_FALLBACK)
        tillo_emulator.set_brand_state("amazon-us", "PAUSED")
        ids = self.queue_up(world, 3)
        work(now=SOON)
        assert [m.purpose for m in Message.objects.all()] == ["delay_notice"] * 3
        tillo_emulator.set_brand_state("amazon-us", "ENABLED")
        result = serve_waiting(now=LATER, limit=2)
        assert result == ServingResult(served=0, refused=0, empty_conditions=0, ordered=2)
        states = dict(Redemption.objects.values_list("pk", "state"))
        assert [states[pk] for pk in ids] == ["provisioning", "provisioning", "waiting_stock"]
        work(now=LATER)
        serve_waiting(now=LATER, limit=10)
        work(now=LATER)
        assert set(Redemption.objects.values_list("state", flat=True)) == {"issued"}
        assert not PendingReward.objects.filter(served_at=None).exists()
        assert Message.objects.filter(purpose="reward").count() == 3
        assert broken_invariants() == {}

    def test_gives_what_lies_in_stock_before_it_orders(self) -> None:
        world = build_buying_world(method="csv_only")
        self.queue_up(world, 3)
        world.pool.purchase_method = WITH_FALLBACK
        world.pool.save()
        world.stock(1)
        result = serve_waiting(now=SOON, limit=10)
        assert result == ServingResult(served=1, refused=0, empty_conditions=0, ordered=2)

    def test_orders_for_no_more_than_may_be_in_work(self) -> None:
        world = build_buying_world(method="csv_only", credit_minor=1_000_000)
        ids = self.queue_up(world, MOST_IN_WORK + 4)
        world.pool.purchase_method = WITH_FALLBACK
        world.pool.save()
        assert serve_waiting(now=SOON, limit=100).ordered == MOST_IN_WORK
        assert serve_waiting(now=SOON, limit=100).ordered == 0
        assert world.balance() == 1_000_000 - MOST_IN_WORK * 2500
        states = dict(Redemption.objects.values_list("pk", "state"))
        assert [states[pk] for pk in ids] == ["provisioning"] * MOST_IN_WORK + ["waiting_stock"] * 4
        work(now=SOON)
        assert serve_waiting(now=SOON, limit=100).ordered == 4

    def test_orders_for_no_more_than_the_credit_pays(self) -> None:
        world = build_buying_world(method="csv_only", credit_minor=5000)
        self.queue_up(world, 4)
        world.pool.purchase_method = WITH_FALLBACK
        world.pool.save()
        serve_waiting(now=SOON, limit=100)
        assert len(orders()) == 2
        assert world.balance() == 0
        assert broken_invariants() == {}

    def test_lets_no_crowd_in_that_was_approved_at_once(self) -> None:
        world = build_buying_world(credit_minor=1_000_000)
        world.campaign.approval_required = True
        world.campaign.save()
        self.queue_up(world, MOST_IN_WORK + 3)
        world.campaign.recipients.update(approval="approved")
        assert serve_waiting(now=SOON, limit=100).ordered == MOST_IN_WORK
        assert Redemption.objects.filter(state="waiting_approval").count() == 3
        work(now=SOON)
        assert serve_waiting(now=SOON, limit=100).ordered == 3

    def test_of_a_provider_that_was_set_up_meanwhile(self, settings: Settings) -> None:
        sector, settings.TILLO_SECTOR = settings.TILLO_SECTOR, ""
        world = build_buying_world(method=WITH_FALLBACK)
        self.queue_up(world, 1)
        assert serve_waiting(now=SOON, limit=10) == ServingResult(
            served=0, refused=0, empty_conditions=1
        )
        settings.TILLO_SECTOR = sector
        assert serve_waiting(now=SOON, limit=10).ordered == 1
