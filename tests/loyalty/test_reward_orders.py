"""Gift cards for points that are bought from the shipped emulator, or are not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts.transactions import transaction
from giftcards.emulator import Emulator
from giftcards.models import GiftCard, ProviderOrder
from giftcards.services.order_parties import OrderFacts, OrderOutcome
from loyalty.models import Customer, LoyaltyTransaction, Reward
from loyalty.services.contacts import Contact
from loyalty.services.reward_orders import lock_reward, settle_reward_order
from loyalty.services.rewards import find_reward, take_reward
from sms.models import Message
from tests.loyalty.shop import NOW, Shop, history_of, open_shop, points_of
from tests.redemption.buying import build_buying_world, work
from tests.world import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]

SOON = NOW + timedelta(seconds=10)
REFUSED: list[dict[str, Any]] = [{"action": "error", "code": "706"}]


@pytest.fixture
def world() -> World:
    return build_buying_world()


@pytest.fixture
def shop(world: World) -> Shop:
    return open_shop(world)


def facts_of(row: ProviderOrder) -> OrderFacts:
    """Return an order as its holder hears of it."""
    assert row.client_id is not None
    assert row.holder_id is not None
    return OrderFacts(
        order_id=row.pk,
        provider="tillo",
        holder_kind="reward",
        holder_id=row.holder_id,
        client_id=row.client_id,
        pool_id=row.pool_id,
        charge_minor=row.charge_minor or 0,
        currency=row.currency,
        value_minor=2500,
        attempts=1,
        placed_at=row.created_at,
    )


def order(shop: Shop, world: World) -> tuple[Customer, Reward]:
    """Have somebody take a card that has to be bought."""
    ana = shop.customer(points=3000)
    given = take_reward(
        client_id=shop.client.pk,
        customer_id=ana.pk,
        denomination_id=world.denomination.pk,
        contact=Contact(method="sms", to="+12025550143"),
        actor="key:test",
        request_id="req-4",
        now=NOW,
    )
    assert (given.state, given.card, given.reveal_token) == ("provisioning", None, None)
    assert points_of(ana) == (3000, 2500)
    return ana, Reward.objects.get(pk=given.reward_id)


class TestSettleOrder:
    def test_spends_what_was_held_when_the_card_is_sold(
        self, shop: Shop, world: World, tillo_emulator: Emulator
    ) -> None:
        before = world.balance()
        ana, reward = order(shop, world)
        assert work(now=SOON) == 1
        done = find_reward(reward_id=reward.pk)
        assert (done.state, done.source, done.charged_minor) == ("issued", "api", 2500)
        assert len(tillo_emulator.journal("sold")) == 1
        assert points_of(ana) == (500, 0)
        assert history_of(ana.pk)[-1] == ("spent", -2500, 3000, 500)
        assert world.balance() == before - 2500
        assert Message.objects.get().reference_id == reward.pk
        assert work(now=SOON + timedelta(hours=2)) == 0
        assert points_of(ana) == (500, 0)

    def test_frees_what_was_held_when_nothing_was_sold(
        self, shop: Shop, world: World, tillo_emulator: Emulator
    ) -> None:
        before = world.balance()
        ana, reward = order(shop, world)
        tillo_emulator.set_faults(REFUSED * 10)
        for hours in range(8):
            work(now=SOON + timedelta(hours=hours))
        reward.refresh_from_db()
        row = ProviderOrder.objects.get()
        assert (row.state, reward.state, reward.card_id) == ("failed", "failed", None)
        assert points_of(ana) == (3000, 0)
        assert not LoyaltyTransaction.objects.filter(reference_type="reward").exists()
        assert not GiftCard.objects.exists()
        assert not Message.objects.exists()
        assert world.balance() == before

    def test_keeps_holding_while_nobody_knows(
        self, shop: Shop, world: World, tillo_emulator: Emulator
    ) -> None:
        ana, reward = order(shop, world)
        facts = facts_of(ProviderOrder.objects.get())
        for outcome, state in (("unknown", "unconfirmed"), ("in_work", "provisioning")):
            with transaction():
                lock_reward(holder_id=reward.pk)
                settle_reward_order(
                    order=facts,
                    outcome=OrderOutcome(outcome),
                    card_id=None,
                    transaction_id=None,
                    now=SOON,
                )
            reward.refresh_from_db()
            assert (reward.state, reward.card_id) == (state, None)
            assert points_of(ana) == (3000, 2500)
        assert work(now=SOON) == 1
        assert points_of(ana) == (500, 0)
        assert len(tillo_emulator.journal("sold")) == 1
