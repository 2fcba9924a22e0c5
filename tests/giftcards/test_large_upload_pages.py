"""Large files from a pool's page: read as they come, then looked at and confirmed on their own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import UnreadablePostError
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import reverse
from pytest_django import Settings

from credit.models import AuditEvent
from giftcards.admin import uploads as upload_pages
from giftcards.admin.form_stream import FormStream
from giftcards.models import CardBatch, GiftCard, Pool, StagedCard, UploadJob
from giftcards.services.secrets import open_field
from giftcards.services.upload_jobs import run_uploads
from tests.giftcards.files import BAD_FILES, BAD_ROWS, GOOD_FILES
from tests.giftcards.test_upload_pages import page_of, send, text_of
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

FIVE = "code,pin\n" + "".join(f"GIFT-{number:04d}-AAAA,{number:04d}\n" for number in range(5))


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything go the way of a large file that has more than a header and two rows."""
    monkeypatch.setattr(upload_pages, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr("giftcards.admin.batches.ROWS_AT_ONCE", 2)


def receive(browser: Browser, pool: Pool, content: str | bytes, **fields: Any) -> CardBatch:
    """Send a file as htmx does and return the upload to whose page the browser is led."""
    answer = send(browser, pool, content, **fields)
    assert answer.status_code == 200, answer.content
    batch = CardBatch.objects.get(state="checking")
    assert answer["HX-Redirect"] == address("change", batch)
    return batch


def address(page: str, batch: CardBatch) -> str:
    return reverse(f"admin:giftcards_cardbatch_{page}", args=[batch.pk])


def show(browser: Browser, batch: CardBatch) -> str:
    return text_of(browser.get(address("change", batch)))


def work() -> None:
    run_uploads(now=datetime.now(UTC))


def assert_nothing_kept() -> None:
    for model in (GiftCard, CardBatch, StagedCard, UploadJob):
        assert not model.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="cards.").exists()


