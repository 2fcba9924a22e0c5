"""Statements over the API: JSON, CSV and PDF of one and the same."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from alerts.transactions import transaction
from credit.models import Account
from credit.services.accounts import open_campaign_account
from credit.services.ledger import allocate
from credit.services.statement_pdf import MAX_LINES
from tests.credit.partners import Partner, assert_problem
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


@pytest.fixture
def world() -> World:
    world = build_world()
    with transaction():
        own = open_campaign_account(client=world.client, name="Own", currency="USD")
    for number in range(1, 61):
        with transaction():
            allocate(
                from_account=world.account,
                to_account=own,
                amount_minor=number,
                actor="test",
                key=str(uuid4()),
                note="=1+1" if number == 30 else "",
                now=datetime(2026, 2, 20, 12, tzinfo=UTC) + timedelta(days=number),
            )
    return world


@pytest.fixture
def client(world: World) -> Partner:
    return Partner(world.client)


def path(world: World) -> str:
    return f"/accounts/{world.account.pk}/statement/"


def body_of(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response)


def march_by_hand(world: World) -> tuple[int, list[int], int]:
    """Opening sum, amounts and closing sum as PostgreSQL has them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum(amount_minor) FILTER (WHERE day < '2026-03-01'), 0)::bigint,
                array_agg(amount_minor ORDER BY number)
                    FILTER (WHERE day BETWEEN '2026-03-01' AND '2026-03-31'),
                sum(amount_minor) FILTER (WHERE day <= '2026-03-31')::bigint
            FROM (SELECT e.number, e.amount_minor, (t.created_at AT TIME ZONE 'UTC')::date AS day
                FROM credit_entry e JOIN credit_transaction t ON t.id = e.transaction_id
                WHERE e.account_id = %s) entries
            """,
            [world.account.pk],
        )
        opening, amounts, closing = cursor.fetchone()
    assert opening + sum(amounts) == closing
    return opening, amounts, closing


def minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


class TestJson:
    def test_adds_up_and_says_what_sql_says(self, world: World, client: Partner) -> None:
        response = client.get(path(world), **MARCH)
        assert response["Content-Type"] == "application/json"
        assert response["Cache-Control"] == "no-store"
        body = response.json()
        opening, amounts, closing = march_by_hand(world)
        assert minor(body["opening_balance"]) == opening
        assert [minor(entry["amount"]) for entry in body["entries"]] == amounts
        assert minor(body["closing_balance"]) == closing
        assert minor(body["entries"][-1]["balance_after"]) == closing
        assert (body["from"], body["to"]) == ("2026-03-01", "2026-03-31")
        assert (body["account_id"], body["currency"]) == (str(world.account.pk), "USD")
        assert len(amounts) == 32

    def test_prints_entries_as_their_list_does(self, world: World, client: Partner) -> None:
        body = client.get(path(world), **MARCH).json()
        listed = client.get(
            f"/accounts/{world.account.pk}/entries/",
            page_size=200,
            created_after="2026-03-01T00:00:00Z",
            created_before="2026-04-01T00:00:00Z",
        ).json()["results"]
        by_number = {entry["number"]: entry for entry in listed}
        for entry in body["entries"]:
            # The allocations of this world were not made in the order of their days.
            same = {**by_number[entry["number"]], "balance_after": entry["balance_after"]}
            assert entry == same

    def test_takes_this_month_up_to_today_unless_told(self, world: World, client: Partner) -> None:
        body = client.get(path(world)).json()
        today = datetime.now(UTC).date()
        assert body["to"] == today.isoformat()
        assert body["from"] == today.replace(day=1).isoformat()
        assert body["opening_balance"] == body["closing_balance"] == "981.70"

    def test_takes_one_day(self, world: World, client: Partner) -> None:
        body = client.get(path(world), **{"from": "2026-03-05", "to": "2026-03-05"}).json()
        assert [entry["amount"] for entry in body["entries"]] == ["-0.13"]

    def test_shows_an_agency_its_clients_statement(self, world: World) -> None:
        response = Partner(world.agency).get(path(world), **MARCH)
        assert response.status_code == 200


class TestCsv:
    def test_is_a_file_that_adds_up(self, world: World, client: Partner) -> None:
        response = client.get(path(world), **MARCH, **{"as": "csv"})
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        assert response["Content-Disposition"] == (
            'attachment; filename="statement-acorn-ltd-2026-03-01-to-2026-03-31.csv"'
        )
        raw = body_of(response)
        assert int(response["Content-Length"]) == len(raw)
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
        opening, amounts, closing = march_by_hand(world)
        assert minor(rows[0]["balance_after"]) == opening
        assert [minor(row["amount"]) for row in rows[1:-1]] == amounts
        assert minor(rows[-1]["balance_after"]) == closing
        assert [row["note"] for row in rows].count("'=1+1") == 1

    def test_goes_out_piece_by_piece_when_it_is_long(
        self, world: World, client: Partner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = client.get(path(world), **MARCH, **{"as": "csv"})
        monkeypatch.setattr("credit.api.views._SENT_AT_ONCE_BYTES", 100)
        pieces = client.get(path(world), **MARCH, **{"as": "csv"})
        assert (whole.streaming, pieces.streaming) == (False, True)
        assert body_of(pieces) == body_of(whole)
        assert int(pieces["Content-Length"]) == len(body_of(whole))
        assert pieces["Content-Disposition"] == whole["Content-Disposition"]

    def test_is_given_to_who_accepts_nothing_else(self, world: World, client: Partner) -> None:
        for accept, form in (("text/csv", "csv"), ("application/pdf", "pdf")):
            response = client.http.get(
                f"/api/v1{path(world)}?as={form}", headers={**client.headers, "Accept": accept}
            )
            assert response["Content-Type"].startswith(accept)
            body_of(response)


class TestPdf:
    def test_is_a_document(self, world: World, client: Partner) -> None:
        response = client.get(path(world), **MARCH, **{"as": "pdf"})
        assert response["Content-Type"] == "application/pdf"
        assert response["Content-Disposition"].endswith('-to-2026-03-31.pdf"')
        raw = body_of(response)
        assert raw.startswith(b"%PDF-1.")
        assert raw.rstrip().endswith(b"%%EOF")

    def test_is_refused_where_nobody_would_print_it(
        self, world: World, client: Partner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("credit.services.statement_pdf.MAX_LINES", 31)
        body = assert_problem(client.get(path(world), **MARCH, **{"as": "pdf"}), 413, "GC-116")
        assert "CSV" in body["errors"]["as"][0]
        assert client.get(path(world), **MARCH, **{"as": "csv"}).status_code == 200
        assert MAX_LINES == 20_000

    def test_is_called_after_an_account_that_has_a_strange_name(
        self, world: World, client: Partner
    ) -> None:
        Account.objects.filter(pk=world.account.pk).update(name='a"; x=\r\nSet-Cookie: b=c; 日本')
        for form in ("csv", "pdf"):
            response = client.get(path(world), **MARCH, **{"as": form})
            assert response["Content-Disposition"] == (
                'attachment; filename="statement-a-x-set-cookie-bc'
                f'-2026-03-01-to-2026-03-31.{form}"'
            )
            body_of(response)
