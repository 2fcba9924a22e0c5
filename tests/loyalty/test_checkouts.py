from __future__ import annotations

from typing import Any

import pytest

from alerts.errors import ValidationFailedError
from loyalty.models import Checkout, LoyaltyTransaction, Payment, ReconciliationItem
from loyalty.services.checkouts import (
    Cart,
    Line,
    NotEnoughPointsError,
    OrderNumberTakenError,
    OutOfArticlesError,
)
from tests.loyalty.shop import Shop, history_of, points_of, points_out_of_order

pytestmark = pytest.mark.django_db(transaction=True)


def steps_of(checkout_id: Any) -> list[tuple[str, str]]:
    steps = Checkout.objects.get(pk=checkout_id).steps
    return [(step["name"], step["status"]) for step in steps]


class TestCheckOut:
    def test_spends_and_earns_with_the_order(self, shop: Shop) -> None:
        ana = shop.customer(points=500)
        result = shop.buy(shop.cart(ana, coffees=2, mugs=1, points=300))
        assert (result.state, result.loyalty, result.total_minor) == ("completed", "applied", 1700)
        assert (result.points_redeemed, result.points_earned) == (300, 17)
        assert points_of(ana) == (217, 0)
        assert history_of(ana.pk) == [
            ("adjusted", 500, 0, 500),
            ("spent", -300, 500, 200),
            ("earned", 17, 200, 217),
        ]
        payment = Payment.objects.get(checkout_id=result.checkout_id)
        assert (payment.state, payment.amount_minor, payment.gateway_reference) == (
            "approved", 1700, "slip-1",
        )  # fmt: skip
        shop.coffee.refresh_from_db()
        assert (shop.coffee.on_hand, shop.coffee.reserved) == (98, 0)
        shop.till.refresh_from_db()
        till = shop.till
        assert (till.orders, till.sales_minor, till.points_spent, till.points_earned) == (
            1, 1700, 300, 17,
        )  # fmt: skip
        assert steps_of(result.checkout_id) == [
            ("validate", "ok"),
            ("reserve_stock", "ok"),
            ("hold_points", "ok"),
            ("take_payment", "approved"),
            ("finalise_stock", "ok"),
            ("update_points", "ok"),
            ("update_register_session", "ok"),
        ]

    def test_refuses_more_points_than_there_are_before_any_payment(self, shop: Shop) -> None:
        ana = shop.customer(points=100)
        with pytest.raises(NotEnoughPointsError) as caught:
            shop.buy(shop.cart(ana, mugs=1, points=101))
        assert (caught.value.available, caught.value.requested) == (100, 101)
        assert caught.value.customer_words().endswith("Available: 100, Requested: 101")
        assert not Checkout.objects.exists()
        assert not Payment.objects.exists()
        shop.mug.refresh_from_db()
        assert (shop.mug.on_hand, shop.mug.reserved) == (10, 0)
        assert points_of(ana) == (100, 0)

    def test_gives_all_back_when_the_payment_is_declined(self, shop: Shop) -> None:
        ana = shop.customer(points=100)
        result = shop.buy(shop.cart(ana, mugs=1, points=100), is_approved=False)
        assert (result.state, result.loyalty, result.points_redeemed) == ("declined", "none", 0)
        assert points_of(ana) == (100, 0)
        shop.mug.refresh_from_db()
        assert (shop.mug.on_hand, shop.mug.reserved) == (10, 0)
        shop.till.refresh_from_db()
        assert (shop.till.orders, shop.till.sales_minor) == (0, 0)

    def test_earns_nothing_without_a_customer(self, shop: Shop) -> None:
        result = shop.buy(shop.cart(coffees=1))
        assert (result.state, result.loyalty, result.points_earned) == ("completed", "none", 0)
        assert not LoyaltyTransaction.objects.exists()

    def test_sells_without_points_while_the_programme_is_off(self, shop: Shop) -> None:
        ana = shop.customer(points=100)
        shop.program.is_enabled = False
        shop.program.save()
        result = shop.buy(shop.cart(ana, coffees=1))
        assert (result.state, result.loyalty) == ("completed", "none")
        assert points_of(ana) == (100, 0)

    def test_earns_by_the_tier(self, shop: Shop) -> None:
        ana = shop.customer()
        shop.buy(shop.cart(ana, mugs=9))
        ana.refresh_from_db()
        assert (ana.tier, ana.lifetime_points) == ("Gold", 108)
        assert shop.buy(shop.cart(ana, mugs=1)).points_earned == 18

    def test_sets_aside_all_lines_or_none(self, shop: Shop) -> None:
        with pytest.raises(OutOfArticlesError) as caught:
            shop.buy(shop.cart(coffees=1, mugs=11))
        assert caught.value.errors == {"lines": ["MUG: 11 asked, 10 left."]}
        shop.coffee.refresh_from_db()
        assert (shop.coffee.on_hand, shop.coffee.reserved) == (100, 0)

    def test_refuses_an_order_number_twice_but_for_a_declined_one(self, shop: Shop) -> None:
        shop.buy(shop.cart(coffees=1), order_number="A-1", is_approved=False)
        shop.buy(shop.cart(coffees=1), order_number="A-1")
        with pytest.raises(OrderNumberTakenError):
            shop.buy(shop.cart(coffees=1), order_number="A-1")
        assert Checkout.objects.filter(state="completed").count() == 1

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"pay": 399}, "payment"),
            ({"cart": {"lines": [Line(sku="NOTHING", quantity=1)]}}, "lines"),
            ({"cart": {"lines": []}}, "lines"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self, shop: Shop, changes: dict[str, Any], field: str
    ) -> None:
        cart = shop.cart(coffees=1)
        if "cart" in changes:
            cart = Cart(client_id=shop.client.pk, **changes["cart"])
        with pytest.raises(ValidationFailedError) as caught:
            shop.buy(cart, pay=changes.get("pay"))
        assert list(caught.value.errors) == [field]
        assert not Checkout.objects.exists()


class TestPointsThatCannotBePosted:
    def test_leave_the_order_paid_and_the_points_owed(self, shop: Shop) -> None:
        ana = shop.customer(points=100)
        with points_out_of_order():
            result = shop.buy(shop.cart(ana, mugs=1, points=100))
        assert (result.state, result.loyalty, result.total_minor) == ("completed", "pending", 1100)
        item = ReconciliationItem.objects.get()
        assert item.checkout_id == result.checkout_id
        assert (item.points_redeemed, item.points_earned, item.order_total_minor) == (100, 11, 1100)
        assert item.error == "P0001: points are out of order"
        assert points_of(ana) == (100, 100)
        shop.mug.refresh_from_db()
        assert (shop.mug.on_hand, shop.mug.reserved) == (9, 0)
        assert ("update_points", "pending") in steps_of(result.checkout_id)
