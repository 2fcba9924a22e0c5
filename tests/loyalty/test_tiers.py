from __future__ import annotations

import pytest

from loyalty.models import Customer, Tier
from loyalty.services.tiers import recalculate_tiers
from tests.loyalty.shop import NOW, Shop, points_of

pytestmark = pytest.mark.django_db(transaction=True)


def tier_of(customer: Customer) -> str:
    customer.refresh_from_db()
    return customer.tier


class TestRecalculateTiers:
    def test_moves_people_up_and_down_by_the_new_steps(self, shop: Shop) -> None:
        ana, bob = shop.customer(), shop.customer()
        shop.buy(shop.cart(ana, mugs=9))
        shop.buy(shop.cart(bob, mugs=1))
        assert (tier_of(ana), tier_of(bob)) == ("Gold", "")
        assert recalculate_tiers(now=NOW) == 0
        Tier.objects.filter(name="Gold").update(from_lifetime_points=109)
        Tier.objects.create(
            program=shop.program, client=shop.client, name="Silver", from_lifetime_points=12
        )
        assert recalculate_tiers(now=NOW) == 2
        assert (tier_of(ana), tier_of(bob)) == ("Silver", "Silver")
        assert recalculate_tiers(now=NOW) == 0
        assert (points_of(ana), points_of(bob)) == ((108, 0), (12, 0))

    def test_takes_everybody_out_of_a_tier_that_is_gone(self, shop: Shop) -> None:
        ana = shop.customer()
        shop.buy(shop.cart(ana, mugs=9))
        Tier.objects.all().delete()
        assert recalculate_tiers(now=NOW) == 1
        assert tier_of(ana) == ""
