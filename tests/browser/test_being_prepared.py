"""A card that is bought on the spot, as its owner sees it: being prepared, then there."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from giftcards.emulator import Emulator as Tillo
from giftcards.services.provider_brands import sync_all_brands
from redemption.models import Redemption
from tests.browser.conftest import Visitor
from tests.browser.test_main_job import give_code, give_phone, shown_code
from tests.redemption.buying import build_buying_world, working
from tests.world import NOW, World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("tillo_settings"),
]

Visit = Callable[..., Visitor]

PREPARING = "We are preparing your card"
THERE = "Here is your gift card"


@pytest.fixture
def world() -> World:
    return build_buying_world()


@pytest.fixture
def visit(browser: Browser, contexts: list[BrowserContext], site: str, world: World) -> Visit:
    """Redeem a code in a browser, up to the page that comes then."""

    def redeem(*, width: int = 390, js: bool = True) -> Visitor:
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=width, js=js)
        give_code(visitor, site, code)
        give_phone(visitor)
        return visitor

    return redeem


class TestBeingPrepared:
    @pytest.mark.parametrize("width", [320, 1280])
    def test_turns_into_the_card_by_itself(
        self, visit: Visit, tillo_emulator: Tillo, width: int
    ) -> None:
        visitor = visit(width=width)
        heading = visitor.page.get_by_role("heading", level=1)
        expect(heading).to_have_text(PREPARING)
        expect(visitor.page.get_by_text("It will be sent to you by itself.")).to_be_visible()
        assert visitor.fits()
        with working():
            expect(heading).to_have_text(THERE)
        (sale,) = tillo_emulator.sales()
        assert shown_code(visitor) == sale.code
        assert visitor.fits()
        assert visitor.complaints == []
        visitor.page.reload()
        assert shown_code(visitor) == sale.code
        assert len(tillo_emulator.journal("sold")) == 1

    def test_turns_into_the_card_without_scripts(self, visit: Visit, tillo_emulator: Tillo) -> None:
        visitor = visit(js=False)
        heading = visitor.page.get_by_role("heading", level=1)
        expect(heading).to_have_text(PREPARING)
        with working():
            expect(heading).to_have_text(THERE)
        assert shown_code(visitor) == tillo_emulator.sales()[0].code

    def test_shows_the_card_when_asked_by_the_link(self, visit: Visit, world: World) -> None:
        visitor = visit(js=False)
        with working():
            while Redemption.objects.get().state == "provisioning":
                visitor.page.wait_for_timeout(50)
        visitor.page.get_by_role("link", name="Check now").click()
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text(THERE)

    def test_turns_into_the_place_in_the_queue(self, visit: Visit, tillo_emulator: Tillo) -> None:
        tillo_emulator.set_faults([{"action": "error", "code": "725"}])
        visitor = visit()
        heading = visitor.page.get_by_role("heading", level=1)
        expect(heading).to_have_text(PREPARING)
        with working():
            expect(heading).to_have_text("Yours is reserved")
        expect(visitor.page.get_by_text("within 24 hours")).to_be_visible()
        assert visitor.fits()
        assert visitor.complaints == []


class TestQuickly:
    def test_comes_without_a_page_between(self, visit: Visit, tillo_emulator: Tillo) -> None:
        with working():
            visitor = visit()
            expect(visitor.page.get_by_role("heading", level=1)).to_have_text(THERE)
        assert shown_code(visitor) == tillo_emulator.sales()[0].code


class TestByAddressAlone:
    def test_opens_on_the_brands_own_page(
        self,
        visit: Visit,
        world: World,
        tillo_emulator: Tillo,
    ) -> None:
        world.brand.provider_slug = "apple-us"
        world.brand.save()
        sync_all_brands(now=NOW)
        with working():
            visitor = visit()
            expect(visitor.page.get_by_role("heading", level=1)).to_have_text(THERE)
        (sale,) = tillo_emulator.sales()
        link = visitor.page.get_by_role("link", name="Open my gift card")
        expect(link).to_have_attribute("href", sale.url)
        assert sale.code not in visitor.page.content()
        expect(visitor.page.get_by_text("Card code")).to_have_count(0)
        assert visitor.fits()
        assert visitor.complaints == []
