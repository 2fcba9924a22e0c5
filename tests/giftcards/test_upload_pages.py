"""Uploading cards from a pool's page: nothing is written before it was looked at."""

from __future__ import annotations

import csv
import io
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from credit.models import AuditEvent
from giftcards.models import Brand, CardBatch, GiftCard, Pool, StagedCard
from giftcards.services.secrets import open_field
from tests.giftcards.files import BAD_FILES, BAD_ROWS, GOOD_FILES
from tests.giftcards.test_imports import dump_all_tables
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

TWO = "code,pin\nGIFT-0001-AAAA,0042\nGIFT-0002-BBBB,\n"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


def page_of(pool: Pool) -> str:
    return reverse("admin:giftcards_pool_upload_cards", args=[pool.pk])


def send(browser: Browser, pool: Pool, content: str | bytes | None = None, **fields: Any) -> Any:
    """Send the form as htmx does: a file, or ``lines``, and what was pressed."""
    data = {"step": "preview", "lines": "", **fields}
    if content is not None:
        raw = content.encode() if isinstance(content, str) else content
        data["file"] = SimpleUploadedFile("cards.csv", raw, content_type="text/csv")
    return browser.post(page_of(pool), data, headers={"HX-Request": "true"})


def seen_in(preview: Any) -> str:
    found = re.search(r'name="seen" value="([\w-]{22})"', preview.content.decode())
    assert found is not None, preview.content.decode()
    return found[1]


def bring_in(browser: Browser, pool: Pool, content: str, step: str = "import_all") -> Any:
    seen = seen_in(send(browser, pool, content))
    return send(browser, pool, content, step=step, seen=seen)


def text_of(answer: Any) -> str:
    html = re.sub(r"<[^>]+>", " ", answer.content.decode())
    plain = html.replace("&quot;", '"').replace("&#x27;", "'").replace("&amp;", "&")
    return re.sub(r"\s+", " ", plain)


def assert_nothing_written() -> None:
    for model in (GiftCard, CardBatch, StagedCard):
        assert not model.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="cards.").exists()


class TestPreview:
    def test_tells_what_would_happen_and_writes_nothing(
        self, world: World, browser: Browser
    ) -> None:
        answer = send(browser, world.pool, TWO + "SHORT,\nGIFT-0001-AAAA,\n")
        text = text_of(answer)
        assert "Rows 4 Good 2 With a mistake 2" in text
        assert "5 code The same code is on line 2." in text
        assert "Import the 2 good rows" in text
        assert "Import all" not in text
        assert answer["Cache-Control"].startswith("max-age=0, no-cache, no-store")
        assert "<html" not in answer.content.decode()
        assert_nothing_written()

    @pytest.mark.parametrize("content", GOOD_FILES)
    def test_reads_files_as_people_send_them(
        self, world: World, browser: Browser, content: bytes
    ) -> None:
        assert "Import all 1" in text_of(send(browser, world.pool, content))
        assert_nothing_written()

    @pytest.mark.parametrize(("row", "problems"), BAD_ROWS)
    def test_says_what_is_wrong_with_a_row(
        self, world: World, browser: Browser, row: str, problems: list[tuple[str, str]]
    ) -> None:
        text = text_of(send(browser, world.pool, f"code,pin,number,expires_on\n{row}\n"))
        for field, message in problems:
            assert f"2 {field or '–'} {message}" in text
        assert "There is no good row to import." in text
        assert_nothing_written()

    @pytest.mark.parametrize(("content", "message"), BAD_FILES)
    def test_refuses_what_is_no_file_of_cards(
        self, world: World, browser: Browser, content: bytes, message: str
    ) -> None:
        text = text_of(send(browser, world.pool, content))
        if "Is the first line a header" in message:
            message = "The first line looks like a card."
        assert message in text
        assert "Import" not in text
        assert_nothing_written()

    def test_shows_the_first_mistakes_and_counts_the_rest(
        self, world: World, browser: Browser
    ) -> None:
        text = text_of(send(browser, world.pool, "code\n" + "SHORT\n" * 60))
        assert "51 code" in text
        assert "52 code" not in text
        assert "… and 10 more." in text

    def test_takes_10_000_rows_while_one_waits(self, world: World, browser: Browser) -> None:
        rows = "".join(f"GIFT-{number:06d}\n" for number in range(10_000))
        assert "Rows 10,000 Good 10,000" in text_of(send(browser, world.pool, f"code\n{rows}"))
        assert_nothing_written()

    @pytest.mark.parametrize("both", [True, False])
    def test_wants_a_file_or_lines(self, world: World, browser: Browser, both: bool) -> None:
        answer = send(browser, world.pool, TWO if both else None, lines=TWO if both else " \n")
        assert "Choose a file or paste lines, one of the two." in text_of(answer)

    def test_leads_to_the_earlier_upload_of_the_same_file(
        self, world: World, browser: Browser
    ) -> None:
        bring_in(browser, world.pool, TWO)
        html = send(browser, world.pool, TWO).content.decode()
        batch = CardBatch.objects.get()
        assert "A file with exactly this content was imported before." in html
        assert reverse("admin:giftcards_cardbatch_change", args=[batch.pk]) in html


