"""A call at the desk in Chromium: by keys alone, with a scanner, by two agents, on a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from credit.models import User
from redemption.models import CallSession, Condition, Redemption
from sms.models import Message
from tests.browser.axe import violations
from tests.browser.conftest import Scheme, Visitor
from tests.browser.desk_visit import sit_at_desk
from tests.redemption.desking import PHONE, ask_to_check, make_agent, someone
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(3)
    ask_to_check(world, "Name and town match", "The appointment is over")
    Condition.objects.create(
        campaign=world.campaign,
        number=2,
        name="Signed up for paperless billing",
        brand=world.brand,
        card_value_minor=2500,
        currency="USD",
        pool=world.pool,
    )
    return world


@pytest.fixture
def agent(world: World) -> User:
    return make_agent(world.client, name="Bea")


@pytest.fixture
def visitor(browser: Browser, contexts: list[BrowserContext], site: str, agent: User) -> Visitor:
    return sit_at_desk(browser, contexts, site, agent)


class Keyboard:
    """Hands on a keyboard: counts every key but those of what is dictated or scanned."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.strokes: list[str] = []

    def press(self, *keys: str) -> None:
        for key in keys:
            # A combination is as many strokes as keys.
            self.strokes += key.split("+")
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)


def find_field(page: Page) -> Any:
    return page.get_by_label("Code, phone, last name or CRM id")


class TestWholeCall:
    def test_takes_under_fifteen_keys_and_no_mouse(self, world: World, visitor: Visitor) -> None:
        recipient, code = someone(world)
        page = visitor.page
        keys = Keyboard(page)
        expect(find_field(page)).to_be_focused()
        keys.type(code)
        keys.press("Enter")
        expect(page.get_by_role("radio", name="Came to the appointment")).to_be_focused()
        keys.press("1")
        expect(page.get_by_label("Name and town match")).to_be_focused()
        keys.press("Space")
        expect(page.get_by_label("The appointment is over")).to_be_focused()
        keys.press("Space")
        expect(page.get_by_role("button", name=re.compile("Give the card"))).to_be_focused()
        keys.press("Enter")
        expect(page.locator("#card-code")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Reward given"))).to_be_focused()
        keys.press("Alt+t")
        expect(page.get_by_label("Notes")).to_be_focused()
        keys.type("Was glad")
        keys.press("Alt+e", "1")
        expect(page.get_by_text("Call ended.")).to_be_visible()
        expect(find_field(page)).to_be_focused()
        assert len(keys.strokes) < 15, keys.strokes
        call = CallSession.objects.get()
        assert (call.outcome, call.notes) == ("rewarded", "Was glad")
        reward = Redemption.objects.get()
        assert (reward.recipient, reward.door, reward.contact_to) == (recipient, "desk", PHONE)
        assert visitor.complaints == []

    def test_goes_on_where_it_was_after_a_crash(
        self,
        world: World,
        agent: User,
        visitor: Visitor,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
    ) -> None:
        _recipient, code = someone(world)
        find_field(visitor.page).fill(code)
        visitor.page.keyboard.press("Enter")
        visitor.page.get_by_label("Notes").fill("half a thought")
        expect(visitor.page.get_by_text("✓ Saved")).to_be_visible()
        visitor.context.close()
        contexts.remove(visitor.context)
        again = sit_at_desk(browser, contexts, site, agent)
        expect(again.page.get_by_role("heading", name="Ana Sample")).to_be_visible()
        expect(again.page.get_by_label("Notes")).to_have_value("half a thought")


class TestScanner:
    def test_finds_the_field_wherever_the_cursor_is(self, world: World, visitor: Visitor) -> None:
        _recipient, code = someone(world)
        page = visitor.page
        page.locator("#desk-find").evaluate("element => element.blur()")
        page.keyboard.type(code)  # as fast as a scanner
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Ana Sample")).to_be_visible()
        assert visitor.complaints == []


class TestIncoming:
    def test_is_taken_with_one_key(self, world: World, visitor: Visitor, site: str) -> None:
        someone(world)
        page = visitor.page
        page.goto(f"{site}/desk/?caller=%2B12025550143")
        expect(page.locator(".desk-match")).to_be_focused()
        assert not CallSession.objects.exists()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Ana Sample")).to_be_visible()
        assert CallSession.objects.get().caller == PHONE

    def test_is_chosen_by_number_where_several_share_the_phone(
        self, world: World, visitor: Visitor, site: str
    ) -> None:
        someone(world)
        someone(world, first_name="Ben")
        page = visitor.page
        page.goto(f"{site}/desk/?caller=%2B12025550143")
        expect(page.locator(".desk-match").first).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.locator(".desk-match").nth(1)).to_be_focused()
        page.keyboard.press("1")
        expect(page.get_by_role("heading", name="Ben Sample")).to_be_visible()