class TestReceiving:
    def test_leads_to_the_uploads_own_page(self, world: World, browser: Browser) -> None:
        batch = receive(browser, world.pool, FIVE)
        assert (batch.rows, batch.file_name, batch.pool) == (5, "cards.csv", world.pool)
        assert batch.actor == f"user:{browser.session['_auth_user_id']}"
        assert "Comparing the rows" in show(browser, batch)
        assert "GIFT-" not in show(browser, batch)
        assert not GiftCard.objects.exists()

    @pytest.mark.parametrize("content", GOOD_FILES)
    def test_reads_files_as_people_send_them(
        self,
        world: World,
        browser: Browser,
        content: bytes,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(upload_pages, "ROWS_AT_ONCE", -1)
        receive(browser, world.pool, content)
        assert open_field(StagedCard.objects.get().code_encrypted, field="code") == "00123456"

    @pytest.mark.parametrize(("row", "problems"), BAD_ROWS)
    def test_says_what_is_wrong_with_a_row(
        self, world: World, browser: Browser, row: str, problems: list[tuple[str, str]]
    ) -> None:
        good = "GIFT-0001-AAAA,,,\nGIFT-0002-AAAA,,,\nGIFT-0003-AAAA,,,\n"
        batch = receive(browser, world.pool, f"code,pin,number,expires_on\n{good}{row}\n")
        work()
        text = show(browser, batch)
        assert "Rows 4 Good 3 With a mistake 1" in text
        for field, message in problems:
            assert f"5 {field or '–'} {message}" in text
        assert "Import the 3 good rows" in text

    @pytest.mark.parametrize(("content", "message"), BAD_FILES)
    def test_keeps_nothing_of_what_is_no_file_of_cards(
        self,
        world: World,
        browser: Browser,
        content: bytes,
        message: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(upload_pages, "ROWS_AT_ONCE", -1)
        text = text_of(send(browser, world.pool, content))
        if "Is the first line a header" in message:
            message = "The first line looks like a card."
        assert message in text
        assert_nothing_kept()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'code\n"' + b"A" * 5_000_000, "is longer than 64 kB"),
            (FIVE.encode() + b"nul\0byte,\n", "Line 7 is not text."),
            (FIVE.encode() + b"G\xdfFT-0009-AAAA,\n", "Line 7 has unreadable characters."),
            (b"\n" * 100_000, "The file is empty."),
        ],
    )
    def test_keeps_nothing_of_a_hostile_file(
        self, world: World, browser: Browser, content: bytes, message: str
    ) -> None:
        assert message in text_of(send(browser, world.pool, content))
        assert_nothing_kept()

    def test_takes_so_many_bytes_and_no_more(
        self, world: World, browser: Browser, settings: Settings
    ) -> None:
        settings.UPLOAD_MAX_BYTES = len(FIVE) - 1
        assert "The file is over 0 MB" in text_of(send(browser, world.pool, FIVE))
        assert_nothing_kept()
        settings.UPLOAD_MAX_BYTES = len(FIVE)
        receive(browser, world.pool, FIVE)

    def test_does_not_read_what_is_far_too_large(
        self, world: World, browser: Browser, settings: Settings
    ) -> None:
        settings.UPLOAD_MAX_BYTES = 1000
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        assert "Split it, or use" in text_of(send(browser, world.pool, b"x" * 3000))
        assert_nothing_kept()

    def test_leads_to_the_earlier_upload_of_the_same_file(
        self, world: World, browser: Browser
    ) -> None:
        batch = receive(browser, world.pool, FIVE)
        work()
        browser.post(address("confirm", batch), {"step": "import_all"})
        work()
        html = send(browser, world.pool, FIVE).content.decode()
        assert "A file with exactly this content was imported before." in html
        assert address("change", batch) in html

    def test_takes_pasted_lines_of_any_number(
        self, world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("giftcards.services.uploads.ROWS_AT_ONCE", 2)
        lines = "".join(f"GIFT-{number:04d}-AAAA\n" for number in range(5))
        send(browser, world.pool, lines=lines)
        assert sorted(StagedCard.objects.values_list("line", flat=True)) == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        "changes", [{"archived_at": datetime.now(UTC)}, {"purchase_method": "api_only"}]
    )
    def test_refuses_a_pool_that_takes_no_uploads(
        self, world: World, browser: Browser, changes: dict[str, Any]
    ) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(**changes)
        text = text_of(send(browser, world.pool, FIVE))
        assert "This pool is archived." in text or "uploads would lie idle" in text
        assert_nothing_kept()

    def test_asks_which_column_is_which_and_follows_the_choice(
        self, world: World, browser: Browser
    ) -> None:
        content = FIVE.replace("code,pin", "Kartennummer,Geheimzahl")
        html = send(browser, world.pool, content).content.decode()
        assert "No column is called “code”. Which one is it?" in html
        assert '<option value="0">Kartennummer</option>' in html
        assert_nothing_kept()
        # As the page's script orders them: what is said of the file comes before it.
        fields = {"column_code": "0", "column_pin": "1", "lines": ""}
        file = SimpleUploadedFile("cards.csv", content.encode())
        browser.post(page_of(world.pool), {**fields, "file": file})
        staged = StagedCard.objects.order_by("line")[0]
        assert open_field(staged.pin_encrypted, field="pin") == "0000"

    def test_asks_for_the_column_above_the_file_without_scripts(
        self, world: World, browser: Browser
    ) -> None:
        content = FIVE.replace("code,pin", "Kartennummer,Geheimzahl")
        file = SimpleUploadedFile("cards.csv", content.encode())
        html = browser.post(page_of(world.pool), {"step": "preview", "file": file}).content.decode()
        assert 0 < html.index('name="column_code"') < html.index('type="file"')

    def test_is_for_the_platforms_staff(self, world: World) -> None:
        stranger = sign_in(make_agency_manager(world.agency))
        assert send(stranger, world.pool, FIVE).status_code == 404
        assert_nothing_kept()

    @pytest.mark.parametrize("token", ["", "x" * 64])
    def test_wants_the_forms_own_token_before_it_reads_the_file(
        self, world: World, token: str
    ) -> None:
        browser = sign_in(make_platform_admin())
        browser.handler.enforce_csrf_checks = True
        page = browser.get(page_of(world.pool))
        fields = {"csrfmiddlewaretoken": token, "lines": ""}
        file = SimpleUploadedFile("cards.csv", FIVE.encode())
        answer = browser.post(page_of(world.pool), {**fields, "file": file})
        assert answer.status_code == 403
        assert_nothing_kept()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
        assert found is not None
        file = SimpleUploadedFile("cards.csv", FIVE.encode())
        fields["csrfmiddlewaretoken"] = found[1]
        answer = browser.post(page_of(world.pool), {**fields, "file": file})
        assert answer.status_code == 302
        assert CardBatch.objects.get().state == "checking"


