"""Every state of the customers' pages as axe-core sees it, in light and dark, narrow and wide."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from pytest_django import Settings

from credit.models import ClientLook
from redemption.models import Campaign, Condition, Redemption
from redemption.services.links import derive_reveal_token
from redemption.services.opt_ins import ask_for_opt_in
from sms.services.requests import derive_opt_in_token
from tests.browser.axe import violations, violations_in_both
from tests.browser.conftest import Visitor
from tests.browser.test_main_job import give_code, give_phone
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    world = build_world()
    # The palest of colours, so that it is the pages which make it readable.
    ClientLook.objects.create(client=world.client, colour="#ffe600")
    world.brand.instructions = "Show the code at the till.\nOr enter it online."
    world.brand.terms_url = "https://www.example.com/terms"
    world.brand.disclosure = "Issued by Acorn Shop. Not for cash."
    world.brand.save()
    return world


@pytest.fixture(params=[320, 1280])
def visitor(
    request: pytest.FixtureRequest, browser: Browser, contexts: list[BrowserContext]
) -> Visitor:
    return Visitor(browser, contexts, width=request.param)


def check(visitor: Visitor, heading: str) -> None:
    """Hold the page with this heading to axe-core and to its width."""
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(heading)
    assert visitor.fits()
    assert violations_in_both(visitor.page) == []


class TestAxe:
    def test_sees_what_is_wrong(self, visitor: Visitor) -> None:
        # The control: a field without a name, and grey on grey.
        visitor.page.set_content(
            "<html lang='en'><title>x</title><main><h1>x</h1><input>"
            "<p style='color:#bbb;background:#ccc'>pale</p></main></html>"
        )
        found = " ".join(violations(visitor.page))
        assert "color-contrast" in found
        assert "label:" in found


class TestForm:
    def test_asks_for_the_code(self, visitor: Visitor, site: str, world: World) -> None:
        visitor.page.goto(f"{site}/redeem/")
        check(visitor, "You have a gift card waiting")
        give_code(visitor, site, "SPRING-2020")
        expect(visitor.page.locator("#code-error")).to_contain_text("try again")
        check(visitor, "You have a gift card waiting")

    def test_asks_where_to_send_and_which_card(
        self, visitor: Visitor, site: str, world: World, settings: Settings
    ) -> None:
        settings.EMAIL_ENABLED = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        Campaign.objects.update(second_factor="last_name")
        first = world.condition
        Condition.objects.create(
            campaign=world.campaign,
            number=2,
            name="Came twice",
            brand=first.brand,
            card_value_minor=first.card_value_minor,
            currency=first.currency,
            pool=first.pool,
        )
        world.stock(1)
        (code,) = world.invite()
        give_code(visitor, site, code)
        check(visitor, "Good news, your code works")
        visitor.page.get_by_role("button", name="Get my gift card").click()
        expect(visitor.page.locator("[aria-invalid=true]").first).to_be_visible()
        check(visitor, "Good news, your code works")

    @pytest.mark.parametrize("scannable", ["qr", "code128"])
    def test_shows_the_card_and_keeps_it_from_strangers(
        self, visitor: Visitor, site: str, world: World, scannable: str
    ) -> None:
        world.brand.scannable = scannable
        world.brand.save()
        world.stock(1)
        (code,) = world.invite()
        give_code(visitor, site, code)
        give_phone(visitor)
        check(visitor, "Here is your gift card")
        visitor.context.clear_cookies()
        give_code(visitor, site, code)
        check(visitor, "Already redeemed")
        visitor.page.get_by_role("button", name="Send me the link again").click()
        check(visitor, "The link is on its way")
        assert visitor.page.url == f"{site}/redeem/again/"

    def test_shows_a_test_card_as_one(self, visitor: Visitor, site: str, world: World) -> None:
        (code,) = world.invite(is_test=True)
        give_code(visitor, site, code)
        give_phone(visitor)
        check(visitor, "Here is your gift card")
        expect(visitor.page.get_by_text("This is a test card.")).to_be_visible()

    @pytest.mark.parametrize(
        ("change", "heading"),
        [
            ({}, "Yours is reserved"),
            ({"approval_required": True}, "Nearly there, one check to go"),
            ({"opt_in_required": True}, "Please answer our text"),
        ],
        ids=["stock", "approval", "opt-in"],
    )
    def test_says_what_a_reward_waits_for(
        self, visitor: Visitor, site: str, world: World, change: dict[str, bool], heading: str
    ) -> None:
        Campaign.objects.update(**change)
        if change:
            world.stock(1)
        (code,) = world.invite()
        give_code(visitor, site, code)
        give_phone(visitor)
        check(visitor, heading)

    @pytest.mark.parametrize(
        ("change", "heading"),
        [
            ({"status": Campaign.Status.PAUSED}, "Offer not open"),
            ({"claim_expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, "Code expired"),
        ],
    )
    def test_says_why_not(
        self, visitor: Visitor, site: str, world: World, change: dict[str, object], heading: str
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        Campaign.objects.update(**change)
        give_code(visitor, site, code)
        check(visitor, heading)


class TestReveal:
    def test_asks_to_press_and_says_when_it_is_anothers(
        self, visitor: Visitor, site: str, world: World, browser: Browser
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        give_code(visitor, site, code)
        give_phone(visitor)
        expect(visitor.page.locator("#card-code")).to_be_visible()
        visitor.context.clear_cookies()
        reward = Redemption.objects.get()
        link = f"{site}/r/{derive_reveal_token(redemption_id=reward.pk, version=1)}/"
        visitor.page.goto(link)
        check(visitor, "A Acorn Shop gift card for you")
        visitor.page.get_by_role("button", name="Show my gift card").click()
        check(visitor, "Here is your gift card")
        visitor.context.clear_cookies()
        visitor.page.goto(link)
        check(visitor, "Opened on another device")
        visitor.page.goto(f"{site}/r/{'x' * 22}/")
        check(visitor, "This link doesn't lead anywhere")


class TestOptIn:
    def test_asks_by_a_page(self, visitor: Visitor, site: str, world: World) -> None:
        Campaign.objects.update(opt_in_required=True)
        world.stock(1)
        (code,) = world.invite()
        give_code(visitor, site, code)
        give_phone(visitor)
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Please answer our text")
        ask_for_opt_in(redemption_id=Redemption.objects.get().pk, now=datetime.now(UTC))
        token = derive_opt_in_token(client_id=world.client.pk, phone="+12025550123")
        visitor.page.goto(f"{site}/o/{token}/")
        check(visitor, "Shall we text you your reward?")
        button = visitor.page.get_by_role("button", name="Yes, text me")
        ours = "rgb(15, 92, 76)"
        assert button.evaluate("(one) => getComputedStyle(one).backgroundColor") != ours
        button.click()
        check(visitor, "Thank you")
        visitor.page.goto(f"{site}/o/{'x' * 22}/")
        check(visitor, "This link doesn't lead anywhere")