class TestCard:
    @pytest.fixture
    def given(self, world: World, visitor: Visitor) -> Visitor:
        _recipient, code = someone(world)
        page = visitor.page
        find_field(page).fill(code)
        page.keyboard.press("Enter")
        page.get_by_role("radio", name="Signed up").check()
        page.keyboard.press("Alt+p")
        expect(page.locator("#card-code")).to_be_visible()
        return visitor

    def test_is_copied_whole_with_nothing_selected(self, given: Visitor) -> None:
        given.context.grant_permissions(["clipboard-read", "clipboard-write"])
        given.page.keyboard.press("Control+c")
        copied = given.page.evaluate("navigator.clipboard.readText()")
        code = given.page.locator("#card-code").inner_text()
        assert f"Code: {code}" in copied
        assert "PIN: 4321" in copied
        assert "Acorn Shop $25.00" in copied

    def test_is_left_alone_by_copying_what_is_selected(self, given: Visitor) -> None:
        given.context.grant_permissions(["clipboard-read", "clipboard-write"])
        given.page.locator(".desk-person h2").select_text()
        given.page.keyboard.press("Control+c")
        assert given.page.evaluate("navigator.clipboard.readText()").strip() == "Ana Sample"

    def test_sounds_unless_it_is_muted(self, given: Visitor) -> None:
        page = given.page
        assert page.evaluate("document.documentElement.dataset.deskSound") == "good"
        page.keyboard.press("Alt+m")
        expect(page.get_by_role("button", name="Sound off")).to_have_attribute(
            "aria-pressed", "true"
        )
        page.reload()
        expect(page.get_by_role("button", name="Sound off")).to_be_visible()

    def test_is_followed_by_its_text_without_a_reload(self, given: Visitor) -> None:
        page = given.page
        page.evaluate("window.stillHere = true")
        expect(page.get_by_text("Text on its way")).to_be_visible()
        Message.objects.update(state="delivered", next_attempt_at=None)
        expect(page.get_by_text("Text arrived")).to_be_visible()
        assert page.evaluate("window.stillHere") is True

    def test_leads_to_a_corrected_number_when_the_text_fails(self, given: Visitor) -> None:
        page = given.page
        Message.objects.update(state="undelivered", error_code="30003", next_attempt_at=None)
        expect(page.get_by_role("heading", name="The text did not arrive")).to_be_visible()
        page.keyboard.press("Alt+r")
        field = page.get_by_label("Mobile number").first
        expect(field).to_be_focused()
        field.fill("+12025550177")
        page.keyboard.press("Enter")
        expect(page.get_by_text("On its way to •••0177")).to_be_visible()
        assert Message.objects.filter(to="+12025550177").count() == 1


