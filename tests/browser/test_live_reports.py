"""The live, daily, brands and goals reports in a real browser: wide and narrow, dark, in print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from credit.models import Membership
from redemption.models import Redemption
from tests.browser.conftest import Visitor
from tests.people import make_person
from tests.redemption.crowd import Crowd, crowd, needs_crowd

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), needs_crowd]

PAGES = ("report-live", "report-daily", "report-brands", "report-goals")
Role = Membership.Role


@pytest.fixture
def people() -> Crowd:
    return crowd(3_000, days=70)


def sign_in(
    browser: Browser,
    contexts: list[BrowserContext],
    site: str,
    people: Crowd,
    role: str = Role.PLATFORM_ADMIN,
    *,
    width: int = 1280,
    js: bool = True,
) -> Visitor:
    user = make_person(is_staff=role == Role.PLATFORM_ADMIN, email="reader@example.com")
    Membership.objects.create(
        user=user,
        role=role,
        agency=people.agencies[0] if role == Role.AGENCY_MANAGER else None,
        client=people.clients[0] if role == Role.CLIENT_MANAGER else None,
    )
    visitor = Visitor(browser, contexts, width=width, js=js)
    visitor.be(user, site)
    return visitor


class TestLook:
    @pytest.mark.parametrize(
        ("width", "role", "media"),
        [
            (390, Role.PLATFORM_ADMIN, "screen"),
            (1280, Role.AGENCY_MANAGER, "screen"),
            (1280, Role.CLIENT_MANAGER, "print"),
        ],
    )
    def test_fits_and_complains_about_nothing(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        people: Crowd,
        width: int,
        role: str,
        media: Literal["screen", "print"],
    ) -> None:
        visitor = sign_in(browser, contexts, site, people, role, width=width)
        visitor.page.emulate_media(media=media)
        for name in PAGES:
            visitor.look_at(site + reverse(name), picture=f"{name}-{media}")


class TestLive:
    def test_shows_what_comes_without_a_reload_unless_it_is_paused(
        self, browser: Browser, contexts: list[BrowserContext], site: str, people: Crowd
    ) -> None:
        visitor = sign_in(browser, contexts, site, people)
        page = visitor.page
        page.goto(site + reverse("report-live"))
        asked = page.locator("#live .stat").first
        expect(asked).to_contain_text("30")
        page.evaluate("document.body.dataset.loaded = 'once'")
        page.get_by_text("Show the numbers").click()
        _come(4)
        # What was opened stays open, whatever is renewed beneath it.
        expect(asked).to_contain_text("34")
        expect(page.locator("#live details")).to_have_attribute("open", "")

        page.get_by_role("button", name="Pause").click()
        _come(2)
        page.wait_for_timeout(6_500)
        expect(asked).to_contain_text("34")
        page.get_by_role("button", name="Go on").click()
        expect(asked).to_contain_text("36")
        assert page.evaluate("document.body.dataset.loaded") == "once"
        assert visitor.complaints == []

    def test_works_without_scripts(
        self, browser: Browser, contexts: list[BrowserContext], site: str, people: Crowd
    ) -> None:
        visitor = sign_in(browser, contexts, site, people, js=False)
        page = visitor.page
        page.goto(site + reverse("report-live"))
        expect(page.get_by_role("button", name="Pause")).to_be_hidden()
        _come(3)
        page.get_by_role("link", name="Renew").click()
        expect(page.locator("#live .stat").first).to_contain_text("33")


class TestDaily:
    @pytest.mark.parametrize("js", [True, False])
    def test_is_asked_for_and_ended_on_its_page(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        people: Crowd,
        settings: object,
        js: bool,
    ) -> None:
        settings.EMAIL_ENABLED = True  # type: ignore[attr-defined]
        visitor = sign_in(browser, contexts, site, people, Role.CLIENT_MANAGER, js=js)
        page = visitor.page
        page.goto(site + reverse("report-daily"))
        page.get_by_label("At", exact=True).select_option("6")
        page.get_by_label("On the clock of").select_option("America/New_York")
        page.get_by_role("button", name="Send it to me").click()
        expect(page.get_by_text("each day at 06:00, America/New York")).to_be_visible()
        page.get_by_role("button", name="Send it no more").click()
        expect(page.get_by_text("You get no daily report by mail any more.")).to_be_visible()
        expect(page.get_by_role("button", name="Send it to me")).to_be_visible()


def _come(count: int) -> None:
    """Let some of the crowd ask now instead of a month ago."""
    ids = Redemption.objects.filter(is_test=False, state="delivered").order_by("created_at")
    chosen = list(ids.values_list("pk", flat=True)[:count])
    Redemption.objects.filter(pk__in=chosen).update(created_at=datetime.now(UTC))
