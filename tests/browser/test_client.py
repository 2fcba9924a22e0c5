"""A client's pages as its manager uses them: in Chromium, wide and narrow, light and dark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from alerts.transactions import transaction
from credit.models import Account, Membership, User
from credit.selectors.balances import balance_of
from credit.selectors.viewers import SYSTEM
from credit.services.ledger import allocate
from giftcards.models import AgencyBrand, Brand, ClientBrand, ClientDenomination, Denomination
from redemption.models import Campaign, Condition, Redemption
from redemption.services.budgets import review_account, switch_budget
from redemption.services.redeem import Caller, Contact, redeem
from tests.browser.conftest import Visitor
from tests.staff import make_user
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Scheme = Literal["light", "dark"]
NOW = datetime.now(UTC)


@pytest.fixture
def world() -> World:
    """A client with a year behind it: a campaign that runs, one that can't pay, one that rests."""
    world = build_world(credit_minor=900_000)
    AgencyBrand.objects.create(agency=world.agency, brand=world.brand, markup_basis_points=800)
    Denomination.objects.create(brand=world.brand, value_minor=5000, currency="USD")
    other = Brand.objects.create(name="Halcyon Outdoors & Mountain Supplies", slug="halcyon")
    for value in (1000, 10_000):
        Denomination.objects.create(brand=other, value_minor=value, currency="USD")
    moments = [
        NOW - timedelta(days=30 * month, minutes=n)
        for month in range(12)
        for n in range(1 + (month * 7) % 4)
    ]
    world.stock(len(moments))
    for code, at in zip(world.invite(len(moments)), moments, strict=True):
        redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="sms", to="+12025550123"),
            code=code,
            now=at,
        )
    for name, status in (("Meter Reading Reward of Autumn", "active"), ("Winter Draft", "draft")):
        campaign = Campaign.objects.create(
            client=world.client, name=name, status=status, account=world.account
        )
        Condition.objects.create(
            campaign=campaign, number=1, name="x", brand=world.brand, card_value_minor=2500
        )
    poor = Campaign.objects.get(name="Meter Reading Reward of Autumn")
    switch_budget(viewer=SYSTEM, campaign_id=poor.pk, mode="isolated", now=NOW)
    own = Account.objects.get(level="campaign")
    with transaction():
        allocate(
            from_account=world.account,
            to_account=own,
            amount_minor=1_000,
            actor="system",
            key=f"test:{uuid4()}",
            now=NOW,
        )
    review_account(account_id=own.pk, now=NOW)
    return world


@pytest.fixture
def user(world: World) -> User:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=Membership.Role.CLIENT_MANAGER, client=world.client)
    return user


def sit_down(
    browser: Browser,
    contexts: list[BrowserContext],
    site: str,
    user: User,
    *,
    width: int = 1280,
    js: bool = True,
) -> Visitor:
    """Let the person sit at a screen where they are signed in."""
    visitor = Visitor(browser, contexts, width=width, js=js)
    visitor.be(user, site)
    return visitor


