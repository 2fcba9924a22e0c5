"""Network trouble, as a customer meets it: trying again brings the same card, never a second."""

from __future__ import annotations

import gzip

import pytest
from playwright.sync_api import Browser, BrowserContext, Response, Route, expect

from giftcards.models import GiftCard
from redemption.models import Redemption
from tests.browser.axe import violations_in_both
from tests.browser.conftest import Visitor
from tests.browser.test_main_job import PHONE, give_code, shown_code
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOST = "We couldn't reach our server."


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(3)
    return world


@pytest.fixture(params=[320, 1280])
def visitor(
    request: pytest.FixtureRequest, browser: Browser, contexts: list[BrowserContext]
) -> Visitor:
    return Visitor(browser, contexts, width=request.param)


class Line:
    """What lies between a browser and us; it can let questions through and lose their answers."""

    def __init__(self, visitor: Visitor) -> None:
        self.loses = False
        visitor.page.route("**/redeem/", self._pass)

    def _pass(self, route: Route) -> None:
        if self.loses and route.request.method == "POST":
            route.fetch(max_redirects=0)
            route.abort("connectionreset")
            return
        route.continue_()


def press(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Get my gift card").click()


def lost(visitor: Visitor) -> None:
    """Hold the page to saying that nothing was lost, with what was typed still there."""
    notice = visitor.page.get_by_role("alert").filter(has_text=LOST)
    expect(notice).to_be_visible()
    expect(notice).to_be_focused()
    assert visitor.fits()


class TestLostAnswer:
    def test_brings_the_same_card_when_tried_again(
        self, visitor: Visitor, site: str, world: World
    ) -> None:
        (code,) = world.invite()
        give_code(visitor, site, code)
        visitor.page.get_by_label("Mobile number").fill(PHONE)
        line = Line(visitor)
        line.loses = True
        press(visitor)
        lost(visitor)
        assert visitor.page.get_by_label("Mobile number").input_value() == PHONE
        # It was served all the same: only the answer was lost.
        card = GiftCard.objects.get(status="claimed")
        line.loses = False
        press(visitor)
        visitor.page.wait_for_selector("#card-code")
        assert shown_code(visitor).endswith(card.last4)
        assert Redemption.objects.count() == 1
        assert GiftCard.objects.filter(status="available").count() == 2

    def test_of_the_first_step_is_said_as_well(
        self, visitor: Visitor, site: str, world: World
    ) -> None:
        (code,) = world.invite()
        line = Line(visitor)
        line.loses = True
        give_code(visitor, site, code)
        lost(visitor)
        assert violations_in_both(visitor.page) == []
        line.loses = False
        visitor.page.get_by_role("button", name="Continue").click()
        expect(visitor.page.get_by_label("Mobile number")).to_be_visible()

    def test_is_no_more_than_a_reload_without_scripts(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=390, js=False)
        give_code(visitor, site, code)
        visitor.page.get_by_label("Mobile number").fill(PHONE)
        line = Line(visitor)
        line.loses = True
        press(visitor)
        expect(visitor.page.get_by_label("Mobile number")).to_have_count(0)
        visitor.page.wait_for_url("chrome-error://**")
        line.loses = False
        visitor.page.goto(f"{site}/redeem/")
        assert shown_code(visitor).startswith("GIFT-")
        assert Redemption.objects.count() == 1


class TestOffline:
    def test_is_said_and_nothing_is_sent(self, visitor: Visitor, site: str, world: World) -> None:
        (code,) = world.invite()
        give_code(visitor, site, code)
        visitor.page.get_by_label("Mobile number").fill(PHONE)
        visitor.context.set_offline(True)
        press(visitor)
        lost(visitor)
        assert Redemption.objects.count() == 0
        visitor.context.set_offline(False)
        press(visitor)
        visitor.page.wait_for_selector("#card-code")


class TestHistory:
    def test_back_from_the_card_does_not_lead_into_a_second_one(
        self, visitor: Visitor, site: str, world: World
    ) -> None:
        (code,) = world.invite()
        give_code(visitor, site, code)
        visitor.page.get_by_label("Mobile number").fill(PHONE)
        press(visitor)
        visitor.page.wait_for_selector("#card-code")
        card = shown_code(visitor)
        visitor.page.go_back()
        visitor.page.goto(f"{site}/redeem/")
        assert shown_code(visitor) == card

    def test_two_tabs_at_the_same_step_end_with_one_card(
        self, visitor: Visitor, site: str, world: World
    ) -> None:
        (code,) = world.invite()
        give_code(visitor, site, code)
        expect(visitor.page.get_by_label("Mobile number")).to_be_visible()
        other = visitor.context.new_page()
        other.goto(f"{site}/redeem/")
        for tab in (visitor.page, other):
            tab.get_by_label("Mobile number").fill(PHONE)
        for tab in (visitor.page, other):
            tab.get_by_role("button", name="Get my gift card").click()
            tab.wait_for_selector("#card-code")
        assert other.locator("#card-code").inner_text().replace("\n", "") == shown_code(visitor)
        assert Redemption.objects.count() == 1


class TestWeight:
    def test_of_every_step_is_under_60_kb_and_all_from_here(
        self, visitor: Visitor, site: str, world: World
    ) -> None:
        (code,) = world.invite()
        sizes: dict[str, int] = {}

        def note(response: Response) -> None:
            # Files go out compressed (config/settings.py), pages as they are.
            body = response.body()
            is_file = "/static/" in response.url
            sizes[response.url] = len(gzip.compress(body)) if is_file else len(body)

        def weigh() -> int:
            sizes.clear()
            visitor.page.on("response", note)
            visitor.page.goto(f"{site}/redeem/", wait_until="networkidle")
            visitor.page.remove_listener("response", note)
            assert all(url.startswith((site, "data:")) for url in sizes)
            return sum(sizes.values())

        weights = [weigh()]
        give_code(visitor, site, code)
        expect(visitor.page.get_by_label("Mobile number")).to_be_visible()
        weights.append(weigh())
        visitor.page.get_by_label("Mobile number").fill(PHONE)
        press(visitor)
        visitor.page.wait_for_selector("#card-code")
        weights.append(weigh())
        # With style, scripts and pictures.
        assert max(weights) < 60_000
        assert min(weights) > 10_000
