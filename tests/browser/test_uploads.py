"""Cards uploaded by a person at a screen: choose, look, confirm, undo."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from django.urls import reverse
from playwright.sync_api import expect

from giftcards.models import CardBatch, GiftCard, StagedCard, UploadJob
from giftcards.services.upload_jobs import run_uploads
from tests.browser.conftest import Visitor
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FILE = b"Kartennummer;Geheimzahl\nGIFT-0001-AAAA;0042\nGIFT-0002-BBBB;\nSHORT;\n"


@pytest.fixture
def world() -> World:
    return build_world()


class TestUploadInABrowser:
    def test_goes_from_a_file_to_stock_and_back(
        self, operator: Visitor, site: str, world: World, tmp_path: Path
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:giftcards_pool_change", args=[world.pool.pk]))
        operator.open_actions()
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
            operator.open_actions()
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


LARGE = b"Kartennummer;Geheimzahl\n" + b"".join(
    b"GIFT-%06d-AAAA;%04d\n" % (number, number % 10_000) for number in range(12_000)
)


@pytest.fixture
def worker() -> Iterator[None]:
    """Work on large uploads beside the site, as Celery does."""
    over = threading.Event()

    def run() -> None:
        try:
            while not over.wait(0.2):
                run_uploads(now=datetime.now(UTC))
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    over.set()
    thread.join()


class TestLargeUploadInABrowser:
    def test_goes_from_a_file_through_the_background_to_stock_and_back(
        self, operator: Visitor, site: str, world: World, worker: None
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:giftcards_pool_upload_cards", args=[world.pool.pk]))
        page.get_by_label("CSV file").set_input_files(
            {"name": "large.csv", "mimeType": "text/csv", "buffer": LARGE + b"SHORT;\n"}
        )
        page.get_by_role("button", name="Check the rows").click()
        expect(page.get_by_text("No column is called “code”.")).to_be_visible()
        page.get_by_label("Code", exact=True).select_option(label="Kartennummer")
        page.get_by_label("PIN", exact=True).select_option(label="Geheimzahl")
        page.get_by_role("button", name="Check the rows").click()
        # It is received, and the page of the upload asks by itself how far it is.
        expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
        expect(page.get_by_text("A code looks like 8 to 40 letters").first).to_be_visible()
        assert not GiftCard.objects.exists()
        assert "GIFT-" not in page.content()
        assert operator.fits()
        page.get_by_role("button", name="Import the 12,000 good rows").press("Enter")
        expect(page.get_by_text("In stock now: 12,000 cards.")).to_be_visible()
        assert GiftCard.objects.count() == 12_000
        assert operator.fits()
        operator.open_actions()
        page.get_by_role("link", name="Undo this upload").click()
        page.get_by_role("button", name="Undo it").click()
        expect(page.get_by_text("12,000 cards were taken out of stock again.")).to_be_visible()
        assert not GiftCard.objects.exists()
        assert operator.complaints == []

    def test_shows_the_bar_and_can_be_stopped(
        self, operator: Visitor, site: str, world: World
    ) -> None:
        """Nobody works on it here, so that there is time to look."""
        page = operator.page
        page.goto(site + reverse("admin:giftcards_pool_upload_cards", args=[world.pool.pk]))
        page.get_by_label("CSV file").set_input_files(
            {
                "name": "large.csv",
                "mimeType": "text/csv",
                "buffer": LARGE.replace(b"Kartennummer", b"code"),
            }
        )
        page.get_by_role("button", name="Check the rows").click()
        expect(page.get_by_text("0 of 12,000 rows")).to_be_visible()
        UploadJob.objects.update(rows_done=3_000)
        expect(page.get_by_text("3,000 of 12,000 rows")).to_be_visible()
        assert page.locator("#upload-panel progress").get_attribute("value") == "25"
        assert operator.fits()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text("Nothing was written.")).to_be_visible()
        assert CardBatch.objects.get().state == "stopped"
        assert not StagedCard.objects.exists()
        assert operator.complaints == []
