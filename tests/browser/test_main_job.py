"""The main job, as a person does it: a code, a phone number, the card, the text's link."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from giftcards.models import GiftCard
from redemption.models import Redemption
from redemption.services.serving import serve_waiting
from sms.emulator import Emulator
from sms.services.sending import send_due_messages
from tests.browser.conftest import Visitor
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = "+1 202 555 0123"


@pytest.fixture
def world() -> World:
    return build_world()


def give_code(visitor: Visitor, site: str, code: str) -> None:
    visitor.page.goto(f"{site}/redeem/")
    visitor.page.get_by_label("Your code").fill(code)
    visitor.page.get_by_role("button", name="Continue").click()


def give_phone(visitor: Visitor) -> None:
    visitor.page.get_by_label("Mobile number").fill(PHONE)
    visitor.page.get_by_role("button", name="Get my gift card").click()


def shown_code(visitor: Visitor) -> str:
    return visitor.page.locator("#card-code").inner_text().replace("\n", "")


class TestRedeeming:
    @pytest.mark.parametrize("width", [320, 390, 1280])
    def test_ends_with_the_card_and_a_link_that_opens_it(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        twilio_emulator: Emulator,
        width: int,
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=width)
        give_code(visitor, site, code)
        expect(visitor.page.get_by_label("Mobile number")).to_be_visible()
        assert visitor.fits()
        give_phone(visitor)
        expect(visitor.page.get_by_role("heading", name="Here is your gift card")).to_be_visible()
        assert visitor.fits()
        card_code = shown_code(visitor)
        assert card_code.startswith("GIFT-")

        send_due_messages(now=datetime.now(UTC))
        (text,) = twilio_emulator.messages(to="+12025550123")
        link = re.search(r"http\S+/r/\S+/", text.body)
        assert link is not None
        assert card_code not in text.body
        phone = Visitor(browser, contexts, width=390)
        phone.page.goto(link[0])
        assert card_code not in phone.page.content()
        phone.page.get_by_role("button", name="Show my gift card").click()
        assert shown_code(phone) == card_code
        assert phone.fits()
        assert visitor.complaints == []
        assert phone.complaints == []

    def test_works_without_scripts(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=390, js=False)
        give_code(visitor, site, code)
        give_phone(visitor)
        assert shown_code(visitor).startswith("GIFT-")

    def test_works_with_the_keyboard_alone(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=1280)
        visitor.page.goto(f"{site}/redeem/")
        for _ in range(10):
            visitor.page.keyboard.press("Tab")
            if visitor.page.evaluate("document.activeElement.id") == "code":
                break
        visitor.page.keyboard.type(code)
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_selector("#phone")
        for _ in range(10):
            visitor.page.keyboard.press("Tab")
            if visitor.page.evaluate("document.activeElement.id") == "phone":
                break
        visitor.page.keyboard.type(PHONE)
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_selector("#card-code")
        assert Redemption.objects.get().state == "delivered"

    def test_leads_to_one_card_whatever_the_hand_does(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        world.stock(3)
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=1280)
        give_code(visitor, site, code)
        visitor.page.get_by_label("Mobile number").fill(PHONE)
        visitor.page.get_by_role("button", name="Get my gift card").dblclick()
        visitor.page.wait_for_selector("#card-code")
        first = shown_code(visitor)
        visitor.page.reload()
        assert shown_code(visitor) == first
        visitor.page.go_back()
        visitor.page.goto(f"{site}/redeem/")
        assert shown_code(visitor) == first
        other_tab = visitor.context.new_page()
        other_tab.goto(f"{site}/redeem/")
        expect(other_tab.locator("#card-code")).to_be_visible()
        assert Redemption.objects.count() == 1
        assert GiftCard.objects.filter(status="available").count() == 2

    def test_tells_a_typo_before_it_is_sent(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        (code,) = world.invite()
        wrong = code[:3] + ("2" if code[3] != "2" else "3") + code[4:]
        visitor = Visitor(browser, contexts, width=390)
        give_code(visitor, site, wrong)
        expect(visitor.page.get_by_text("One symbol looks wrong.")).to_be_visible()
        assert visitor.page.url.endswith("/redeem/")

    def test_says_in_plain_words_that_a_code_is_unknown(
        self, browser: Browser, contexts: list[BrowserContext], site: str
    ) -> None:
        visitor = Visitor(browser, contexts, width=390)
        give_code(visitor, site, "SPRING-2020")
        error = visitor.page.locator("#code-error")
        expect(error).to_contain_text("try again")
        assert "GC-" not in visitor.page.content()


class TestWaiting:
    def test_turns_into_the_card_by_itself(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=390)
        give_code(visitor, site, code)
        give_phone(visitor)
        expect(visitor.page.get_by_role("heading", name="Yours is reserved")).to_be_visible()
        assert visitor.fits()
        world.stock(1)
        serve_waiting(now=datetime.now(UTC), limit=10)
        # The page asks every 10 seconds; nobody should have to touch it.
        expect(visitor.page.locator("#card-code")).to_be_visible(timeout=20_000)
        assert visitor.complaints == []


class TestSandboxPhone:
    def test_shows_the_text_with_its_link(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=1280)
        give_code(visitor, site, code)
        give_phone(visitor)
        visitor.page.wait_for_selector("#card-code")
        send_due_messages(now=datetime.now(UTC))
        phone = Visitor(browser, contexts, width=390)
        phone.page.goto(f"{site}/sandbox/phone/")
        link = phone.page.locator("#screen a[href*='/r/']")
        expect(link).to_be_visible()
        link.click()
        phone.page.get_by_role("button", name="Show my gift card").click()
        assert shown_code(phone) == shown_code(visitor)
        assert phone.complaints == []


class TestWeight:
    def test_of_the_first_page_is_under_60_kb_and_all_from_here(
        self, browser: Browser, contexts: list[BrowserContext], site: str
    ) -> None:
        visitor = Visitor(browser, contexts, width=390)
        sizes: dict[str, int] = {}
        visitor.page.on(
            "response", lambda response: sizes.update({response.url: len(response.body())})
        )
        visitor.page.goto(f"{site}/redeem/", wait_until="networkidle")
        assert all(url.startswith(site) for url in sizes)
        assert sum(sizes.values()) < 60_000
