"""The card on screen and on paper: copied, scanned and printed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import Visitor
from tests.browser.test_main_job import give_code, give_phone, shown_code
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WHITE = "rgb(255, 255, 255)"


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(1)
    world.brand.instructions = "Show the code at the till.\nOr enter it online."
    world.brand.terms_url = "https://www.example.com/terms"
    world.brand.disclosure = "Issued by Acorn Shop. Not for cash. " * 10
    world.brand.save()
    return world


def open_card(visitor: Visitor, site: str, world: World) -> None:
    (code,) = world.invite()
    give_code(visitor, site, code)
    give_phone(visitor)
    expect(visitor.page.locator("#card-code")).to_be_visible()


@pytest.mark.parametrize(("scannable", "least"), [("qr", (140, 140)), ("code128", (200, 80))])
class TestScanning:
    @pytest.mark.parametrize("width", [320, 1280])
    def test_is_large_and_on_white_also_in_the_dark(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        scannable: str,
        least: tuple[int, int],
        width: int,
    ) -> None:
        world.brand.scannable = scannable
        world.brand.save()
        visitor = Visitor(browser, contexts, width=width)
        visitor.page.emulate_media(color_scheme="dark")
        open_card(visitor, site, world)
        drawing = visitor.page.locator(".scan svg")
        box = drawing.bounding_box()
        assert box is not None
        assert box["width"] >= least[0]
        assert box["height"] >= least[1]
        ground = drawing.evaluate("(one) => getComputedStyle(one).backgroundColor")
        assert ground == WHITE
        assert visitor.fits()


class TestCopy:
    def test_says_that_it_was_copied(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        visitor = Visitor(browser, contexts, width=390)
        visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
        open_card(visitor, site, world)
        visitor.page.get_by_role("button", name="Copy code").click()
        expect(visitor.page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
        copied = visitor.page.evaluate("navigator.clipboard.readText()")
        assert copied.replace("\n", "") == shown_code(visitor)
        assert visitor.complaints == []


class TestPrint:
    def test_gives_one_page_with_the_code_and_without_buttons(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        visitor = Visitor(browser, contexts, width=1280)
        open_card(visitor, site, world)
        paper = visitor.page.pdf(format="A4")
        assert len(re.findall(rb"/Type /Page\b", paper)) == 1
        visitor.page.emulate_media(media="print")
        expect(visitor.page.locator("#card-code")).to_be_visible()
        expect(visitor.page.locator(".scan svg")).to_be_visible()
        expect(visitor.page.get_by_text("Terms")).to_be_visible()
        assert visitor.page.locator("button:visible").count() == 0
        assert visitor.page.locator("footer:visible").count() == 0
