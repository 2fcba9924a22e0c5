"""Handing a customer's data out and forgetting them, as an operator does in a browser."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from playwright.sync_api import expect

from credit.models import User
from loyalty.models import Customer
from tests.browser.conftest import Visitor
from tests.loyalty.forgetting import FIRST, WHY, someone_known
from tests.loyalty.shop import open_shop
from tests.redemption.forgetting import found_in
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def look(operator: Visitor, name: str) -> None:
    """See that nothing sticks out, and keep a picture where one is wanted."""
    assert operator.fits()
    operator.keep_picture(name)


class TestACustomer:
    def test_is_handed_their_data_and_forgotten_by_keyboard(
        self, operator: Visitor, site: str
    ) -> None:
        rights = Permission.objects.filter(codename__in=["export_person", "erase_person"])
        for user in User.objects.filter(is_staff=True):
            user.user_permissions.set(rights)
        world = build_world()
        customer = someone_known(open_shop(world), world)
        page = operator.page
        page.goto(site + reverse("admin:loyalty_customer_change", args=[customer.pk]))
        operator.open_actions()
        page.get_by_role("link", name="Hand out data").click()
        with page.expect_download() as download:
            page.get_by_label("Reason").fill(WHY)
            page.get_by_role("button", name="Download").click()
        assert download.value.suggested_filename.startswith("personal-data-")
        look(operator, "hand-out")

        page.get_by_role("link", name="Back to the customer").click()
        operator.open_actions()
        forget_url = reverse("admin:loyalty_customer_forget", args=[customer.pk])
        page.locator(f"a[href='{forget_url}']:visible").click()
        expect(page.get_by_role("heading", name=f"Forget {FIRST}").first).to_be_visible()
        look(operator, "forget")
        page.get_by_label("Reason").focus()
        page.keyboard.type(WHY)
        page.keyboard.press("Tab")
        page.keyboard.type("forget")
        page.keyboard.press("Enter")
        expect(page.get_by_text(WHY).first).to_be_visible()
        look(operator, "forgotten")
        assert Customer.objects.get(pk=customer.pk).first_name == ""
        assert found_in(FIRST) == {}
        assert operator.complaints == []
