from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError
from pytest_django import Settings

from alerts.errors import ValidationFailedError
from alerts.models import Alert, Notice
from alerts.services.alerts import resolve_alert
from credit.services.idempotency import KeyAnsweredError, claim_key
from loyalty.models import Checkout, Refund
from loyalty.services.checkouts import Line
from loyalty.services.refunds import RefundResult, find_refund, refund_checkout
from loyalty.services.refusals import NoSuchThingError, StateForbidsError
from tests.loyalty.shop import (
    NOW,
    Shop,
    history_of,
    points_of,
    points_out_of_order,
    rows_out_of_order,
)

pytestmark = pytest.mark.django_db(transaction=True)


def refund(shop: Shop, checkout_id: UUID, **changes: Any) -> RefundResult:
    fields: dict[str, Any] = {
        "client_id": shop.client.pk,
        "checkout_id": checkout_id,
        "reason": "Broken",
        "actor": "key:test",
        "request_id": "req-2",
        "now": NOW,
    }
    return refund_checkout(**{**fields, **changes})


def fall_short(shop: Shop) -> RefundResult:
    """Refund what earned points that are spent."""
    ana = shop.customer()
    bought = shop.buy(shop.cart(ana, mugs=1))
    shop.buy(shop.cart(ana, coffees=1, points=12))
    # What the coffee has earned is taken back: three.
    return refund(shop, bought.checkout_id, amount_minor=1200)


class TestRefundCheckout:
    def test_gives_back_the_whole_both_ways(self, shop: Shop) -> None:
        ana = shop.customer(points=300)
        bought = shop.buy(shop.cart(ana, coffees=2, mugs=1, points=300))
        assert points_of(ana) == (17, 0)
        given = refund(shop, bought.checkout_id, amount_minor=1700)
        assert (given.state, given.amount_minor, given.currency) == ("done", 1700, "USD")
        assert (given.points_taken_back, given.points_returned, given.shortfall_points) == (
            17, 300, 0,
        )  # fmt: skip
        assert given.points_balance == 300
        assert points_of(ana) == (300, 0)
        assert history_of(ana.pk)[-2:] == [
            ("reversed", 300, 17, 317),
            ("reversed", -17, 317, 300),
        ]
        assert Checkout.objects.get(pk=bought.checkout_id).state == "refunded"
        shop.till.refresh_from_db()
        assert (shop.till.sales_minor, shop.till.refunds_minor) == (1700, 1700)
        assert find_refund(refund_id=given.refund_id) == given

    def test_gives_back_articles_at_what_was_paid_for_them(self, shop: Shop) -> None:
        ana = shop.customer()
        bought = shop.buy(shop.cart(ana, coffees=2, mugs=1))
        given = refund(shop, bought.checkout_id, lines=[Line(sku="COFFEE", quantity=1)])
        assert (given.amount_minor, given.points_taken_back) == (400, 4)
        assert points_of(ana) == (16, 0)
        with pytest.raises(ValidationFailedError) as caught:
            refund(shop, bought.checkout_id, lines=[Line(sku="COFFEE", quantity=2)])
        assert list(caught.value.errors) == ["lines"]
        assert Refund.objects.count() == 1

    def test_records_what_was_spent_meanwhile_as_a_shortfall(self, shop: Shop) -> None:
        ana = shop.customer()
        bought = shop.buy(shop.cart(ana, mugs=9))
        shop.buy(shop.cart(ana, coffees=1, points=100))
        assert points_of(ana)[0] == 12
        given = refund(shop, bought.checkout_id, amount_minor=10800)
        assert (given.points_taken_back, given.shortfall_points, given.points_balance) == (
            12, 96, 0,
        )  # fmt: skip
        assert points_of(ana) == (0, 0)

    def test_tells_of_a_shortfall_once_until_somebody_has_seen_it(
        self, shop: Shop, settings: Settings
    ) -> None:
        settings.ALERT_SLACK_WEBHOOK_URL = "http://127.0.0.1:9/unused"
        settings.ALERT_EMAIL_RECIPIENTS = ()
        refunds = [fall_short(shop), fall_short(shop)]
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.client_id, alert.count, alert.state) == (
            "loyalty_shortfall", "warning", shop.client.pk, 2, "open",
        )  # fmt: skip
        assert alert.data["refund_id"] == str(refunds[1].refund_id)
        assert alert.data["points"] == refunds[1].shortfall_points == 9
        assert [notice.event for notice in Notice.objects.all()] == ["opened"]
        # Seen and over; the next one is another.
        assert resolve_alert(dedupe_key=alert.dedupe_key, now=NOW)
        fall_short(shop)
        assert Alert.objects.filter(state="open").get().count == 1

    def test_tells_of_nothing_where_all_could_be_taken_back(self, shop: Shop) -> None:
        ana = shop.customer()
        bought = shop.buy(shop.cart(ana, mugs=1))
        assert refund(shop, bought.checkout_id, amount_minor=1200).points_taken_back == 12
        assert not Alert.objects.exists()

    def test_tells_of_no_shortfall_that_did_not_come_to_be(self, shop: Shop) -> None:
        """The alert is of the refund's transaction: neither stands without the other."""
        ana = shop.customer()
        bought = shop.buy(shop.cart(ana, mugs=1))
        shop.buy(shop.cart(ana, coffees=1, points=12))
        with rows_out_of_order("alerts_alert"), pytest.raises(DatabaseError):
            refund(shop, bought.checkout_id, amount_minor=1200)
        assert not Alert.objects.exists()
        assert not Refund.objects.exists()
        assert refund(shop, bought.checkout_id, amount_minor=1200).shortfall_points == 9
        assert Alert.objects.get().count == 1

    def test_happens_once_under_a_key(self, shop: Shop) -> None:
        bought = shop.buy(shop.cart(coffees=2))
        key = claim_key(
            owner=f"client:{shop.client.pk}", key="k-1", method="POST", path="/refund/", body={}
        )
        refund(shop, bought.checkout_id, amount_minor=100, key=key)
        with pytest.raises(KeyAnsweredError):
            refund(shop, bought.checkout_id, amount_minor=100, key=key)
        assert Refund.objects.count() == 1

    def test_waits_for_points_that_are_still_to_come(self, shop: Shop) -> None:
        ana = shop.customer()
        with points_out_of_order():
            bought = shop.buy(shop.cart(ana, coffees=1))
        with pytest.raises(StateForbidsError):
            refund(shop, bought.checkout_id, amount_minor=400)
        assert not Refund.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"amount_minor": 401}, "amount"),
            ({"amount_minor": 0}, "amount"),
            ({}, "lines"),
            ({"amount_minor": 1, "lines": [Line(sku="COFFEE", quantity=1)]}, "lines"),
            ({"lines": [Line(sku="COFFEE", quantity=0)]}, "lines"),
            ({"amount_minor": 1, "reason": " "}, "reason"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self, shop: Shop, changes: dict[str, Any], field: str
    ) -> None:
        bought = shop.buy(shop.cart(coffees=1))
        with pytest.raises(ValidationFailedError) as caught:
            refund(shop, bought.checkout_id, **changes)
        assert list(caught.value.errors) == [field]
        assert not Refund.objects.exists()

    def test_finds_nothing_of_another_client(self, shop: Shop) -> None:
        bought = shop.buy(shop.cart(coffees=1))
        with pytest.raises(NoSuchThingError):
            refund(shop, bought.checkout_id, client_id=uuid4(), amount_minor=400)
        assert not Refund.objects.exists()
