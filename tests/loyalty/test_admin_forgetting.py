"""The page that forgets a customer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from loyalty.models import Customer, CustomerErasure
from tests.loyalty.rewarding import TEXT, take
from tests.loyalty.shop import Shop
from tests.redemption.forgetting import make_operator, visit
from tests.staff import make_agency_manager, sign_in
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

FILLED = {"reason": "By e-mail, ticket 4711", "confirmation": "forget"}


def url_of(customer: Customer, way: str = "forget") -> str:
    return reverse(f"admin:loyalty_customer_{way}", args=[customer.pk])


def words_of(page: Any) -> str:
    return str(page.content.decode()).replace("&#x27;", "'")


@pytest.fixture
def operator() -> Browser:
    return visit(make_operator())


class TestForget:
    def test_tells_what_goes_and_what_is_lost(
        self, shop: Shop, world: World, operator: Browser
    ) -> None:
        world.stock(1)
        customer = shop.customer(points=3000)
        take(shop, world, customer, contact=TEXT, now=datetime.now(UTC))
        page = words_of(operator.get(url_of(customer)))
        assert "Forget Ana" in page
        assert "nobody can undo it" in page
        assert "It can't be done yet:" in page
        assert "A message is under way to them: wait until it has reached its end." in page
        assert "They have 500 points." in page
        assert "a gift card that nobody has opened yet" in page

    def test_forgets_with_a_reason_and_the_word(self, shop: Shop, operator: Browser) -> None:
        customer = shop.customer(phone="+12025550143")
        assert url_of(customer) in words_of(operator.get(url_of(customer, "change")))
        page = operator.post(url_of(customer), FILLED, follow=True)
        assert page.redirect_chain == [(url_of(customer, "change"), 302)]
        said = words_of(page)
        assert "Forgotten." in said
        assert "By e-mail, ticket 4711" in said
        assert "Ana" not in said
        assert "+12025550143" not in said
        # Neither can be pressed any more.
        assert url_of(customer) not in said
        assert url_of(customer, "reactivate") not in said
        assert CustomerErasure.objects.get().customer_id == customer.pk

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ({"reason": ""}, "Say why, for whoever asks later."),
            ({"reason": "Ana has asked"}, "Leave the customer out"),
            ({"confirmation": "yes"}, "Type the word forget."),
            ({"confirmation": ""}, "Type the word forget."),
        ],
    )
    def test_says_what_is_missing(
        self, shop: Shop, operator: Browser, typed: dict[str, str], words: str
    ) -> None:
        customer = shop.customer()
        assert words in words_of(operator.post(url_of(customer), {**FILLED, **typed}))
        assert Customer.objects.get().first_name == "Ana"

    def test_says_what_stands_in_the_way(self, shop: Shop, world: World, operator: Browser) -> None:
        world.stock(1)
        customer = shop.customer(points=3000)
        take(shop, world, customer, contact=TEXT)
        page = operator.post(url_of(customer), FILLED)
        assert page.status_code == 200
        assert "A message is under way to them" in words_of(page)
        assert Customer.objects.get().first_name == "Ana"

    def test_is_not_there_for_who_lacks_the_right(self, shop: Shop) -> None:
        customer = shop.customer()
        other = visit(make_operator("export_person"))
        assert url_of(customer) not in words_of(other.get(url_of(customer, "change")))
        assert other.post(url_of(customer), FILLED).status_code == 403
        stranger = sign_in(make_agency_manager(shop.client.agency))
        assert stranger.post(url_of(customer), FILLED).status_code == 404
        assert Customer.objects.get().first_name == "Ana"
