"""Points in the admin: the checkout's page, the queue, statistics, activity, integrity."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import Settings

from loyalty.emulator import Emulator
from loyalty.models import Checkout, ReconciliationItem
from loyalty.selectors.days import count_points_by_day
from loyalty.selectors.integrity import check_points
from tests.credit.partners import Partner
from tests.database import owner_url
from tests.loyalty.charging import BLIND, card_sale
from tests.loyalty.deeds import use_shop
from tests.loyalty.shop import NOW, Shop, points_of, points_out_of_order
from tests.loyalty.till import post
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Browser:
    return sign_in(make_platform_admin())


def words_of(page: Any) -> str:
    return str(page.content.decode()).replace("&#x27;", "'")


class TestCheckout:
    def test_shows_lines_payment_steps_and_the_request(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer(points=100)
        bought = shop.buy(shop.cart(ana, mugs=1, points=100), request_id="req-7")
        html = words_of(
            operator.get(reverse("admin:loyalty_checkout_change", args=[bought.checkout_id]))
        )
        for words in ("MUG", "$12.00", "$11.00", "manual", "slip-1", "req-7"):
            assert words in html
        row = Checkout.objects.get(pk=bought.checkout_id)
        for step in row.steps:
            assert step["name"].replace("_", " ") in html
            assert f">{step['milliseconds']:.3f}<" in html


class TestPayment:
    """A payment that nobody knows the end of, asked about by a press."""

    @pytest.fixture
    def checkout(self, world: World, shop: Shop, stripe: Emulator) -> Checkout:
        stripe.set_faults([{"action": "timeout", "seconds": 3.0}])
        till = Partner(world.client, ("loyalty",))
        body = post(till, "/checkouts/", card_sale(shop, shop.customer(340))).json()
        return Checkout.objects.get(pk=body["id"])

    def ask(self, who: Browser, checkout: Checkout) -> Any:
        url = reverse("admin:loyalty_checkout_ask_gateway", args=[checkout.pk])
        return who.post(url, {"_form_submitted": "True"})

    def page_of(self, who: Browser, checkout: Checkout) -> str:
        return words_of(who.get(reverse("admin:loyalty_checkout_change", args=[checkout.pk])))

    def test_is_settled_without_a_second_charge(
        self, checkout: Checkout, stripe: Emulator, operator: Browser
    ) -> None:
        assert "Ask the gateway now" in self.page_of(operator, checkout)
        stripe.release()
        self.ask(operator, checkout)
        html = self.page_of(operator, checkout)
        assert "It was paid. The checkout is settled." in html
        assert "Ask the gateway now" not in html
        checkout.refresh_from_db()
        assert checkout.state == "completed"
        assert stripe.taken() == 1400
        # A second press is answered, and changes nothing.
        self.ask(operator, checkout)
        assert stripe.taken() == 1400

    def test_stays_unknown_while_the_gateway_cannot_tell(
        self, checkout: Checkout, stripe: Emulator, operator: Browser
    ) -> None:
        stripe.set_faults([BLIND])
        self.ask(operator, checkout)
        assert "can't tell yet" in self.page_of(operator, checkout)
        checkout.refresh_from_db()
        assert checkout.state == "payment_unknown"

    def test_says_where_the_gateway_is_not_set_up(
        self, checkout: Checkout, operator: Browser, settings: Settings
    ) -> None:
        settings.STRIPE_API_KEY = ""
        self.ask(operator, checkout)
        assert "not set up here" in self.page_of(operator, checkout)

    def test_is_nobody_elses(self, checkout: Checkout, stripe: Emulator, world: World) -> None:
        asked = dict(stripe.requests)
        assert self.ask(sign_in(make_agency_manager(world.agency)), checkout).status_code == 404
        assert stripe.requests == asked


class TestReconciliation:
    @pytest.fixture
    def item(self, shop: Shop) -> ReconciliationItem:
        ana = shop.customer(points=100)
        with points_out_of_order():
            result = shop.buy(shop.cart(ana, mugs=1, points=100))
        return ReconciliationItem.objects.get(checkout_id=result.checkout_id)

    def url(self, way: str, *arguments: Any) -> str:
        return reverse(f"admin:loyalty_reconciliationitem_{way}", args=arguments)

    def test_sums_up_what_is_owed(self, item: ReconciliationItem, operator: Browser) -> None:
        page = operator.get(self.url("changelist"))
        figures = {tile["title"]: tile["value"] for tile in page.context["owed"]}
        assert figures == {
            "Unresolved": "1", "Lost earnings": "11", "Incorrect redemptions": "100",
        }  # fmt: skip

    def test_is_replayed_by_a_press_and_a_second_one_does_nothing(
        self, item: ReconciliationItem, operator: Browser
    ) -> None:
        for _ in range(2):
            operator.post(self.url("replay", item.pk), {"_form_submitted": "True"})
        item.refresh_from_db()
        assert item.resolved
        assert item.resolved_by.startswith("user:")
        assert points_of(item.customer) == (11, 0)

    def test_is_resolved_with_a_note_alone(
        self, item: ReconciliationItem, operator: Browser
    ) -> None:
        operator.post(self.url("resolve", item.pk), {"_form_submitted": "True", "note": ""})
        item.refresh_from_db()
        assert not item.resolved
        operator.post(
            self.url("resolve", item.pk), {"_form_submitted": "True", "note": "Paid out in cash"}
        )
        item.refresh_from_db()
        assert (item.resolved, item.resolution_note) == (True, "Paid out in cash")
        assert points_of(item.customer) == (100, 0)

    def test_is_nobody_elses(self, item: ReconciliationItem, world: World) -> None:
        stranger = sign_in(make_agency_manager(world.agency))
        page = stranger.post(self.url("replay", item.pk), {"_form_submitted": "True"})
        assert page.status_code == 404
        item.refresh_from_db()
        assert not item.resolved


class TestStatistics:
    def test_counts_each_day_and_client(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer(points=300)
        shop.buy(shop.cart(ana, mugs=1, points=100))
        shop.buy(shop.cart(ana, mugs=1, points=50), now=NOW + timedelta(days=1))
        days = count_points_by_day(first=date(2026, 3, 1), last=date(2026, 3, 3))
        assert [(day.redemptions, day.redeemed, day.earned) for day in days] == [
            (0, 0, 0), (1, 100, 11), (1, 50, 11),
        ]  # fmt: skip
        other = build_world(name="Birch").client
        assert not any(
            day.redeemed
            for day in count_points_by_day(
                first=date(2026, 3, 1), last=date(2026, 3, 3), client_id=other.pk
            )
        )

    def test_draws_them_and_hands_them_out_as_csv(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer(points=300)
        shop.buy(shop.cart(ana, mugs=1, points=100))
        url = reverse("admin:loyalty_statistics")
        asked = {"client": str(shop.client.pk), "first": "2026-03-01", "last": "2026-03-03"}
        page = operator.get(url, asked)
        assert [bar.value for bar in page.context["chart"].bars] == [0, 100, 0]
        assert "<svg" in words_of(page)
        text = operator.get(url, asked | {"csv": "1"}).content.decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["day"], row["at_tills"]) for row in rows] == [
            ("2026-03-01", "0"), ("2026-03-02", "100"), ("2026-03-03", "0"),
        ]  # fmt: skip

    def test_says_what_is_wrong_with_a_period(self, operator: Browser, shop: Shop) -> None:
        url = reverse("admin:loyalty_statistics")
        page = operator.get(url, {"first": "2026-03-03", "last": "2026-03-01"})
        assert "The first day comes after the last one." in words_of(page)
        assert operator.get(url, {"client": "x", "show": "y"}).status_code == 200
        for last in ("0001-01-01", "9999-12-31"):
            page = operator.get(url, {"last": last, "csv": "1"})
            assert page.status_code == 200
            assert "Choose days from 2000-01-01 to 2100-12-31." in words_of(page)


class TestActivity:
    def test_shows_the_newest_changes(self, shop: Shop, operator: Browser) -> None:
        assert "Nobody has earned" in words_of(operator.get(reverse("admin:loyalty_activity")))
        shop.buy(shop.cart(shop.customer(points=100), mugs=1, points=100))
        html = words_of(operator.get(reverse("admin:loyalty_activity")))
        for words in (">-100<", ">+11<", "Ana"):
            assert words in html


class TestIntegrity:
    def test_finds_nothing_and_says_so(self, shop: Shop, world: World, operator: Browser) -> None:
        use_shop(shop, world)
        assert {check.broken.count for check in check_points(now=NOW)} == {0}
        html = words_of(operator.get(reverse("admin:loyalty_integrity")))
        assert "No differences" in html
        assert "There are differences" not in html

    def test_finds_what_went_past_the_guards(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer(points=100)
        with psycopg.connect(owner_url(), autocommit=True) as owner:
            # As a table that was restored without its triggers.
            owner.execute("ALTER TABLE loyalty_customer DISABLE TRIGGER USER")
            owner.execute(
                "UPDATE loyalty_customer SET points_balance = 150, points_held = 30,"
                " transactions = 2 WHERE id = %s",
                [ana.pk],
            )
            owner.execute("ALTER TABLE loyalty_customer ENABLE TRIGGER USER")
        found = {
            check.invariant.name: check.broken.ids
            for check in check_points(now=NOW)
            if check.broken.count
        }
        assert found == dict.fromkeys(("points-balances", "points-held"), (str(ana.pk),))
        # The command says the same in the same order.
        out = io.StringIO()
        with pytest.raises(SystemExit):
            call_command("audit_loyalty", stdout=out)
        assert re.findall(r"BROKEN (\S+)", out.getvalue()) == list(found)
        html = words_of(operator.get(reverse("admin:loyalty_integrity")))
        assert "There are differences" in html
        for figure in (">150<", ">100<"):
            assert figure in html
        assert reverse("admin:loyalty_customer_change", args=[ana.pk]) in html

    @pytest.mark.parametrize("name", ["statistics", "activity", "integrity"])
    def test_and_its_neighbours_are_the_platforms_alone(self, world: World, name: str) -> None:
        stranger = sign_in(make_agency_manager(world.agency))
        assert stranger.get(reverse(f"admin:loyalty_{name}")).status_code == 404
