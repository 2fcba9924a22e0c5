"""Statements as files: what is in them is what the ledger says, to the cent."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import re
import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import translation

from alerts.codes import ErrorCode
from credit.models import Account
from credit.selectors.statements import Statement, StatementLine
from credit.selectors.viewers import SYSTEM, Viewer
from credit.services.statement_files import filename_of, spool_statement, write_csv
from credit.services.statement_pdf import MAX_LINES, StatementTooLongError, write_pdf
from tests.world import NOW, build_world

ACCOUNT_ID = UUID("0e4a4c2a-7a51-4a57-9d64-1c31f7a0a001")
TRANSACTION_ID = UUID("7d7b1f3e-0c2b-4a4d-8f61-2e9a52a0b002")


def statement(
    *amounts_minor: int,
    name: str = "Acorn Ltd",
    currency: str = "USD",
    opening_minor: int = 1_000,
    note: str = "Spring",
    reference: str = "redemption:1:1",
) -> Statement:
    balance_minor, lines = opening_minor, []
    for place, amount_minor in enumerate(amounts_minor):
        balance_minor += amount_minor
        lines.append(
            StatementLine(
                id=uuid4(),
                number=100 + place,
                transaction_id=TRANSACTION_ID,
                at=datetime(2026, 3, 2, 15, 30, tzinfo=UTC) + timedelta(minutes=place),
                kind="redemption" if amount_minor < 0 else "allocation",
                reference=reference,
                note=note,
                amount_minor=amount_minor,
                balance_after_minor=balance_minor,
            )
        )
    return Statement(
        account_id=ACCOUNT_ID,
        account_name=name,
        account_level="client",
        currency=currency,
        start=date(2026, 3, 1),
        end=date(2026, 3, 31),
        opening_minor=opening_minor,
        in_minor=sum(amount for amount in amounts_minor if amount > 0),
        out_minor=sum(amount for amount in amounts_minor if amount < 0),
        closing_minor=balance_minor,
        line_count=len(lines),
        lines=tuple(lines),
    )


def csv_of(drawn: Statement) -> list[list[str]]:
    file = io.BytesIO()
    write_csv(drawn, file)
    assert file.getvalue().startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline="")))


def pdf_of(drawn: Statement, *, is_compressed: bool = False) -> bytes:
    file = io.BytesIO()
    write_pdf(drawn, file, now=NOW, is_compressed=is_compressed)
    return file.getvalue()


def streams_of(pdf: bytes) -> list[str]:
    """Return what draws each page, then what draws the count of pages; ASCII letters are plain."""
    found: list[tuple[bool, str]] = []
    for thing in re.findall(rb"\d+ 0 obj(.*?)endobj", pdf, re.DOTALL):
        header, _, rest = thing.partition(b"stream")
        content = rest.rpartition(b"endstream")[0].strip()
        if b"ASCII85Decode" in header:
            content = base64.a85decode(b"<~" + content, adobe=True)
        if b"FlateDecode" in header:
            content = zlib.decompress(content)
        if b" Tj" in content:
            found.append((b"/Form" in header, content.decode("latin-1")))
    return [content for _, content in sorted(found, key=lambda drawn: drawn[0])]


def texts_of(stream: str) -> list[str]:
    shown = re.findall(r"\(((?:[^()\\]|\\.)*)\) Tj", stream)
    return [re.sub(r"\\([()\\])", r"\1", text) for text in shown]


class TestWriteCsv:
    def test_writes_opening_entries_and_closing(self) -> None:
        assert csv_of(statement(-250, 2_000_000)) == [
            [
                "number",
                "created_at",
                "kind",
                "amount",
                "balance_after",
                "currency",
                "reference",
                "note",
                "transaction_id",
            ],
            ["", "2026-03-01", "opening_balance", "", "10.00", "USD", "", "Acorn Ltd", ""],
            [
                "100",
                "2026-03-02T15:30:00Z",
                "redemption",
                "-2.50",
                "7.50",
                "USD",
                "redemption:1:1",
                "Spring",
                str(TRANSACTION_ID),
            ],
            [
                "101",
                "2026-03-02T15:31:00Z",
                "allocation",
                "20000.00",
                "20007.50",
                "USD",
                "redemption:1:1",
                "Spring",
                str(TRANSACTION_ID),
            ],
            ["", "2026-03-31", "closing_balance", "", "20007.50", "USD", "", "Acorn Ltd", ""],
        ]

    @pytest.mark.parametrize(
        ("currency", "amount"), [("JPY", "-250"), ("KWD", "-0.250"), ("EUR", "-2.50")]
    )
    def test_writes_the_currencys_decimals(self, currency: str, amount: str) -> None:
        assert csv_of(statement(-250, currency=currency))[2][3] == amount

    @pytest.mark.parametrize(
        ("note", "cell"),
        [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1+1", "'=1+1"),
            ("\r\n  =cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
            ("＝1+1", "'＝1+1"),
            ("|x", "'|x"),
            ("a=b", "a=b"),
            ('say "hi", twice', 'say "hi", twice'),
            ("two\nlines", "two lines"),
            ("Łódź ñandú", "Łódź ñandú"),
            ("", ""),
        ],
    )
    def test_writes_no_formula(self, note: str, cell: str) -> None:
        rows = csv_of(statement(-250, note=note, reference=note, name=note or "A"))
        assert rows[2][6:8] == [cell, cell]
        assert rows[1][7] == rows[3][7] == (cell or "A")
        assert rows[2][3] == "-2.50"

    def test_leaves_the_file_open(self) -> None:
        file = io.BytesIO()
        write_csv(statement(-250), file)
        assert not file.closed


class TestWritePdf:
    def test_shows_the_sums_and_every_entry(self) -> None:
        (page, count) = streams_of(pdf_of(statement(-250, 2_000_000)))
        texts = texts_of(page)
        assert texts[:4] == ["Giftline", "Made 2026-03-02 15:30 UTC", "Statement", "Acorn Ltd"]
        assert str(ACCOUNT_ID) in texts[4]
        assert texts[5:13] == [
            "Opening balance",
            "$10.00",
            "In",
            "$20,000.00",
            "Out",
            "-$2.50",
            "Closing balance",
            "$20,007.50",
        ]
        assert texts[13:19] == [
            "No.",
            "Date (UTC)",
            "Kind",
            "Details",
            "Amount (USD)",
            "Balance (USD)",
        ]
        assert texts[19:] == [
            *("Opening balance", "$10.00"),
            *("100", "2026-03-02 15:30", "Redemption", "-$2.50", "$7.50", "Spring"),
            "redemption:1:1",
            *("101", "2026-03-02 15:31", "Allocation", "$20,000.00", "$20,007.50", "Spring"),
            "redemption:1:1",
            *("Closing balance", "$20,007.50"),
            *("Giftline", "Page 1 of"),
        ]
        assert texts_of(count) == ["1"]

    def test_says_the_same_when_it_is_compressed(self) -> None:
        drawn = statement(-250, 2_000_000)
        compressed = pdf_of(drawn, is_compressed=True)
        assert list(map(texts_of, streams_of(compressed))) == list(
            map(texts_of, streams_of(pdf_of(drawn)))
        )
        assert compressed.startswith(b"%PDF-")
        assert b"$7.50" not in compressed

    def test_repeats_the_head_on_numbered_pages(self) -> None:
        *pages, count = map(texts_of, streams_of(pdf_of(statement(*[-1] * 90, opening_minor=90))))
        assert len(pages) > 2
        assert count == [str(len(pages))]
        for number, page in enumerate(pages, start=1):
            assert page.count("Balance (USD)") == 1
            assert page[-1] == f"Page {number} of"
        assert [page.count("redemption:1:1") for page in pages[:-1]] == [
            page.count("Redemption") for page in pages[:-1]
        ]
        assert sum(page.count("Redemption") for page in pages) == 90
        assert "Closing balance" in pages[-1]

    def test_lets_the_running_balance_end_at_the_closing_one(self) -> None:
        amounts = [(-1) ** n * n * 7 for n in range(1, 60)]
        pages = map(texts_of, streams_of(pdf_of(statement(*amounts, opening_minor=5_000))))
        shown = [text for page in pages for text in page]
        sums = [
            Decimal(text.replace("$", "").replace(",", ""))
            for text in shown
            if re.fullmatch(r"-?\$[0-9,]+\.[0-9]{2}", text)
        ]
        closing = Decimal(5_000 + sum(amounts)) / 100
        assert sums[3] == sums[-1] == sums[-2] == closing

    @pytest.mark.parametrize("name", ["Łucja Ñandú & Søhne", "Việt Nam Şişli Þór", "Ελλάδα Київ"])
    def test_has_the_letters_of_names(self, name: str) -> None:
        texts = texts_of(streams_of(pdf_of(statement(-250, name=name)))[0])
        assert not any("?" in text for text in texts)

    def test_marks_what_the_font_lacks(self) -> None:
        texts = texts_of(streams_of(pdf_of(statement(-250, note="日本\x00\n🎁")))[0])
        assert "?? ?" in texts

    def test_keeps_a_long_note_within_its_rows(self) -> None:
        texts = texts_of(streams_of(pdf_of(statement(-250, note="word " * 100)))[0])
        assert len([text for text in texts if text.startswith("word")]) == 3

    @pytest.mark.parametrize(("currency", "width"), [("USD", "612"), ("EUR", "595.27")])
    def test_fits_the_paper_of_where_it_is_read(self, currency: str, width: str) -> None:
        pdf = pdf_of(statement(-250, currency=currency))
        assert re.search(rb"/MediaBox \[ 0 0 ([0-9.]+)", pdf)[1].decode().startswith(width)  # type: ignore[index]

    def test_speaks_the_readers_language(self) -> None:
        with translation.override("es"):
            pdf = pdf_of(statement(-250))
        assert b"/Lang (es)" in pdf

    def test_names_the_company(self) -> None:
        with override_settings(COMPANY_NAME="Norte Rewards"):
            texts = texts_of(streams_of(pdf_of(statement(-250)))[0])
        assert texts.count("Norte Rewards") == 2

    def test_refuses_more_than_anybody_prints(self) -> None:
        too_long = dataclasses.replace(statement(), line_count=MAX_LINES + 1)
        with pytest.raises(StatementTooLongError) as refusal:
            pdf_of(too_long)
        assert refusal.value.code is ErrorCode.TOO_LARGE
        assert "20,001" in refusal.value.errors["as"][0]


class TestFilenameOf:
    @pytest.mark.parametrize(
        ("name", "middle"),
        [
            ("Acorn Ltd", "acorn-ltd"),
            ("Søhne & Ñandú", "shne-nandu"),
            ('../../etc/passwd"; x="\r\nSet-Cookie: a', "etcpasswd-x-set-cookie-a"),
            ("日本", str(ACCOUNT_ID)),
            ("x" * 200, "x" * 60),
        ],
    )
    def test_is_plain_whatever_the_account_is_called(self, name: str, middle: str) -> None:
        filename = filename_of(statement(name=name), suffix="csv")
        assert filename == f"statement-{middle}-2026-03-01-to-2026-03-31.csv"


@pytest.mark.django_db(transaction=True)
class TestSpoolStatement:
    PERIOD = {"start": date(2026, 3, 1), "end": date(2026, 3, 31)}

    def test_writes_what_sql_says(self) -> None:
        world = build_world()
        facts, file = spool_statement(
            viewer=SYSTEM, account_id=world.account.pk, write=write_csv, **self.PERIOD
        )
        with file:
            rows = list(csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline="")))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.number::text, (e.amount_minor / 100.0)::numeric(12, 2)::text"
                " FROM credit_entry e JOIN credit_transaction t ON t.id = e.transaction_id"
                " WHERE e.account_id = %s AND t.created_at >= '2026-03-01T00:00:00Z'"
                " AND t.created_at < '2026-04-01T00:00:00Z' ORDER BY e.number",
                [world.account.pk],
            )
            assert [(row["number"], row["amount"]) for row in rows[1:-1]] == cursor.fetchall()
        moved = sum(Decimal(row["amount"]) for row in rows[1:-1])
        assert Decimal(rows[0]["balance_after"]) + moved == Decimal(rows[-1]["balance_after"])
        assert Decimal(rows[-1]["balance_after"]) == Decimal(world.balance()) / 100
        assert facts.line_count == len(rows) - 2 == 1

    def test_makes_nothing_of_a_strangers_account(self) -> None:
        world, stranger = build_world(), build_world(name="Birch")
        viewer = Viewer(actor="key:x", client_ids=frozenset({stranger.client.pk}))
        with pytest.raises(Account.DoesNotExist):
            spool_statement(
                viewer=viewer, account_id=world.account.pk, write=write_csv, **self.PERIOD
            )