class TestKeys:
    def test_are_shown_by_a_question_mark_outside_of_fields(self, visitor: Visitor) -> None:
        page = visitor.page
        expect(find_field(page)).to_be_focused()
        page.keyboard.type("?")
        expect(find_field(page)).to_have_value("?")
        expect(page.get_by_role("dialog")).to_have_count(0)
        find_field(page).fill("")
        page.locator("#desk-find").evaluate("element => element.blur()")
        page.keyboard.type("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

    def test_undo_an_end_that_was_a_slip(self, world: World, visitor: Visitor) -> None:
        _recipient, code = someone(world)
        page = visitor.page
        find_field(page).fill(code)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Ana Sample")).to_be_visible()
        page.keyboard.press("Alt+e")
        page.keyboard.press("6")
        expect(page.get_by_text("Call ended.")).to_be_visible()
        page.keyboard.press("Alt+z")
        expect(page.get_by_role("heading", name="Ana Sample")).to_be_visible()

    def test_mean_what_had_the_cursor_when_they_were_pressed(
        self, world: World, visitor: Visitor
    ) -> None:
        _recipient, code = someone(world)
        page = visitor.page
        find_field(page).fill(code)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Ana Sample")).to_be_visible()
        page.keyboard.press("Alt+e")
        # The page moves the cursor before the key is known not to come from a scanner.
        page.evaluate(
            """() => {
                const key = { key: "6", bubbles: true, cancelable: true };
                document.activeElement.dispatchEvent(new KeyboardEvent("keydown", key));
                document.querySelector("#give [name=condition_number]").focus();
            }"""
        )
        expect(page.get_by_text("Call ended.")).to_be_visible()


class TestNetwork:
    def test_away_is_said_and_the_next_press_goes_on(self, world: World, visitor: Visitor) -> None:
        _recipient, code = someone(world)
        page = visitor.page
        visitor.context.set_offline(offline=True)
        find_field(page).fill(code)
        page.keyboard.press("Enter")
        expect(page.get_by_text("No connection.")).to_be_visible()
        visitor.context.set_offline(offline=False)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Ana Sample")).to_be_visible()
        expect(page.get_by_text("No connection.")).to_be_hidden()


class TestTwoAgents:
    def test_see_each_other(
        self,
        world: World,
        visitor: Visitor,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
    ) -> None:
        _recipient, code = someone(world)
        find_field(visitor.page).fill(code)
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.locator("#give")).to_be_visible()
        second = sit_at_desk(browser, contexts, site, make_agent(world.client, name="Cal"))
        find_field(second.page).fill(code)
        second.page.keyboard.press("Enter")
        expect(second.page.get_by_text("Bea has had this person since")).to_be_visible()
        expect(second.page.locator("#give")).to_have_count(0)


class TestScreen:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 320])
    def test_fits_and_is_for_everybody(
        self,
        world: World,
        agent: User,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        width: int,
        scheme: Scheme,
    ) -> None:
        _recipient, code = someone(world, email="a-rather-long-address@mail.example.com")
        visitor = sit_at_desk(browser, contexts, site, agent, width=width, scheme=scheme)
        page = visitor.page
        assert visitor.fits()
        assert violations(page) == []
        find_field(page).fill("0000-0000-00000")
        page.get_by_role("button", name="Find").click()
        expect(page.locator(".desk-problem")).to_be_visible()
        assert visitor.fits()
        assert violations(page) == []
        find_field(page).fill(code)
        page.get_by_role("button", name="Find").click()
        expect(page.locator("#give")).to_be_visible()
        assert visitor.fits()
        assert violations(page) == []
        page.get_by_role("radio", name="Signed up").check()
        page.get_by_role("button", name=re.compile("Give the card")).click()
        expect(page.locator("#card-code")).to_be_visible()
        assert visitor.fits()
        assert violations(page) == []
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("input:not([type=hidden]), textarea, select")]
              .filter((one) => !one.labels?.length && !one.getAttribute("aria-label"))
              .map((one) => one.outerHTML)"""
        )
        assert unnamed == []
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids))
        assert visitor.complaints == []

    def test_works_without_scripts(
        self,
        world: World,
        agent: User,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
    ) -> None:
        _recipient, code = someone(world)
        visitor = sit_at_desk(browser, contexts, site, agent, js=False)
        page = visitor.page
        find_field(page).fill(code)
        page.get_by_role("button", name="Find").click()
        page.get_by_role("radio", name="Signed up").check()
        page.get_by_role("button", name=re.compile("Give the card")).click()
        expect(page.locator("#card-code")).to_be_visible()
        page.get_by_label("Notes").fill("by hand")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name=re.compile("Reward given")).click()
        expect(page.get_by_text("Call ended.")).to_be_visible()
        assert CallSession.objects.get().notes == "by hand"
