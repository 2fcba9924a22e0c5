from __future__ import annotations

from uuid import uuid4

import pytest
from pytest_django import Settings

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from credit.models import Account, Transaction
from credit.services.idempotency import KeyAnsweredError, claim_key
from credit.services.ledger import InsufficientCreditError
from giftcards.models import Denomination, GiftCard, ProviderOrder
from giftcards.services.secrets import open_field
from loyalty.models import Customer, Reward
from loyalty.services.checkouts import NotEnoughPointsError
from loyalty.services.rewards import RewardResult, find_reward
from sms.models import Message
from tests.loyalty.rewarding import TEXT, take
from tests.loyalty.shop import Shop, history_of, open_shop, points_of
from tests.races import run_at_once
from tests.redemption.buying import API_ONLY, buy_from
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


def nothing_happened(world: World, customer: Customer, *, points: int, balance: int) -> None:
    assert points_of(customer) == (points, 0)
    assert not Reward.objects.exists()
    assert not GiftCard.objects.exclude(status="available").exists()
    assert not Transaction.objects.filter(kind="redemption").exists()
    assert not Message.objects.exists()
    assert world.balance() == balance


class TestTakeReward:
    def test_takes_points_card_and_money_together(self, shop: Shop, world: World) -> None:
        world.stock(1)
        before = world.balance()
        ana = shop.customer(points=3000)
        given = take(shop, world, ana, contact=TEXT)
        assert (given.state, given.points_spent, given.points_balance) == ("issued", 2500, 500)
        assert (given.face_value_minor, given.charged_minor, given.currency) == (2500, 2500, "USD")
        assert given.card is not None
        assert not given.card.was_disclosed
        assert history_of(ana.pk)[-1] == ("spent", -2500, 3000, 500)
        assert points_of(ana) == (500, 0)
        card = GiftCard.objects.get(pk=given.card.card_id)
        assert (card.status, card.holder_kind, card.holder_id) == (
            "claimed", "reward", given.reward_id,
        )  # fmt: skip
        assert world.balance() == before - 2500
        debit = Transaction.objects.get(kind="redemption")
        assert debit.reference == f"reward:{given.reward_id}"
        message = Message.objects.get()
        assert (message.pk, message.to, message.reference_kind, message.reference_id) == (
            given.message_id, "+12025550143", "reward", given.reward_id,
        )  # fmt: skip
        assert find_reward(reward_id=given.reward_id) == given

    def test_marks_the_card_as_seen_where_it_is_shown(self, shop: Shop, world: World) -> None:
        world.stock(1)
        given = take(shop, world, shop.customer(points=2500), disclose=True)
        assert given.card is not None
        assert (given.state, given.card.was_disclosed) == ("delivered", True)
        assert open_field(given.card.code_encrypted, field="code").startswith("GIFT-")

    def test_refuses_too_few_points(self, shop: Shop, world: World) -> None:
        world.stock(1)
        before = world.balance()
        ana = shop.customer(points=2499)
        with pytest.raises(NotEnoughPointsError) as caught:
            take(shop, world, ana, contact=TEXT)
        assert (caught.value.available, caught.value.requested) == (2499, 2500)
        nothing_happened(world, ana, points=2499, balance=before)

    def test_refuses_when_there_is_no_card(self, shop: Shop, world: World) -> None:
        before = world.balance()
        ana = shop.customer(points=2500)
        with pytest.raises(ServiceError) as caught:
            take(shop, world, ana, contact=TEXT)
        assert caught.value.code is ErrorCode.OUT_OF_STOCK
        nothing_happened(world, ana, points=2500, balance=before)

    def test_refuses_when_the_brand_is_not_offered(self, shop: Shop, world: World) -> None:
        world.stock(1)
        before = world.balance()
        world.brand.is_enabled = False
        world.brand.save()
        ana = shop.customer(points=2500)
        with pytest.raises(ServiceError) as caught:
            take(shop, world, ana)
        assert caught.value.code is ErrorCode.BRAND_UNAVAILABLE
        nothing_happened(world, ana, points=2500, balance=before)

    def test_refuses_when_the_provider_is_not_set_up(
        self, shop: Shop, world: World, settings: Settings
    ) -> None:
        settings.TILLO_BASE_URL = ""
        buy_from(world, method=API_ONLY)
        before = world.balance()
        ana = shop.customer(points=2500)
        with pytest.raises(ServiceError) as caught:
            take(shop, world, ana)
        assert caught.value.code is ErrorCode.PROVIDER_NOT_CONFIGURED
        nothing_happened(world, ana, points=2500, balance=before)
        assert not ProviderOrder.objects.exists()

    def test_refuses_when_the_account_can_not_pay(self) -> None:
        world = build_world(credit_minor=2499)
        shop = open_shop(world)
        world.stock(1)
        ana = shop.customer(points=2500)
        with pytest.raises(InsufficientCreditError):
            take(shop, world, ana, contact=TEXT)
        nothing_happened(world, ana, points=2500, balance=2499)

    def test_refuses_without_an_account_in_the_currency(self, shop: Shop, world: World) -> None:
        value = Denomination.objects.create(brand=world.brand, value_minor=2500, currency="CAD")
        shop.program.currency = "CAD"
        shop.program.save()
        ana = shop.customer(points=2500)
        assert not Account.objects.filter(client=world.client, currency="CAD").exists()
        with pytest.raises(ServiceError) as caught:
            take(shop, world, ana, denomination_id=value.pk)
        assert caught.value.code.code == "GC-008"
        assert points_of(ana) == (2500, 0)

    def test_names_a_value_that_there_is_not(self, shop: Shop, world: World) -> None:
        ana = shop.customer(points=2500)
        with pytest.raises(ValidationFailedError) as caught:
            take(shop, world, ana, denomination_id=uuid4())
        assert list(caught.value.errors) == ["denomination_id"]

    def test_happens_once_under_a_key(self, shop: Shop, world: World) -> None:
        world.stock(2)
        ana = shop.customer(points=5000)
        key = claim_key(
            owner=f"client:{shop.client.pk}", key="k-1", method="POST", path="/rewards/", body={}
        )
        take(shop, world, ana, key=key)
        with pytest.raises(KeyAnsweredError):
            take(shop, world, ana, key=key)
        assert Reward.objects.count() == 1
        assert points_of(ana) == (2500, 0)

    def test_gives_one_card_for_points_that_are_enough_for_one(
        self, shop: Shop, world: World
    ) -> None:
        world.stock(4)
        before = world.balance()
        ana = shop.customer(points=2600)
        ends = run_at_once(4, lambda: take(shop, world, ana))
        assert sum(isinstance(end, RewardResult) for end in ends) == 1
        assert sum(isinstance(end, NotEnoughPointsError) for end in ends) == 3
        assert points_of(ana) == (100, 0)
        assert GiftCard.objects.filter(status="claimed").count() == 1
        assert world.balance() == before - 2500
