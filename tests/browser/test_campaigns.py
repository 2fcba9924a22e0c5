"""A campaign from its draft to its first test, in a real browser: on a desk and on a phone."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from redemption.models import Campaign, Recipient, Redemption
from tests.browser.conftest import Visitor
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestACampaign:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_is_activated_from_its_page(self, operator: Visitor, site: str, scheme: str) -> None:
        world = build_world()
        world.stock(1)
        world.invite()
        Campaign.objects.update(status="draft", cap_per_day=100)
        page = operator.page
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(site + reverse("admin:redemption_campaign_change", args=[world.campaign.pk]))
        expect(page.get_by_role("heading", name="Ready")).to_be_visible()
        assert operator.fits()
        page.get_by_role("button", name="Activate").click()
        expect(
            page.get_by_text("The campaign is active: its codes can be redeemed.")
        ).to_be_visible()
        page.get_by_text("End the campaign").click()
        expect(page.get_by_role("button", name="End it")).to_be_visible()
        assert operator.fits()
        assert operator.complaints == []
        assert Campaign.objects.get().status == "active"

    def test_is_tried_with_a_code_made_by_one_press(
        self, operator: Visitor, site: str, browser: Browser, contexts: list[BrowserContext]
    ) -> None:
        world = build_world()
        Campaign.objects.update(status="draft", second_factor="last_name")
        page = operator.page
        page.goto(site + reverse("admin:redemption_campaign_change", args=[world.campaign.pk]))
        page.get_by_role("button", name="Make a test code").click()
        expect(page.get_by_role("heading", name="A test code")).to_be_visible()
        assert operator.fits()
        code = page.locator("dd b").inner_text()
        form = Visitor(browser, contexts, width=390)
        form.page.goto(f"{site}/redeem/")
        form.page.locator("[name=code]").fill(code)
        form.page.locator("[name=code]").press("Enter")
        form.page.get_by_label("Mobile number").fill("202 555 0123")
        form.page.get_by_label("Your last name").fill("Best")
        form.page.get_by_role("button", name="Get my gift card").click()
        expect(form.page.get_by_text("This is not what we have on file.")).to_be_visible()
        expect(form.page.get_by_label("Your last name")).to_be_focused()
        assert form.fits()
        form.page.get_by_label("Your last name").fill("test")
        form.page.get_by_role("button", name="Get my gift card").click()
        expect(form.page.get_by_text("TEST-0000-0000-0000")).to_be_visible()
        redemption = Redemption.objects.get()
        assert (redemption.is_test, redemption.charged_minor, redemption.card) == (True, 0, None)
        assert operator.complaints == []


class TestARecipient:
    def test_is_turned_down_with_a_reason(self, operator: Visitor, site: str) -> None:
        world = build_world()
        world.invite()
        recipient = Recipient.objects.get()
        page = operator.page
        page.goto(site + reverse("admin:redemption_recipient_change", args=[recipient.pk]))
        assert operator.fits()
        page.get_by_role("button", name="Turn down").click()
        expect(page.get_by_text("Say why.")).to_be_visible()
        page.get_by_label("Why").fill("Not a customer")
        page.get_by_role("button", name="Turn down").click()
        expect(page.get_by_text("1 turned down.")).to_be_visible()
        recipient.refresh_from_db()
        assert recipient.approval == "rejected"
        assert operator.complaints == []
