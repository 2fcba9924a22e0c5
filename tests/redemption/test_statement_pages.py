"""Statements on the screen and as files: what they add up to, and for whom."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.urls import reverse

from credit.models import Account, Entry, Membership, User
from tests.redemption.visiting import give_reward, manager, person, plain, put, text_of
from tests.staff import make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
Role = Membership.Role


@pytest.fixture
def world() -> World:
    return build_world()


class TestStatementPage:
    def test_adds_up_from_opening_to_closing(self, world: World, agency_account: Account) -> None:
        put(world.account, 20_000)
        give_reward(world)
        page = manager(world).get(reverse("statement", args=[world.account.pk]))
        shown = page.context["statement"]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(e.amount_minor) FILTER (WHERE t.created_at < %s), 0),"
                " sum(e.amount_minor) FROM credit_entry e"
                " JOIN credit_transaction t ON t.id = e.transaction_id WHERE e.account_id = %s",
                [datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0), world.account.pk],
            )
            assert cursor.fetchone() == (100_000, 117_500)
        assert [str(one) for one in (shown.opening, shown.closing)] == ["$1,000.00", "$1,175.00"]
        assert [str(one) for one in (shown.paid_in, shown.paid_out)] == ["+$200.00", "-$25.00"]
        lines = [(row.words, str(row.amount), str(row.balance)) for row in shown.rows]
        assert lines == [
            ("Allocation from Acorn Agency", "+$200.00", "$1,200.00"),
            ("Reward", "-$25.00", "$1,175.00"),
        ]
        assert "Acorn campaign" in plain(page)
        assert "/admin/" not in text_of(page)

    def test_hides_from_a_client_who_its_agency_pays(
        self, world: World, agency_account: Account
    ) -> None:
        put(world.account, 20_000)
        browser = person(Role.CLIENT_MANAGER, client=world.client)
        page = browser.get(reverse("statement", args=[world.account.pk]))
        assert [row.words for row in page.context["statement"].rows] == ["Allocation received"]

    def test_leads_the_platforms_staff_to_the_redemption(self, world: World) -> None:
        reward = give_reward(world)
        user = make_user(is_staff=True)
        Membership.objects.create(user=user, role=Role.PLATFORM_ADMIN)
        page = sign_in(user).get(reverse("statement", args=[world.account.pk]))
        address = reverse("admin:redemption_redemption_change", args=[reward.pk])
        assert address in text_of(page)

    def test_says_so_when_nothing_moved(self, world: World) -> None:
        address = reverse("statement", args=[world.account.pk])
        page = manager(world).get(address, {"from": "2020-01-01", "to": "2020-01-31"})
        assert "Nothing moved in these days" in plain(page)
        assert str(page.context["statement"].closing) == "$0.00"

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"from": "x", "to": "2026-03-01"}, "from"),
            ({"from": "2026-13-01"}, "from"),
            ({"from": "2026-03-02", "to": "2026-03-01"}, "to"),
            ({"from": "2026-03-01", "to": "20260302"}, "to"),
            ({"to": "2026-03-01"}, "from"),
        ],
    )
    def test_explains_days_that_make_no_sense(
        self, world: World, fields: dict[str, str], name: str
    ) -> None:
        page = manager(world).get(reverse("statement", args=[world.account.pk]), fields)
        assert page.status_code == 400
        assert list(page.context["statement"].period.errors) == [name]

    def test_turns_long_lists_and_carries_the_balance(
        self, world: World, agency_account: Account
    ) -> None:
        for _ in range(102):
            put(world.account, 100)
        address = reverse("statement", args=[world.account.pk])
        first, second = (manager(world).get(address, {"page": n}) for n in (1, 2))
        assert len(first.context["statement"].rows) == 100
        assert "Carried forward" in plain(first)
        assert "Brought forward" in plain(second)
        assert first.context["statement"].after == second.context["statement"].before
        assert str(second.context["statement"].after) == "$1,102.00"
        beyond = manager(world).get(address, {"page": 99})
        assert beyond.context["page"].number == 2

    def test_comes_as_csv_and_pdf_with_every_line(self, world: World) -> None:
        give_reward(world)
        browser = manager(world)
        answer: Any = browser.get(reverse("statement-csv", args=[world.account.pk]))
        content = b"".join(answer.streaming_content).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(content)))
        assert [row["kind"] for row in rows] == ["opening_balance", "redemption", "closing_balance"]
        assert rows[-1]["balance_after"] == "975.00"
        assert "no-store" in answer["Cache-Control"]
        pdf: Any = browser.get(reverse("statement-pdf", args=[world.account.pk]))
        assert b"".join(pdf.streaming_content).startswith(b"%PDF-")
        assert pdf["Content-Type"] == "application/pdf"

    def test_shows_nothing_of_what_is_not_an_account(self, world: World) -> None:
        assert manager(world).get(f"/statements/{uuid4()}/").status_code == 404
        assert Entry.objects.count() == 4
        assert User.objects.count() == 1
