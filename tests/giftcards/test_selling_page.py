"""Selling cards from a master pool's page: the total is looked at before anything is sold."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from credit.models import Account, Client
from giftcards.models import CardSale, GiftCard, Pool
from tests.giftcards.selling import count_available, master_pool
from tests.races import run_at_once
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=30_000)


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


def page_of(pool: Pool) -> str:
    return reverse("admin:giftcards_pool_sell", args=[pool.pk])


def send(browser: Browser, pool: Pool, world: World, step: str, **changes: Any) -> Any:
    data = {
        "client": str(world.client.pk),
        "quantity": "5",
        "price_per_card": "24.00",
        "key": "a-key-of-the-form",
        "step": step,
    }
    return browser.post(page_of(pool), {**data, **changes})


def text_of(answer: Any) -> str:
    html = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", html.replace("&#x27;", "'"))


def errors_of(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return {name: list(words) for name, words in answer.context["form"].errors.items()}


class TestSell:
    def test_shows_the_total_and_what_is_left_before_it_sells(
        self, world: World, browser: Browser
    ) -> None:
        pool = master_pool(world, 8)
        empty = browser.get(page_of(pool))
        assert "8 cards of this pool can be sold." in text_of(empty)
        assert "A card is worth $25.00." in text_of(empty)
        review = send(browser, pool, world, "preview")
        assert "Total $120.00 The client has now $300.00 and afterwards $180.00" in text_of(review)
        assert "Sell them" in text_of(review)
        # All that is confirmed is in the page, nothing is remembered elsewhere.
        assert 'name="quantity" value="5"' in review.content.decode()
        assert 'name="key" value="a-key-of-the-form"' in review.content.decode()
        assert (count_available(pool), world.balance(), CardSale.objects.count()) == (8, 30_000, 0)

    def test_goes_back_to_the_figures(self, world: World, browser: Browser) -> None:
        pool = master_pool(world, 8)
        page = send(browser, pool, world, "edit")
        assert "See what it comes to" in text_of(page)
        assert page.context["form"]["quantity"].value() == "5"
        assert CardSale.objects.count() == 0

    def test_sells_and_leads_to_where_it_can_be_undone(
        self, world: World, browser: Browser
    ) -> None:
        pool = master_pool(world, 8)
        answer = send(browser, pool, world, "confirm")
        sale = CardSale.objects.get()
        url = reverse("admin:giftcards_cardsale_change", args=[sale.pk])
        assert (answer.status_code, answer["Location"]) == (302, url)
        assert (sale.quantity, sale.total_minor) == (5, 12_000)
        assert (count_available(pool), world.balance()) == (3, 18_000)
        page = browser.get(url)
        assert "Sold: 5 cards to Acorn Ltd for $120.00." in text_of(page)
        undo = reverse("admin:giftcards_cardsale_take_back", args=[sale.pk])
        browser.post(undo, {"_form_submitted": "on"})
        assert (count_available(pool), world.balance()) == (8, 30_000)

    def test_sells_once_however_often_it_is_pressed(self, world: World, browser: Browser) -> None:
        pool = master_pool(world, 20)
        first = send(browser, pool, world, "confirm")
        again = send(browser, pool, world, "confirm")
        assert again["Location"] == first["Location"]
        assert "nothing was sold a second time" in text_of(browser.get(again["Location"]))
        assert (count_available(pool), CardSale.objects.count()) == (15, 1)

    def test_sells_once_when_it_is_pressed_twice_at_once(self, world: World) -> None:
        pool = master_pool(world, 20)
        browser = sign_in(make_platform_admin())
        browser.raise_request_exception = True

        def press() -> None:
            twin = Browser()
            twin.cookies = browser.cookies
            assert send(twin, pool, world, "confirm").status_code == 302

        assert run_at_once(4, press) == [None] * 4
        assert (count_available(pool), CardSale.objects.count()) == (15, 1)
        assert world.balance() == 18_000

    def test_asks_again_when_the_same_form_comes_with_other_figures(
        self, world: World, browser: Browser
    ) -> None:
        pool = master_pool(world, 20)
        send(browser, pool, world, "confirm")
        page = send(browser, pool, world, "confirm", quantity="6")
        assert "has sold cards already" in errors_of(page)["__all__"][0]
        assert CardSale.objects.count() == 1
        key = page.context["form"]["key"].value()
        assert key != "a-key-of-the-form"
        assert f'name="key" value="{key}"' in page.content.decode()
        send(browser, pool, world, "confirm", quantity="6", key=key)
        assert count_available(pool) == 9

    @pytest.mark.parametrize("step", ["preview", "confirm"])
    @pytest.mark.parametrize(
        ("changes", "field", "words"),
        [
            ({"client": ""}, "client", "This field is required."),
            ({"client": "nobody"}, "client", "Choose one from the list."),
            ({"quantity": "0"}, "quantity", "greater than or equal to 1"),
            ({"quantity": "100001"}, "quantity", "less than or equal to 100000"),
            ({"quantity": "many"}, "quantity", "Enter a whole number."),
            ({"quantity": "9"}, "quantity", "8 cards"),
            ({"price_per_card": ""}, "price_per_card", "This field is required."),
            ({"price_per_card": "0"}, "price_per_card", "Give more than zero."),
            ({"price_per_card": "-1"}, "price_per_card", "can't be negative"),
            ({"price_per_card": "1.005"}, "price_per_card", "decimals"),
            ({"price_per_card": "1e3"}, "price_per_card", "Write the amount in digits"),
            ({"price_per_card": "9" * 18}, "price_per_card", "large"),
            (
                {"price_per_card": "75.00"},
                "client",
                "This client has $300.00, and the total is $375.00.",
            ),
        ],
    )
    def test_says_at_its_field_why_not(
        self,
        world: World,
        browser: Browser,
        step: str,
        changes: dict[str, str],
        field: str,
        words: str,
    ) -> None:
        pool = master_pool(world, 8)
        page = send(browser, pool, world, step, **changes)
        errors = errors_of(page)
        assert words in " ".join(errors.get(field, [])), errors
        assert words in text_of(page)
        assert (count_available(pool), world.balance(), CardSale.objects.count()) == (8, 30_000, 0)

    @pytest.mark.parametrize("step", ["preview", "confirm"])
    def test_says_what_is_the_matter_with_the_account(
        self, world: World, browser: Browser, step: str
    ) -> None:
        pool = master_pool(world, 8)
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        errors = errors_of(send(browser, pool, world, step))
        assert errors == {"client": ["This client's account is paused."]}
        poor = Client.objects.create(agency=world.agency, name="Sibling", slug="sibling")
        errors = errors_of(send(browser, pool, world, step, client=str(poor.pk)))
        assert errors == {"client": ["This client has no account in USD."]}
        assert CardSale.objects.count() == 0

    def test_is_for_master_pools_in_use(self, world: World, browser: Browser) -> None:
        button = "Sell to a client"
        assert browser.get(page_of(world.pool)).status_code == 403
        change = reverse("admin:giftcards_pool_change", args=[world.pool.pk])
        assert button not in text_of(browser.get(change))
        pool = master_pool(world, 1)
        change = reverse("admin:giftcards_pool_change", args=[pool.pk])
        assert button in text_of(browser.get(change))
        Pool.objects.filter(pk=pool.pk).update(archived_at="2026-01-01T00:00:00Z")
        assert send(browser, pool, world, "confirm", quantity="1").status_code == 403
        assert not GiftCard.objects.exclude(pool=pool).exists()

    def test_is_not_there_for_a_stranger(self, world: World) -> None:
        pool = master_pool(world, 8)
        stranger = sign_in(make_agency_manager(world.agency))
        assert stranger.get(page_of(pool)).status_code == 404
        assert send(stranger, pool, world, "confirm").status_code == 404
        assert CardSale.objects.count() == 0