class TestMapping:
    FILE = "Kartennummer;Geheimzahl\nGIFT-0001-AAAA;77\n"

    def test_asks_which_column_is_which(self, world: World, browser: Browser) -> None:
        html = send(browser, world.pool, self.FILE).content.decode()
        assert "No column is called “code”. Which one is it?" in html
        assert '<option value="0">Kartennummer</option>' in html
        assert "import_" not in html

    def test_follows_the_choice(self, world: World, browser: Browser) -> None:
        chosen = {"column_code": "0", "column_pin": "1"}
        preview = send(browser, world.pool, self.FILE, **chosen)
        assert '<option value="1" selected>Geheimzahl</option>' in preview.content.decode()
        assert_nothing_written()
        send(browser, world.pool, self.FILE, step="import_all", seen=seen_in(preview), **chosen)
        card = GiftCard.objects.get()
        assert open_field(card.pin_encrypted, field="pin") == "77"

    def test_looks_again_when_the_choice_has_changed(self, world: World, browser: Browser) -> None:
        seen = seen_in(send(browser, world.pool, self.FILE, column_code="0"))
        changed = {"column_code": "0", "column_pin": "1"}
        answer = send(browser, world.pool, self.FILE, step="import_all", seen=seen, **changed)
        assert "This is not what was checked before." in text_of(answer)
        assert_nothing_written()

    @pytest.mark.parametrize("choice", ["9", "-1", "x", "²"])
    def test_survives_a_choice_that_there_is_not(
        self, world: World, browser: Browser, choice: str
    ) -> None:
        assert send(browser, world.pool, self.FILE, column_code=choice).status_code == 200
        assert_nothing_written()

    @pytest.mark.parametrize("code_format", ["", r"\GIFT-9999-AAAA", "AAAA-AAAA"])
    def test_prints_no_name_that_may_be_a_code(
        self, world: World, browser: Browser, code_format: str
    ) -> None:
        Brand.objects.filter(pk=world.brand.pk).update(code_format=code_format)
        first = "ABCD-EFGH" if code_format == "AAAA-AAAA" else "GIFT-0001-AAAA"
        html = send(browser, world.pool, f"{first}\n{first}\n").content.decode()
        assert first not in html
        assert "The first line looks like a card." in html


class TestPastedLines:
    @pytest.mark.parametrize(
        ("lines", "cards"),
        [
            ("GIFT-0001-AAAA", {("GIFT-0001-AAAA", "")}),
            (
                "GIFT-0001-AAAA\r\n\r\nGIFT-0002-BBBB\r\n",
                {("GIFT-0001-AAAA", ""), ("GIFT-0002-BBBB", "")},
            ),
            (
                "GIFT-0001-AAAA, 0042\nGIFT-0002-BBBB\n",
                {("GIFT-0001-AAAA", "0042"), ("GIFT-0002-BBBB", "")},
            ),
            ("GIFT-0001-AAAA\t0042\t\t12/2031\n", {("GIFT-0001-AAAA", "0042")}),
            ("PIN;Code\n0042;GIFT-0001-AAAA\n", {("GIFT-0001-AAAA", "0042")}),
        ],
    )
    def test_become_cards(
        self, world: World, browser: Browser, lines: str, cards: set[tuple[str, str]]
    ) -> None:
        preview = send(browser, world.pool, lines=lines)
        assert_nothing_written()
        send(browser, world.pool, lines=lines, step="import_all", seen=seen_in(preview))
        found = {
            (
                open_field(card.code_encrypted, field="code"),
                open_field(card.pin_encrypted, field="pin"),
            )
            for card in GiftCard.objects.all()
        }
        assert found == cards
        assert CardBatch.objects.get().file_name == "pasted lines"

    def test_keep_their_numbers(self, world: World, browser: Browser) -> None:
        text = text_of(send(browser, world.pool, lines="GIFT-0001-AAAA\nSHORT\nGIFT-0001-AAAA\n"))
        assert "2 code A code looks like" in text
        assert "3 code The same code is on line 1." in text


