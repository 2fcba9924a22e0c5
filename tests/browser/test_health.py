"""The daily health page in a real browser, on a desk's screen, on a phone and on paper."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestHealthInABrowser:
    def test_is_read_and_leads_to_the_runbook(self, operator: Visitor, site: str) -> None:
        page = operator.page
        page.goto(f"{site}/admin/health/")
        expect(page.get_by_role("heading", name="All is well")).to_be_visible()
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            expect(page.get_by_role("link", name="Messages delivered", exact=True)).to_be_visible()
            assert operator.fits()
        page.emulate_media(media="print")
        expect(page.get_by_role("link", name="Stuck cards", exact=True)).to_be_visible()
        page.emulate_media(media="screen")
        page.get_by_role("link", name="The runbook on: Stuck cards").click()
        expect(page.get_by_role("heading", name="Stuck card").first).to_be_visible()
        assert operator.complaints == []