class TestFormStream:
    def make(self, body: bytes, length: int | None = None) -> FormStream:
        request = RequestFactory().generic("POST", "/", body, content_type=MULTIPART_CONTENT)
        request.META["CONTENT_LENGTH"] = str(len(body) if length is None else length)
        return FormStream(request)

    def body(self, **fields: Any) -> bytes:
        return encode_multipart(BOUNDARY, fields)

    def test_reads_what_is_before_the_file_then_the_file_then_the_rest(self) -> None:
        file = SimpleUploadedFile("a.csv", b"\r\n" + b"x" * 200_000 + b"\r\n--")
        sent = self.make(self.body(first="1", file=file, last="2"))
        assert (sent.fields.dict(), sent.file_name) == ({"first": "1"}, "a.csv")
        read = b"".join(iter(lambda: sent.read(1), b""))
        assert read == b"\r\n" + b"x" * 200_000 + b"\r\n--"
        assert sent.fields.dict() == {"first": "1", "last": "2"}

    def test_tells_half_a_form_from_a_whole_one(self) -> None:
        whole = self.body(file=SimpleUploadedFile("a.csv", FIVE.encode() * 1000))
        # It breaks between two rows: what came reads like a file that ends there.
        half = whole[: len(whole) // 2]
        sent = self.make(half, len(whole))
        with pytest.raises(UnreadablePostError):
            while sent.read(1):
                pass

    def test_knows_no_file_where_none_was_chosen(self) -> None:
        part = 'Content-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n'
        sent = self.make(f"--{BOUNDARY}\r\n{part}--{BOUNDARY}--\r\n".encode())
        assert sent.file_name == ""


class TestUploadPanel:
    def test_tells_how_far_it_is_and_asks_for_itself_anew(
        self, world: World, browser: Browser
    ) -> None:
        batch = receive(browser, world.pool, FIVE)
        UploadJob.objects.update(rows_done=2)
        answer = browser.get(address("progress", batch))
        html = answer.content.decode()
        assert f'hx-get="{address("progress", batch)}" hx-trigger="every 1s"' in html
        assert 'max="100" value="40"' in html
        assert "2 of 5 rows" in text_of(answer)
        assert "HX-Refresh" not in answer
        assert answer["Cache-Control"].startswith("max-age=0, no-cache, no-store")
        # Who has no scripts gets the whole page anew.
        page = browser.get(address("change", batch)).content.decode()
        assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
        work()
        answer = browser.get(address("progress", batch))
        assert answer["HX-Refresh"] == "true"
        assert "every 1s" not in answer.content.decode()

    def test_goes_from_figures_to_stock_and_back(self, world: World, browser: Browser) -> None:
        batch = receive(browser, world.pool, FIVE)
        work()
        text = show(browser, batch)
        assert "What would happen Rows 5 Good 5 With a mistake 0 Import all 5" in text
        assert "Waits to be confirmed" in text
        assert not GiftCard.objects.exists()
        answer = browser.post(address("confirm", batch), {"step": "import_all"})
        assert answer["Location"] == address("change", batch)
        assert "Being imported 0 of 5 rows" in show(browser, batch)
        work()
        assert "In stock now: 5 cards." in show(browser, batch)
        assert GiftCard.objects.filter(batch=batch).count() == 5
        browser.post(address("undo", batch), {"_form_submitted": "True"})
        assert "Being taken out of stock" in show(browser, batch)
        assert GiftCard.objects.count() == 5
        # It is on its way: there is nothing to press.
        assert browser.post(address("undo", batch), {"_form_submitted": "True"}).status_code == 403
        work()
        assert "5 cards were taken out of stock again." in show(browser, batch)
        assert not GiftCard.objects.exists()

    def test_says_why_nothing_was_undone(self, world: World, browser: Browser) -> None:
        batch = receive(browser, world.pool, FIVE)
        work()
        browser.post(address("confirm", batch), {"step": "import_all"})
        work()
        card = GiftCard.objects.order_by("pk")[0]
        GiftCard.objects.filter(pk=card.pk).update(status="expired")
        browser.post(address("undo", batch), {"_form_submitted": "True"})
        work()
        text = show(browser, batch)
        assert "1 of its cards are in use or sold, so nothing was undone." in text
        assert GiftCard.objects.count() == 5

    def test_can_be_thrown_away(self, world: World, browser: Browser) -> None:
        batch = receive(browser, world.pool, FIVE)
        work()
        browser.post(address("stop", batch))
        assert "Stopped Nothing was written." in show(browser, batch)
        assert not StagedCard.objects.exists()
        answer = browser.post(address("confirm", batch), {"step": "import_all"}, follow=True)
        assert "It has moved on in the meantime" in text_of(answer)
        work()
        assert not GiftCard.objects.exists()

    @pytest.mark.parametrize("step", ["", "import", "valid_rows"])
    def test_does_nothing_that_there_is_not(
        self, world: World, browser: Browser, step: str
    ) -> None:
        batch = receive(browser, world.pool, FIVE)
        work()
        assert browser.post(address("confirm", batch), {"step": step}).status_code == 404
        batch.refresh_from_db()
        assert batch.state == "previewed"

    @pytest.mark.parametrize("page", ["confirm", "stop"])
    def test_is_pressed_and_not_followed(self, world: World, browser: Browser, page: str) -> None:
        batch = receive(browser, world.pool, FIVE)
        work()
        assert browser.get(address(page, batch)).status_code == 405
        batch.refresh_from_db()
        assert batch.state == "previewed"

    @pytest.mark.parametrize("page", ["progress", "confirm", "stop"])
    def test_is_for_the_platforms_staff(self, world: World, browser: Browser, page: str) -> None:
        batch = receive(browser, world.pool, FIVE)
        work()
        stranger = sign_in(make_agency_manager(world.agency))
        for ask in (stranger.get, stranger.post):
            assert ask(address(page, batch), {"step": "import_all"}).status_code == 404
        batch.refresh_from_db()
        assert batch.state == "previewed"

    def test_is_not_there_for_a_small_upload(self, world: World, browser: Browser) -> None:
        batch = CardBatch.objects.create(
            pool=world.pool, file_name="x", file_hash=b"x", state="imported", actor="command"
        )
        assert 'id="upload-panel"' not in browser.get(address("change", batch)).content.decode()
        assert browser.get(address("progress", batch)).status_code == 404