class TestConfirm:
    def test_brings_all_in_and_shows_the_upload(self, world: World, browser: Browser) -> None:
        answer = bring_in(browser, world.pool, TWO)
        batch = CardBatch.objects.get()
        page = reverse("admin:giftcards_cardbatch_change", args=[batch.pk])
        assert answer["HX-Redirect"] == page
        assert (batch.state, batch.accepted, batch.pool) == ("imported", 2, world.pool)
        assert GiftCard.objects.count() == 2
        assert "In stock now: 2 cards." in text_of(browser.get(page))
        event = AuditEvent.objects.get(action="cards.uploaded")
        assert event.actor == batch.actor == f"user:{browser.session['_auth_user_id']}"

    def test_brings_the_good_rows_in(self, world: World, browser: Browser) -> None:
        bring_in(browser, world.pool, TWO + "SHORT,\n", step="import_good")
        batch = CardBatch.objects.get()
        assert (batch.state, batch.accepted, batch.rejected) == ("imported", 2, 1)

    @pytest.mark.parametrize("seen", ["", "x" * 22])
    def test_writes_nothing_that_was_not_looked_at(
        self, world: World, browser: Browser, seen: str
    ) -> None:
        for step in ("import_all", "import_good"):
            answer = send(browser, world.pool, TWO, step=step, seen=seen)
            assert "This is not what was checked before." in text_of(answer)
        assert_nothing_written()

    def test_writes_nothing_of_another_file_or_for_another_pool(
        self, world: World, browser: Browser
    ) -> None:
        stranger = build_world(name="Birch")
        seen = seen_in(send(browser, world.pool, TWO))
        send(browser, world.pool, TWO.replace("0042", "0043"), step="import_all", seen=seen)
        send(browser, stranger.pool, TWO, step="import_all", seen=seen)
        assert_nothing_written()

    def test_keeps_a_file_that_went_bad_meanwhile_out(self, world: World, browser: Browser) -> None:
        seen = seen_in(send(browser, world.pool, TWO))
        bring_in(browser, world.pool, "code\nGIFT-0002-BBBB\n")
        answer = send(browser, world.pool, TWO, step="import_all", seen=seen)
        batch = CardBatch.objects.get(state="refused")
        page = reverse("admin:giftcards_cardbatch_change", args=[batch.pk])
        assert answer["HX-Redirect"] == page
        assert "Nothing was written" in text_of(browser.get(page))
        assert GiftCard.objects.count() == 1

    def test_works_without_scripts(self, world: World, browser: Browser) -> None:
        file = SimpleUploadedFile("cards.csv", TWO.encode())
        page = browser.post(page_of(world.pool), {"step": "preview", "file": file})
        assert "<html" in page.content.decode()
        assert "Choose the file or paste the lines again above" in text_of(page)
        again = SimpleUploadedFile("cards.csv", TWO.encode())
        data = {"step": "import_all", "seen": seen_in(page), "file": again}
        assert browser.post(page_of(world.pool), data).status_code == 302
        assert GiftCard.objects.count() == 2


class TestRejectsFile:
    def test_lists_lines_and_reasons(self, world: World, browser: Browser) -> None:
        bring_in(browser, world.pool, TWO + "SHORT,\n=cmd(),\n", step="import_good")
        batch = CardBatch.objects.get()
        address = reverse("admin:giftcards_cardbatch_download_rejects", args=[batch.pk])
        page = browser.get(reverse("admin:giftcards_cardbatch_change", args=[batch.pk]))
        assert address in page.content.decode()
        answer = browser.get(address)
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"].startswith('attachment; filename="refused-')
        rows = list(csv.reader(io.StringIO(answer.content.decode())))
        hint = "A code looks like 8 to 40 letters, digits and dashes."
        assert rows == [
            ["line", "field", "message"],
            ["4", "code", hint],
            ["5", "code", hint],
        ]

    def test_is_not_offered_where_nothing_was_refused(self, world: World, browser: Browser) -> None:
        bring_in(browser, world.pool, TWO)
        batch = CardBatch.objects.get()
        address = reverse("admin:giftcards_cardbatch_download_rejects", args=[batch.pk])
        page = browser.get(reverse("admin:giftcards_cardbatch_change", args=[batch.pk]))
        assert address not in page.content.decode()
        assert browser.get(address).status_code == 403


