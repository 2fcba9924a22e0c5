"""Pools, campaigns, places, delivery and agents in a real browser, of a crowd's year."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext

from credit.models import Membership
from tests.browser.conftest import Visitor
from tests.people import PASSWORD, make_person
from tests.redemption.crowd import Crowd, crowd, needs_crowd

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), needs_crowd]

# For a look at the pages: SHOTS=/some/folder pytest tests/browser/test_more_reports.py
SHOTS = os.environ.get("SHOTS", "")
PAGES = ("report-pools", "report-campaigns", "report-geography", "report-delivery", "report-agents")


@pytest.fixture
def people() -> Crowd:
    return crowd(2_000)


class TestMoreReportsInABrowser:
    @pytest.mark.parametrize(
        ("width", "scheme", "role"),
        [
            (390, "light", Membership.Role.CLIENT_MANAGER),
            (390, "dark", Membership.Role.PLATFORM_ADMIN),
            (1280, "light", Membership.Role.PLATFORM_ADMIN),
            (1280, "dark", Membership.Role.AGENCY_MANAGER),
        ],
    )
    def test_fit_and_complain_about_nothing(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        people: Crowd,
        width: int,
        scheme: str,
        role: str,
    ) -> None:
        visitor = self._sign_in(Visitor(browser, contexts, width=width), site, people, role, scheme)
        addresses = {name: f"{reverse(name)}?period=12m" for name in PAGES}
        addresses["report-pool"] = reverse("report-pool", args=[people.pools[6].pk])
        quiet = people.until.date() - timedelta(days=700)
        addresses["nothing"] = f"{reverse('report-campaigns')}?from={quiet}&to={quiet}"
        for name, address in addresses.items():
            answer = visitor.page.goto(site + address, wait_until="networkidle")
            assert answer is not None
            assert answer.status == 200, name
            self._shoot(visitor, f"{name}-{width}-{scheme}")
            for summary in visitor.page.locator("summary").all():
                summary.click()
            assert visitor.fits(), name
            assert visitor.complaints == [], name
            if scheme == "light":
                visitor.page.emulate_media(media="print")
                self._shoot(visitor, f"{name}-{width}-print")
                visitor.page.emulate_media(media="screen")

    def _sign_in(
        self, visitor: Visitor, site: str, people: Crowd, role: str, scheme: str
    ) -> Visitor:
        user = make_person(is_staff=role == Membership.Role.PLATFORM_ADMIN)
        client = people.clients[0]
        Membership.objects.create(
            user=user,
            role=role,
            agency=client.agency if role == Membership.Role.AGENCY_MANAGER else None,
            client=client if role == Membership.Role.CLIENT_MANAGER else None,
        )
        visitor.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        visitor.page.goto(f"{site}/login/")
        visitor.page.get_by_label("User name").fill(user.username)
        visitor.page.get_by_label("Password").fill(PASSWORD)
        visitor.page.get_by_role("button", name="Sign in").click()
        visitor.page.wait_for_url(lambda url: "/login/" not in url)
        return visitor

    def _shoot(self, visitor: Visitor, name: str) -> None:
        if SHOTS:
            # Hiding the caret would need a style that the pages' policy refuses.
            visitor.page.screenshot(
                path=Path(SHOTS) / f"{name}.png", full_page=True, caret="initial"
            )
