"""Where a gift card for points was sent goes once it is older than it is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from loyalty.models import Customer, Reward
from redemption.services.retention import apply_retention, foresee_retention
from tests.loyalty.rewarding import TEXT, take
from tests.loyalty.shop import NOW, Shop
from tests.redemption.buying import buy_from
from tests.redemption.forgetting import found_in, settle_texts
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
KEPT = 10 * DAY
RULE = "points_card_addresses"


@pytest.fixture
def customer(shop: Shop, settings: Settings) -> Customer:
    settings.RETAIN_MESSAGES = KEPT.total_seconds()
    return shop.customer(points=6000)


class TestApplyRetention:
    def test_empties_where_old_cards_were_sent(
        self, shop: Shop, world: World, customer: Customer
    ) -> None:
        world.stock(2)
        old = take(shop, world, customer, contact=TEXT)
        young = take(shop, world, customer, contact=TEXT, now=NOW + 2 * DAY)
        settle_texts()
        assert foresee_retention(now=NOW + KEPT + DAY)[RULE] == 1
        assert apply_retention(now=NOW + KEPT + DAY)[RULE] == 1
        assert Reward.objects.get(pk=old.reward_id).contact_to == ""
        assert Reward.objects.get(pk=young.reward_id).contact_to == TEXT.to
        assert apply_retention(now=NOW + KEPT + DAY)[RULE] == 0
        assert apply_retention(now=NOW + KEPT + 3 * DAY)[RULE] == 1
        assert found_in(TEXT.to) == {}

    @pytest.mark.usefixtures("tillo_settings")
    def test_leaves_one_that_is_still_being_bought(
        self, shop: Shop, world: World, customer: Customer
    ) -> None:
        buy_from(world)
        assert take(shop, world, customer, contact=TEXT).state == "provisioning"
        assert apply_retention(now=NOW + KEPT + DAY)[RULE] == 0
        assert Reward.objects.get().contact_to == TEXT.to

    def test_keeps_them_for_ever_where_that_is_set(
        self, shop: Shop, world: World, customer: Customer, settings: Settings
    ) -> None:
        settings.RETAIN_MESSAGES = 0.0
        world.stock(1)
        take(shop, world, customer, contact=TEXT)
        assert apply_retention(now=NOW + 9999 * DAY)[RULE] == 0
        assert Reward.objects.get().contact_to == TEXT.to
