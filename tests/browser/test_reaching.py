"""Sending a reward again and marking it as delivered by hand, in a real browser."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from redemption.services.redeem import RedeemResult
from sms.models import Message
from tests.browser.conftest import Visitor
from tests.redemption.taking_back import redeem_one, row
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def url_of(result: RedeemResult, way: str) -> str:
    return reverse(f"admin:redemption_redemption_{way}", args=[result.redemption_id])


class TestReaching:
    def test_goes_from_the_log_to_a_corrected_number_and_is_read_out(
        self, operator: Visitor, site: str
    ) -> None:
        result = redeem_one(build_world())
        Message.objects.update(state="failed", error_code="30005", next_attempt_at=None)
        page = operator.page
        page.emulate_media(color_scheme="dark")
        (message,) = Message.objects.all()
        page.goto(site + reverse("admin:sms_message_change", args=[message.pk]))
        expect(page.get_by_text("Ask for another number or address")).to_be_visible()
        assert operator.fits()
        page.get_by_role("link", name="Send again").click()
        to = page.get_by_label("To", exact=True)
        expect(to).to_have_value("+12025550123")
        assert operator.fits()
        to.fill("+12025550199")
        reason = page.get_by_label("Reason")
        reason.focus()
        expect(reason).to_be_focused()
        page.keyboard.type("A digit was wrong")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Send it")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("On its way to •••0199.")).to_be_visible()
        assert operator.fits()
        page.goto(site + url_of(result, "by_hand"))
        assert operator.fits()
        page.get_by_label("Who was told, and how").fill("Read out to Ana on the phone")
        page.get_by_role("button", name="It was delivered").click()
        expect(page.get_by_text("Marked as delivered by hand.")).to_be_visible()
        assert row(result).state == "delivered"
        assert operator.complaints == []
