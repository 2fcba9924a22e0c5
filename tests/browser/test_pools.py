"""What an operator does with pools at a screen: sell, type in, archive."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from giftcards.models import CardSale, GiftCard, Pool
from tests.browser.conftest import Visitor
from tests.giftcards.selling import count_available, master_pool
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    return build_world()


def go_to(operator: Visitor, site: str, pool: Pool) -> None:
    operator.page.goto(site + reverse("admin:giftcards_pool_change", args=[pool.pk]))
    operator.open_actions()


class TestSelling:
    def test_goes_from_the_figures_to_a_sale_and_back(
        self, operator: Visitor, site: str, world: World
    ) -> None:
        pool, page = master_pool(world, 8), operator.page
        go_to(operator, site, pool)
        page.get_by_role("link", name="Sell to a client").click()
        expect(page.get_by_role("heading", name="Sell cards of Stock")).to_be_visible()
        page.get_by_label("Client").select_option(label="Acorn Ltd (Acorn Agency)")
        page.get_by_label("How many cards").fill("9")
        page.get_by_label("Price per card in USD").fill("24.00")
        page.get_by_role("button", name="See what it comes to").click()
        expect(page.get_by_text("Only 8 cards can be sold.")).to_be_visible()
        assert operator.fits()
        page.get_by_label("How many cards").fill("5")
        page.get_by_role("button", name="See what it comes to").click()
        expect(page.get_by_text("$120.00")).to_be_visible()
        assert operator.fits()
        assert not CardSale.objects.exists()
        page.get_by_role("button", name="Sell them").dblclick()
        expect(page).to_have_url(re.compile(r"/cardsale/[0-9a-f-]{36}/change/"))
        assert CardSale.objects.count() == 1
        assert count_available(pool) == 3
        operator.open_actions()
        page.get_by_text("Take it back").first.click()
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_text("The cards are back")).to_be_visible()
        assert count_available(pool) == 8
        assert world.balance() == 100_000
        assert operator.complaints == []


class TestAddingByHand:
    def test_keeps_what_is_typed_until_it_is_right(
        self, operator: Visitor, site: str, world: World
    ) -> None:
        page = operator.page
        go_to(operator, site, world.pool)
        page.get_by_role("link", name="Add by hand").click()
        first = page.get_by_role("group", name="Line 1")
        first.get_by_label("Code").fill("GIFT-0001-AAAA")
        first.get_by_label("Date of expiry").fill("soon")
        page.get_by_role("button", name="More lines").click()
        last = page.get_by_role("group", name="Line 6")
        last.get_by_label("Code").fill("GIFT-0002-BBBB")
        page.get_by_role("button", name="Add them to stock").click()
        expect(first.get_by_text("Write the date as year-month-day")).to_be_visible()
        assert operator.fits()
        assert not GiftCard.objects.exists()
        first.get_by_label("Date of expiry").fill("12/2031")
        page.get_by_role("button", name="Add them to stock").click()
        expect(page.get_by_text("In stock now: 2 cards more.")).to_be_visible()
        assert GiftCard.objects.filter(source="manual").count() == 2
        assert operator.complaints == []


class TestArchiving:
    def test_asks_about_cards_first_and_can_be_undone(
        self, operator: Visitor, site: str, world: World
    ) -> None:
        page = operator.page
        world.stock(2)
        go_to(operator, site, world.pool)
        page.get_by_text("Archive").first.click()
        page.get_by_role("button", name="Archive it").click()
        expect(page.get_by_text("It still holds 2 available cards. Tick this")).to_be_visible()
        page.get_by_label(re.compile("although it still holds 2 available cards")).check()
        page.get_by_role("button", name="Archive it").click()
        expect(page.get_by_text("The pool is archived.")).to_be_visible()
        world.pool.refresh_from_db()
        assert world.pool.archived_at is not None
        operator.open_actions()
        page.get_by_text("Take back into use").first.click()
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_text("The pool is in use again.")).to_be_visible()
        assert operator.complaints == []