class TestUndo:
    def press(self, browser: Browser, batch: CardBatch) -> Any:
        address = reverse("admin:giftcards_cardbatch_undo", args=[batch.pk])
        return browser.post(address, {"_form_submitted": "True"})

    def test_takes_the_cards_out_again(self, world: World, browser: Browser) -> None:
        bring_in(browser, world.pool, TWO)
        batch = CardBatch.objects.get()
        answer = self.press(browser, batch)
        page = browser.get(answer["Location"])
        assert "Undone: 2 cards were taken out of stock again." in text_of(page)
        assert reverse("admin:giftcards_cardbatch_undo", args=[batch.pk]) not in str(page.content)
        assert not GiftCard.objects.exists()
        assert self.press(browser, batch).status_code == 403
        bring_in(browser, world.pool, TWO)
        assert GiftCard.objects.count() == 2

    def test_says_that_cards_are_in_use(self, world: World, browser: Browser) -> None:
        bring_in(browser, world.pool, TWO)
        GiftCard.objects.filter(last4="AAAA").update(status="void")
        page = browser.get(self.press(browser, CardBatch.objects.get())["Location"])
        assert "1 of its cards are in use or sold, so nothing was undone." in text_of(page)
        assert GiftCard.objects.count() == 2


class TestStranger:
    def test_finds_nothing_there(self, world: World, browser: Browser) -> None:
        bring_in(browser, world.pool, TWO)
        batch = CardBatch.objects.get()
        stranger = sign_in(make_agency_manager(world.agency))
        addresses = [
            page_of(world.pool),
            reverse("admin:giftcards_cardbatch_undo", args=[batch.pk]),
            reverse("admin:giftcards_cardbatch_download_rejects", args=[batch.pk]),
        ]
        data = {"step": "preview", "lines": "GIFT-0009-ZZZZ", "_form_submitted": "True"}
        for address in addresses:
            for answer in (stranger.get(address), stranger.post(address, data)):
                assert answer.status_code == 404, address
            for answer in (Browser().get(address), Browser().post(address, data)):
                assert answer.status_code == 302, address
                assert answer["Location"].startswith("/admin/login/"), address
        assert GiftCard.objects.count() == 2

    @pytest.mark.parametrize("key", ["x", "00000000-0000-0000-0000-000000000000"])
    def test_finds_nothing_that_there_is_not(self, browser: Browser, key: str) -> None:
        for name in ("pool_upload_cards", "cardbatch_download_rejects", "cardbatch_undo"):
            assert browser.get(reverse(f"admin:giftcards_{name}", args=[key])).status_code == 404


class TestSecrets:
    def test_stand_nowhere_in_plain(
        self,
        world: World,
        browser: Browser,
        caplog: pytest.LogCaptureFixture,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        rows = "PLAINCODE-0001,PINPLAIN\nPLAINCODE 0002,PINPLAIN\nPLAINCODE-0001,PIN PLAIN\n"
        # Larger than what Django would otherwise keep in memory.
        large = f"code,pin\n{rows}" + "\n" * 3_000_000
        said = []
        for content in (f"code,pin\n{rows}", rows, f"{rows}\xff", f'code,pin\n"{rows}', large):
            preview = send(browser, world.pool, content)
            seen = re.search(r'name="seen" value="([\w-]+)"', preview.content.decode())
            done = send(
                browser,
                world.pool,
                content,
                step="import_good",
                seen=seen[1] if seen else "",
            )
            said += [preview.content.decode(), done.content.decode(), str(done.headers)]
        for headers in ({"HX-Request": "true"}, {}):
            data = {"step": "preview", "lines": rows}
            answer = browser.post(page_of(world.pool), data, headers=headers)
            said.append(answer.content.decode())
        assert GiftCard.objects.count() == 1
        sessions = " ".join(str(session.get_decoded()) for session in Session.objects.all())
        assert list(tmp_path.iterdir()) == []
        for words in (*said, caplog.text, sessions, dump_all_tables()):
            for secret in ("PLAINCODE", "PINPLAIN", "PIN PLAIN"):
                assert secret not in words
