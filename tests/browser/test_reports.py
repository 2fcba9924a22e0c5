"""The reports in a real browser: on a phone and a desk, light and dark, by keyboard."""

from __future__ import annotations

import random  # noqa: TID251  the days of a made-up year, by a seed
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from credit.models import Membership
from giftcards.models import Pool
from tests.browser.conftest import Visitor
from tests.people import make_person
from tests.redemption.rewarding import build_pools, give, hand_over, take_back
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = ("reports", "report-cards", "report-inventory", "report-expiring")


@pytest.fixture
def world() -> World:
    """A month of rewards from three pools, one of which is empty, and cards that expire."""
    world, other, (own, others, master) = build_pools()
    now, chance = datetime.now(UTC), random.Random(6)
    for back in range(24):
        for who, pool in ((world, own), (world, master), (other, others)):
            if chance.random() < (0.2, 0.9)[pool is own]:
                reward = give(who, pool, now - timedelta(days=back, hours=chance.random() * 9))
                hand_over(reward, chance.choice([0, 2, 3, 61, 500]))
    take_back(give(world, own, now), "failed")
    world.stock(25)
    world.stock(9, pool=master)
    world.stock(30, expires_on=now.date() + timedelta(days=21))
    Pool.objects.create(
        name="A pool for the autumn with a name as long as people make them",
        brand=world.brand,
        denomination=world.denomination,
        kind=Pool.Kind.CLIENT,
        client=world.client,
        reserved=True,
    )
    Pool.objects.filter(pk=others.pk).update(archived_at=now)
    return world


@pytest.fixture
def visit(browser: Browser, contexts: list[BrowserContext], site: str, world: World) -> Visit:
    return Visit(browser, contexts, site, world)


class Visit:
    """Somebody who may read reports, at a screen."""

    def __init__(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        self.browser, self.contexts, self.site, self.world = browser, contexts, site, world

    def sign_in(self, role: str, *, width: int, js: bool = True) -> Visitor:
        user = make_person(is_staff=role == Membership.Role.PLATFORM_ADMIN)
        agency = self.world.agency if role == Membership.Role.AGENCY_MANAGER else None
        client = self.world.client if role == Membership.Role.CLIENT_MANAGER else None
        Membership.objects.create(user=user, role=role, agency=agency, client=client)
        visitor = Visitor(self.browser, self.contexts, width=width, js=js)
        visitor.be(user, self.site)
        visitor.page.goto(f"{self.site}/")
        return visitor


class TestReportsInABrowser:
    @pytest.mark.parametrize(
        ("width", "role"),
        [(390, Membership.Role.PLATFORM_ADMIN), (1280, Membership.Role.AGENCY_MANAGER)],
    )
    def test_fit_and_complain_about_nothing(self, visit: Visit, width: int, role: str) -> None:
        visitor = visit.sign_in(role, width=width)
        addresses = {name: reverse(name) for name in PAGES}
        addresses["nothing"] = f"{addresses['report-inventory']}?level=green&kind="
        for name, address in addresses.items():
            visitor.look_at(visit.site + address, picture=name)

    @pytest.mark.parametrize("js", [True, False])
    def test_are_found_narrowed_and_taken_away(self, visit: Visit, js: bool) -> None:
        visitor = visit.sign_in(Membership.Role.AGENCY_MANAGER, width=1280, js=js)
        page = visitor.page
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Reports").click()
        page.get_by_role("main").get_by_role("link", name="Cards").first.click()
        row = page.get_by_role("row", name="Acorn pool")
        expect(row).to_be_visible()
        page.get_by_role("link", name="By brand").click()
        expect(page.get_by_role("heading", name="By brand")).to_be_visible()
        page.get_by_label("From").fill("2020-01-01")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("Choose at most three years.")).to_be_visible()
        page.get_by_role("link", name="12 months").click()
        expect(page.get_by_role("heading", name="By brand")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download as CSV").click()
        assert download.value.suggested_filename.startswith("cards-by-brand-")
        assert visitor.complaints in ([], [_BAD_REQUEST])

    def test_are_worked_by_keyboard(self, visit: Visit) -> None:
        visitor = visit.sign_in(Membership.Role.PLATFORM_ADMIN, width=1280)
        page = visitor.page
        page.goto(visit.site + reverse("report-inventory"))
        empty = page.get_by_role("link", name="Empty (1)")
        empty.focus()
        expect(empty).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url("**level=empty**")
        expect(page.get_by_text("A pool for the autumn").first).to_be_visible()
        search = page.get_by_label("The last 4 of its code")
        search.focus()
        expect(search).to_be_focused()
        page.keyboard.type("ABCD")
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/giftcards/giftcard/?q=ABCD")


# What Chromium says of a page that is answered with 400.
_BAD_REQUEST = "Failed to load resource: the server responded with a status of 400 (Bad Request)"
