"""A client's form inside its own web site: for the browser another site, as in life."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, expect
from pytest_django import Settings

from credit.models import ClientLook
from redemption.models import Redemption
from tests.browser.conftest import Visitor
from tests.browser.host import host_page
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def secure(settings: Settings) -> None:
    """Keep cookies as over https: a browser takes localhost for as safe."""
    settings.SESSION_COOKIE_SECURE = True
    settings.CSRF_COOKIE_SECURE = True


def allow(world: World, *origins: str) -> None:
    ClientLook.objects.update_or_create(
        client=world.client, defaults={"embed_origins": list(origins)}
    )


def form_in(visitor: Visitor) -> FrameLocator:
    return visitor.page.frame_locator("iframe[title='Redeem your code']")


def is_as_high_as_its_form(visitor: Visitor) -> bool:
    """Tell whether nothing scrolls in the frame; it learns its height by a message, a bit later."""
    for _ in range(50):
        frame = visitor.page.locator("iframe").bounding_box()
        body = form_in(visitor).locator("body").bounding_box()
        if frame and body and 0 <= frame["height"] - body["height"] < 2:
            return True
        visitor.page.wait_for_timeout(100)
    return False


@pytest.mark.usefixtures("secure")
class TestEmbeddedForm:
    @pytest.mark.parametrize("width", [320, 1280])
    def test_ends_with_the_card_inside_the_clients_page(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World, width: int
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        with host_page(site=site, client_id=world.client.pk) as host:
            allow(world, host)
            visitor = Visitor(browser, contexts, width=width)
            visitor.page.goto(host)
            form = form_in(visitor)
            form.get_by_label("Your code").fill(code)
            form.get_by_role("button", name="Continue").click()
            form.get_by_label("Mobile number").fill("+1 202 555 0123")
            form.get_by_role("button", name="Get my gift card").click()
            expect(form.locator("#card-code")).to_contain_text("GIFT-")
            # As high as the card, so that nothing scrolls inside, and not wider than the page.
            assert is_as_high_as_its_form(visitor)
            assert visitor.fits()
            cookies = visitor.context.cookies()
            assert {cookie["sameSite"] for cookie in cookies} == {"None"}
            assert visitor.complaints == []
        assert Redemption.objects.get().state == "delivered"

    def test_goes_on_in_another_language(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        with host_page(site=site, client_id=world.client.pk) as host:
            allow(world, host)
            visitor = Visitor(browser, contexts, width=390)
            visitor.page.goto(host)
            form = form_in(visitor)
            form.get_by_role("link", name="Español").click()
            expect(form.locator("html")).to_have_attribute("lang", "es")

    def test_is_not_shown_to_a_site_that_is_not_named(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        allow(world, "https://www.example.com")
        with host_page(site=site, client_id=world.client.pk) as host:
            visitor = Visitor(browser, contexts, width=1280)
            visitor.page.goto(host)
            visitor.page.wait_for_function(
                "document.querySelector('iframe') !== null", timeout=15_000
            )
            visitor.page.wait_for_timeout(1000)
            expect(form_in(visitor).get_by_label("Your code")).to_have_count(0)
            assert any("frame-ancestors" in words for words in visitor.complaints)


class TestWithoutCookies:
    def test_leads_to_the_form_on_its_own(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        # Plain cookies, as over http: no browser hands them to a framed site.
        (code,) = world.invite()
        with host_page(site=site, client_id=world.client.pk) as host:
            allow(world, host)
            visitor = Visitor(browser, contexts, width=390)
            visitor.page.goto(host)
            form = form_in(visitor)
            form.get_by_label("Your code").fill(code)
            form.get_by_role("button", name="Continue").click()
            link = form.get_by_role("link", name="Open in a new window")
            with visitor.context.expect_page() as opened:
                link.click()
            expect(opened.value.get_by_label("Your code")).to_be_visible()
        assert Redemption.objects.count() == 0
