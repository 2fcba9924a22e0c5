"""Points in the admin: customers, programmes, articles and tills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client as Browser
from django.urls import reverse

from credit.models import AuditEvent
from loyalty.models import (
    Customer,
    LoyaltyProgram,
    LoyaltyTransaction,
    RegisterSession,
    StockItem,
    Tier,
)
from tests.loyalty.deeds import refund
from tests.loyalty.forgetting import forget
from tests.loyalty.shop import Shop, history_of, points_of
from tests.races import overtake
from tests.redemption.forgetting import make_operator
from tests.staff import form_data, make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


_ADD_TEA = (
    "INSERT INTO loyalty_stockitem (id, client_id, sku, name, price_minor, currency, on_hand,"
    " is_active) VALUES (%s, %s, 'TEA', 'The other''s', 1, 'USD', 1, true)"
)


@pytest.fixture
def operator() -> Browser:
    return sign_in(make_platform_admin())


def url_of(model: Any, way: str, *arguments: Any) -> str:
    return reverse(f"admin:loyalty_{model._meta.model_name}_{way}", args=arguments)


def words_of(page: Any) -> str:
    return str(page.content.decode()).replace("&#x27;", "'")


def found(operator: Browser, term: str) -> list[UUID]:
    page = operator.get(url_of(Customer, "changelist"), {"q": term})
    return [row.pk for row in page.context["cl"].result_list]


class TestCustomers:
    def test_are_found_by_phone_in_any_writing_name_and_mail(
        self, shop: Shop, operator: Browser
    ) -> None:
        ana = shop.customer(phone="+12025550123", last_name="Sample", email="Ana@example.com")
        shop.customer(phone="+12025550124", last_name="Harbor", email="other@example.com")
        for term in (
            "+12025550123", "(202) 555-0123", "202.555.0123", "Ana Sample", "sample, ana", "SAMP",
            "ana@EXAMPLE.com", str(ana.pk),
        ):  # fmt: skip
            assert found(operator, term) == [ana.pk], term
        for term in ("+12025550125", "Sampler", "x@example.com", "%"):
            assert found(operator, term) == [], term

    def test_show_what_became_of_their_points(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer(points=150, phone="+12025550123")
        bought = shop.buy(shop.cart(ana, mugs=1, points=100))
        html = words_of(operator.get(url_of(Customer, "change", ana.pk)))
        assert "Counted again" not in html
        for row in LoyaltyTransaction.objects.filter(customer=ana):
            assert f">{row.points:+,}<" in html
            assert f">{row.balance_before:,}<" in html
            assert f">{row.balance_after:,}<" in html
        assert reverse("admin:loyalty_checkout_change", args=[bought.checkout_id]) in html

    def test_show_points_that_could_not_be_taken_back(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer()
        bought = shop.buy(shop.cart(ana, mugs=1))
        shop.buy(shop.cart(ana, coffees=1, points=12))
        refund(shop.client.pk, bought.checkout_id, amount_minor=1200)
        html = words_of(operator.get(url_of(Customer, "change", ana.pk)))
        assert "Cracked" in html


class TestAdjustPoints:
    @pytest.fixture
    def operator(self) -> Browser:
        return sign_in(make_platform_admin("adjust_points"))

    def press(self, operator: Browser, customer: Customer, **typed: str) -> Any:
        url = url_of(Customer, "adjust_points", customer.pk)
        key = operator.get(url).context["form"]["key"].value()
        return operator.post(url, {"key": key, "reason": "Counted again", **typed}, follow=True)

    def test_writes_them_with_the_reason_and_who(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer(points=100)
        page = self.press(operator, ana, points="−40")
        assert "Written: -40 points, the balance is 60." in words_of(page)
        assert points_of(ana) == (60, 0)
        row = LoyaltyTransaction.objects.get(customer=ana, number=2)
        assert (row.type, row.description) == ("adjusted", "Counted again")
        assert row.actor.startswith("user:")

    def test_is_not_offered_for_who_was_forgotten(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer()
        address = url_of(Customer, "adjust_points", ana.pk)
        assert address in words_of(operator.get(url_of(Customer, "change", ana.pk)))
        forget(make_operator(), ana)
        assert address not in words_of(operator.get(url_of(Customer, "change", ana.pk)))

    def test_writes_a_second_press_once(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer()
        url = url_of(Customer, "adjust_points", ana.pk)
        key = operator.get(url).context["form"]["key"].value()
        sent = {"key": key, "reason": "Late", "points": "1,000"}
        operator.post(url, sent)
        page = operator.post(url, sent, follow=True)
        assert "nothing changed a second time" in words_of(page)
        assert history_of(ana.pk) == [("adjusted", 1000, 0, 1000)]

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ({"points": "-101"}, "Only 100 are available"),
            ({"points": "0"}, "Enter a whole number"),
            ({"points": "ten"}, "Enter a whole number"),
            ({"points": "5", "reason": ""}, "Say why."),
        ],
    )
    def test_says_what_is_wrong_and_writes_nothing(
        self, shop: Shop, operator: Browser, typed: dict[str, str], words: str
    ) -> None:
        ana = shop.customer(points=100)
        assert words in words_of(self.press(operator, ana, **typed))
        assert points_of(ana) == (100, 0)

    def test_takes_a_right_of_its_own(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer(points=100)
        without = sign_in(make_platform_admin("reveal_card"))
        url, page = url_of(Customer, "adjust_points", ana.pk), url_of(Customer, "change", ana.pk)
        assert url in words_of(operator.get(page))
        assert url not in words_of(without.get(page))
        typed = {"points": "5", "reason": "Mine", "key": str(uuid4())}
        assert without.get(url).status_code == 403
        assert without.post(url, typed).status_code == 403
        assert points_of(ana) == (100, 0)
        assert operator.post(url, typed).status_code == 302
        assert points_of(ana) == (105, 0)

    def test_is_not_there_for_others(self, shop: Shop, world: World) -> None:
        ana = shop.customer(points=100)
        stranger = sign_in(make_agency_manager(world.agency))
        url = url_of(Customer, "adjust_points", ana.pk)
        assert stranger.get(url).status_code == 404
        assert stranger.post(url, {"points": "5", "reason": "Mine"}).status_code == 404
        assert points_of(ana) == (100, 0)


class TestDeactivate:
    def test_closes_an_account_and_opens_it_again(self, shop: Shop, operator: Browser) -> None:
        ana = shop.customer(points=100)
        for way, is_active in (("deactivate", False), ("reactivate", True)):
            operator.post(url_of(Customer, way, ana.pk), {"_form_submitted": "True"})
            ana.refresh_from_db()
            assert ana.is_active is is_active
        assert points_of(ana) == (100, 0)


class TestPrograms:
    def test_say_what_is_earned_and_what_points_are_worth(
        self, shop: Shop, operator: Browser
    ) -> None:
        html = words_of(operator.get(url_of(LoyaltyProgram, "change", shop.program.pk)))
        assert "$10.00 earns 10 points (Gold 15)" in html
        assert "100 points take $1.00 off" in html

    def test_are_opened_with_tiers_of_the_same_client(self, operator: Browser) -> None:
        birch = build_world(name="Birch").client
        page = operator.get(url_of(LoyaltyProgram, "add"))
        data = form_data(page) | {
            "client": str(birch.pk), "currency": "JPY", "points_per_currency_unit": "0.1",
            "point_value_minor": "1", "minimum_redemption": "1", "expiry_months": "0",
            "tiers-TOTAL_FORMS": "1", "tiers-INITIAL_FORMS": "0", "tiers-0-name": "Gold",
            "tiers-0-from_lifetime_points": "100", "tiers-0-earn_multiplier": "2",
        }  # fmt: skip
        page = operator.post(url_of(LoyaltyProgram, "add"), data)
        assert page.status_code == 302, words_of(page)
        program = LoyaltyProgram.objects.get(client=birch)
        assert (program.currency, program.minor_per_unit) == ("JPY", 1)
        tier = Tier.objects.get(program=program)
        assert (tier.client_id, tier.earn_multiplier) == (birch.pk, Decimal(2))


class TestArticles:
    def change(self, operator: Browser, article: StockItem, **typed: str) -> Any:
        url = url_of(StockItem, "change", article.pk)
        return operator.post(url, form_data(operator.get(url)) | typed)

    def typed(self, shop: Shop) -> dict[str, str]:
        return {"client": str(shop.client.pk), "name": "Tea", "currency": "USD", "is_active": "on"}

    def add(self, operator: Browser, shop: Shop, **typed: str) -> Any:
        url = url_of(StockItem, "add")
        return operator.post(url, form_data(operator.get(url)) | self.typed(shop) | typed)

    def test_take_another_price_and_count(self, shop: Shop, operator: Browser) -> None:
        page = self.change(operator, shop.mug, price_minor="13.50", on_hand="25")
        assert page.status_code == 302, words_of(page)
        shop.mug.refresh_from_db()
        assert (shop.mug.price_minor, shop.mug.on_hand, shop.mug.sku) == (1350, 25, "MUG")
        event = AuditEvent.objects.get(action="article.changed")
        assert event.actor.startswith("user:")
        assert event.details == {
            "before": {"price_minor": 1200, "on_hand": 10},
            "after": {"price_minor": 1350, "on_hand": 25},
        }

    def test_are_added(self, shop: Shop, operator: Browser) -> None:
        page = self.add(operator, shop, sku=" TEA ", price_minor="3.50", on_hand="5")
        assert page.status_code == 302, words_of(page)
        tea = StockItem.objects.get(sku="TEA")
        assert (tea.client_id, tea.name, tea.price_minor, tea.currency, tea.on_hand) == (
            shop.client.pk, "Tea", 350, "USD", 5,
        )  # fmt: skip
        event = AuditEvent.objects.get(action="article.added")
        assert event.object_id == str(tea.pk)
        page = self.add(operator, shop, sku="TEA", price_minor="3.50", on_hand="5")
        assert "The client has an article of this number." in words_of(page)
        page = self.add(operator, shop, sku="TOY", price_minor="3.50", on_hand="5", currency="usd")
        assert "three letters" in words_of(page)
        assert StockItem.objects.count() == 3

    def test_are_added_once_by_two_at_once(self, shop: Shop, operator: Browser) -> None:
        form = form_data(operator.get(url_of(StockItem, "add")))
        typed = {**form, **self.typed(shop), "sku": "TEA", "price_minor": "3.50", "on_hand": "5"}
        page = overtake(
            lambda: operator.post(url_of(StockItem, "add"), typed, follow=True),
            by=_ADD_TEA,
            parameters=[uuid4(), shop.client.pk],
        )
        assert page.status_code == 200
        assert "The client has an article of this number." in words_of(page)
        assert StockItem.objects.get(sku="TEA").name == "The other's"
        assert not AuditEvent.objects.filter(action="article.added").exists()

    def test_keep_what_a_checkout_sets_aside_meanwhile(self, shop: Shop, operator: Browser) -> None:
        url = url_of(StockItem, "change", shop.mug.pk)
        typed = form_data(operator.get(url)) | {"on_hand": "3"}
        page = overtake(
            lambda: operator.post(url, typed, follow=True),
            by="UPDATE loyalty_stockitem SET reserved = 4 WHERE id = %s",
            parameters=[shop.mug.pk],
        )
        assert "Checkouts that are under way have set 4 aside." in words_of(page)
        shop.mug.refresh_from_db()
        assert (shop.mug.on_hand, shop.mug.reserved) == (10, 4)
        page = self.change(operator, shop.mug, on_hand="3")
        assert "Checkouts that are under way have set 4 aside." in words_of(page)

    def test_never_have_fewer_than_none(self, shop: Shop, operator: Browser) -> None:
        page = self.change(operator, shop.mug, on_hand="-1")
        assert "Enter a number from 0 on." in words_of(page)
        shop.mug.refresh_from_db()
        assert shop.mug.on_hand == 10


class TestTills:
    def test_are_closed_with_their_totals(self, shop: Shop, operator: Browser) -> None:
        shop.buy(shop.cart(mugs=1))
        html = words_of(operator.get(url_of(RegisterSession, "change", shop.till.pk)))
        assert "$12.00" in html
        operator.post(
            url_of(RegisterSession, "close_till", shop.till.pk), {"_form_submitted": "True"}
        )
        shop.till.refresh_from_db()
        assert shop.till.closed_at is not None
        assert shop.till.closed_by.startswith("user:")