class TestClientPages:
    @pytest.mark.parametrize("width", [1280, 320])
    def test_open_without_a_complaint_and_stick_out_nowhere(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        user: User,
        width: int,
    ) -> None:
        visitor = sit_down(browser, contexts, site, user, width=width)
        client_id = world.client.pk
        for name, args in (
            ("client-overview", [client_id]),
            ("client-brands", [client_id]),
            ("client-warning", [client_id]),
            ("client-budget", [client_id, world.campaign.pk]),
        ):
            visitor.look_at(site + reverse(name, args=args), picture=name)

    @pytest.mark.parametrize("width", [1280, 320])
    def test_switch_a_budget_and_undo_it(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        user: User,
        width: int,
    ) -> None:
        visitor = sit_down(browser, contexts, site, user, width=width)
        page = visitor.page
        page.goto(f"{site}/client/")
        page.get_by_role("link", name="Own budget – Acorn campaign").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name="a budget of its own?")).to_be_focused()
        assert visitor.fits()
        visitor.keep_picture("dialog-budget")
        dialog.get_by_role("link", name="Leave it as it is").click()
        expect(dialog).to_be_hidden()
        page.get_by_role("link", name="Own budget – Acorn campaign").click()
        dialog.get_by_role("button", name="Give it its own budget").click()
        expect(page.get_by_text("has a budget of its own now: $0.00.")).to_be_visible()
        world.campaign.refresh_from_db()
        assert (world.campaign.budget_mode, world.campaign.status) == ("isolated", "depleted")
        assert visitor.fits()
        visitor.keep_picture("after-budget")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("shares the budget of Acorn Ltd now.")).to_be_visible()
        world.campaign.refresh_from_db()
        assert (world.campaign.budget_mode, world.campaign.status) == ("shared", "active")
        assert visitor.complaints == []

    @pytest.mark.parametrize("width", [1280, 320])
    def test_allocate_to_a_campaign_which_then_goes_on(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        user: User,
        width: int,
    ) -> None:
        poor = Campaign.objects.get(name="Meter Reading Reward of Autumn")
        assert poor.status == "depleted"
        before = balance_of(world.account.pk)
        visitor = sit_down(browser, contexts, site, user, width=width)
        page = visitor.page
        page.goto(f"{site}/client/")
        page.get_by_role("link", name="Allocate – Meter Reading Reward of Autumn").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Amount in USD").fill("500.00")
        assert visitor.fits()
        visitor.keep_picture("dialog-allocate")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog.get_by_role("heading", name="Move $500.00?")).to_be_visible()
        dialog.get_by_role("button", name="Move $500.00").click()
        expect(page.get_by_text("$500.00 moved to Meter Reading Reward of Autumn")).to_be_visible()
        poor.refresh_from_db()
        assert poor.status == "active"
        assert poor.account_id is not None
        assert balance_of(poor.account_id) == 51_000
        assert balance_of(world.account.pk) == before - 50_000
        assert visitor.complaints == []

    @pytest.mark.parametrize("width", [1280, 320])
    def test_choose_brands_and_values(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        user: User,
        width: int,
    ) -> None:
        visitor = sit_down(browser, contexts, site, user, width=width)
        page = visitor.page
        page.goto(site + reverse("client-brands", args=[world.client.pk]))
        switch = page.get_by_role("switch", name="Hand out Acorn Shop $50.00")
        expect(switch).to_be_checked()
        switch.click()
        expect(switch).not_to_be_checked()
        expect(switch).to_be_focused()
        expect(page.get_by_text("Acorn Shop $50.00 is no longer handed out.")).to_be_visible()
        assert ClientDenomination.objects.get().is_offered is False
        assert visitor.fits()
        brand = page.get_by_role("switch", name="Hand out Acorn Shop", exact=True)
        brand.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("Meter Reading Reward of Autumn")).to_be_visible()
        visitor.keep_picture("dialog-brand")
        dialog.get_by_role("link", name="Keep it").click()
        expect(brand).to_be_checked()
        assert not ClientBrand.objects.exists()
        brand.click()
        dialog.get_by_role("button", name="Stop handing it out").click()
        expect(page.get_by_text("Acorn Shop is no longer handed out.")).to_be_visible()
        expect(brand).not_to_be_checked()
        visitor.keep_picture("after-brand")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("Acorn Shop is handed out again.")).to_be_visible()
        assert ClientBrand.objects.get().is_offered is True
        assert visitor.complaints == []

    def test_do_all_of_it_without_scripts(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        user: User,
    ) -> None:
        page = sit_down(browser, contexts, site, user, js=False).page
        page.goto(f"{site}/client/")
        page.get_by_role("link", name="Own budget – Acorn campaign").click()
        page.get_by_role("button", name="Give it its own budget").click()
        expect(page.get_by_text("has a budget of its own now")).to_be_visible()
        page.goto(site + reverse("client-brands", args=[world.client.pk]))
        page.get_by_role("switch", name="Hand out Acorn Shop", exact=True).click()
        page.get_by_role("button", name="Stop handing it out").click()
        expect(page.get_by_text("Acorn Shop is no longer handed out.")).to_be_visible()
        assert ClientBrand.objects.get().is_offered is False

    def test_switch_a_budget_with_the_keyboard_alone(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        user: User,
    ) -> None:
        visitor = sit_down(browser, contexts, site, user)
        page = visitor.page
        page.goto(f"{site}/client/")

        def tab_to(words: str) -> None:
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate(
                    "words => document.activeElement.matches('a, button')"
                    " && document.activeElement.textContent.includes(words)",
                    words,
                ):
                    return
            raise AssertionError(f"The keyboard does not reach “{words}”.")

        tab_to("Own budget – Acorn campaign")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.locator("a:focus, button:focus")).to_contain_text("Own budget")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        tab_to("Give it its own budget")
        page.keyboard.press("Enter")
        expect(page.get_by_text("has a budget of its own now")).to_be_visible()
        tab_to("Undo")
        page.keyboard.press("Enter")
        expect(page.get_by_text("shares the budget of Acorn Ltd now.")).to_be_visible()
        world.campaign.refresh_from_db()
        assert world.campaign.budget_mode == "shared"
        assert visitor.complaints == []
