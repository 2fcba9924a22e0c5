"""The monitors in a real browser: run by the button, read at a desk and on a phone."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from alerts.models import Alert
from tests.browser.conftest import Visitor
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Where somebody wants to look at the pages.


class TestMonitors:
    def test_run_by_the_button_and_tell_what_they_found(self, operator: Visitor, site: str) -> None:
        build_world()
        build_world(name="Birch").stock(3)
        page = operator.page
        page.goto(site + reverse("admin:monitors"))
        expect(page.get_by_text("They have not run yet")).to_be_visible()
        page.get_by_role("button", name="Run the monitors now").click()
        expect(page.get_by_text("alerts found")).to_be_visible()
        expect(page.get_by_role("link", name="Acorn pool is empty")).to_be_visible()
        assert Alert.objects.filter(monitor="csv_pools", state="open").count() == 2
        operator.look_at(page.url, picture="monitors")
        page.get_by_role("link", name="Acorn pool is empty").click()
        expect(page.get_by_text("pool_stock:")).to_be_visible()
