"""Pools, campaigns, places, delivery and agents in a real browser, of a crowd's year."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext

from credit.models import Membership
from tests.browser.conftest import Visitor
from tests.people import make_person
from tests.redemption.crowd import Crowd, crowd, needs_crowd

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), needs_crowd]

PAGES = ("report-pools", "report-campaigns", "report-geography", "report-delivery", "report-agents")


@pytest.fixture
def people() -> Crowd:
    return crowd(2_000)


class TestMoreReportsInABrowser:
    @pytest.mark.parametrize(
        ("width", "role"),
        [(390, Membership.Role.PLATFORM_ADMIN), (1280, Membership.Role.AGENCY_MANAGER)],
    )
    def test_fit_and_complain_about_nothing(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        people: Crowd,
        width: int,
        role: str,
    ) -> None:
        visitor = self._sign_in(Visitor(browser, contexts, width=width), site, people, role)
        addresses = {name: f"{reverse(name)}?period=12m" for name in PAGES}
        addresses["report-pool"] = reverse("report-pool", args=[people.pools[6].pk])
        quiet = people.until.date() - timedelta(days=700)
        addresses["nothing"] = f"{reverse('report-campaigns')}?from={quiet}&to={quiet}"
        for name, address in addresses.items():
            visitor.look_at(site + address, picture=name)

    def _sign_in(self, visitor: Visitor, site: str, people: Crowd, role: str) -> Visitor:
        user = make_person(is_staff=role == Membership.Role.PLATFORM_ADMIN)
        client = people.clients[0]
        Membership.objects.create(
            user=user,
            role=role,
            agency=client.agency if role == Membership.Role.AGENCY_MANAGER else None,
            client=client if role == Membership.Role.CLIENT_MANAGER else None,
        )
        visitor.be(user, site)
        return visitor
