"""Cancelling and replacing in a real browser, by keyboard, on a desk's and a phone's width."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from giftcards.models import GiftCard
from redemption.models import Redemption, Replacement
from tests.browser.conftest import Visitor
from tests.redemption.taking_back import card_of, redeem_one, row
from tests.staff import make_user
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestTakingBack:
    @pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
    def test_exchanges_a_card_and_then_cancels(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        width: int,
        scheme: str,
    ) -> None:
        world = build_world()
        result = redeem_one(world, disclose=True)
        (other,) = world.stock(1)
        visitor = Visitor(browser, contexts, width=width)
        page = visitor.page
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        visitor.be(make_user(is_superuser=True), site)
        replace, cancel = (
            reverse(f"admin:redemption_redemption_{way}", args=[result.redemption_id])
            for way in ("replace", "cancel")
        )
        page.goto(f"{site}{replace}")
        assert visitor.fits()
        reason = page.get_by_label("Reason")
        reason.focus()
        expect(reason).to_be_focused()
        page.keyboard.type("The card was empty")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Replace it")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Replaced: the old card is void.")).to_be_visible()
        assert row(result).card_id == other.pk
        assert card_of(result).status == "void"
        assert Replacement.objects.count() == 1

        page.goto(f"{site}{cancel}")
        assert visitor.fits()
        page.get_by_role("button", name="Cancel it").click()
        expect(page.get_by_text("Say why.")).to_be_visible()
        assert Redemption.objects.get().state == "issued"
        page.get_by_label("Reason").fill("By mistake")
        page.get_by_role("button", name="Cancel it").click()
        expect(page.get_by_text("Cancelled. The card is back in stock.")).to_be_visible()
        assert Redemption.objects.get().state == "cancelled"
        assert GiftCard.objects.filter(status="available").count() == 1
        assert visitor.complaints == []
