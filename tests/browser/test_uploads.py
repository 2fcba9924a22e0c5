"""Cards uploaded by a person at a screen: choose, look, confirm, undo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from giftcards.models import CardBatch, GiftCard
from tests.browser.conftest import Visitor
from tests.staff import make_platform_admin
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "correct-horse-battery"
FILE = b"Kartennummer;Geheimzahl\nGIFT-0001-AAAA;0042\nGIFT-0002-BBBB;\nSHORT;\n"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture(params=[1280, 390], ids=["desk", "phone"])
def operator(
    request: pytest.FixtureRequest, browser: Browser, contexts: list[BrowserContext], site: str
) -> Visitor:
    """A platform admin who has just signed in by the form."""
    user = make_platform_admin()
    user.set_password(PASSWORD)
    user.save()
    visitor = Visitor(browser, contexts, width=request.param)
    visitor.page.goto(f"{site}/admin/")
    visitor.page.get_by_label("User name").fill(user.username)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign in").click()
    expect(visitor.page.get_by_role("heading", name="Redemptions per day")).to_be_visible()
    return visitor


def open_actions(visitor: Visitor) -> None:
    """On a phone they are behind a button."""
    if visitor.page.viewport_size == {"width": 390, "height": 844}:
        visitor.page.get_by_text("more_horiz").click()


class TestUploadInABrowser:
    def test_goes_from_a_file_to_stock_and_back(
        self, operator: Visitor, site: str, world: World, tmp_path: Path
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:giftcards_pool_change", args=[world.pool.pk]))
        open_actions(operator)
        page.get_by_role("link", name="Upload cards").click()
        expect(page.get_by_role("heading", name="Upload cards into Acorn pool")).to_be_visible()
        page.get_by_label("CSV file").set_input_files(
            {"name": "cards.csv", "mimeType": "text/csv", "buffer": FILE}
        )
        page.get_by_role("button", name="Check the rows").click()
        expect(page.get_by_text("No column is called “code”.")).to_be_visible()
        page.get_by_label("Code", exact=True).select_option(label="Kartennummer")
        page.get_by_label("PIN", exact=True).select_option(label="Geheimzahl")
        page.get_by_role("button", name="Check the rows").click()
        expect(page.get_by_text("A code looks like 8 to 40 letters")).to_be_visible()
        assert not GiftCard.objects.exists()
        assert operator.fits()
        # What was looked at is not what is chosen now.
        page.get_by_label("Or paste lines").fill("x")
        expect(page.get_by_role("button", name="Import")).to_have_count(0)
        page.get_by_label("Or paste lines").fill("")
        page.get_by_role("button", name="Check the rows").click()
        page.get_by_label("Code", exact=True).select_option(label="Kartennummer")
        page.get_by_role("button", name="Check the rows").click()
        page.get_by_role("button", name="Import the 2 good rows").click()
        expect(page.get_by_text("In stock now: 2 cards.")).to_be_visible()
        assert GiftCard.objects.count() == 2
        assert operator.fits()
        with page.expect_download() as download:
            open_actions(operator)
            page.get_by_role("link", name="Download refused rows").click()
        assert re.fullmatch(
            r"refused-\d{4}-\d\d-\d\d-\w{8}\.csv", download.value.suggested_filename
        )
        download.value.save_as(tmp_path / "refused.csv")
        assert '4,code,"A code looks like' in (tmp_path / "refused.csv").read_text()
        page.get_by_role("link", name="Undo this upload").click()
        page.get_by_role("button", name="Undo it").click()
        expect(page.get_by_text("Undone: 2 cards were taken out of stock again.")).to_be_visible()
        assert CardBatch.objects.get().state == "undone"
        assert not GiftCard.objects.exists()
        assert operator.complaints == []

    def test_takes_pasted_lines_by_keyboard(
        self, operator: Visitor, site: str, world: World
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:giftcards_pool_upload_cards", args=[world.pool.pk]))
        page.get_by_label("Or paste lines").fill("GIFT-0001-AAAA\nGIFT-0002-BBBB")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Import all 2")).to_be_visible()
        assert "GIFT-0001" not in page.locator("#upload-outcome").inner_html()
        page.get_by_role("button", name="Import all 2").press("Enter")
        expect(page.get_by_text("In stock now: 2 cards.")).to_be_visible()
        assert GiftCard.objects.count() == 2
        assert operator.complaints == []
