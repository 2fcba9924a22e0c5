"""An account over a period: opening balance, every entry, closing balance."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from alerts.transactions import transaction
from credit.models import Account
from credit.selectors.statements import open_statement, read_statement
from credit.selectors.viewers import SYSTEM, Viewer
from credit.services.accounts import open_campaign_account
from credit.services.ledger import allocate
from tests.database import owner_url
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

MARCH = {"start": date(2026, 3, 1), "end": date(2026, 3, 31)}


def at(day: int, hour: int = 12, *, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=0)


@pytest.fixture
def campaign_account(world: World) -> Account:
    with transaction():
        return open_campaign_account(client=world.client, name="Own", currency="USD")


def agency_account(world: World) -> Account:
    assert world.account.parent is not None
    return world.account.parent


def give(
    payer: Account, payee: Account, amount_minor: int, now: datetime, *, note: str = ""
) -> UUID:
    with transaction():
        return allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor="test",
            key=f"test:{uuid4()}",
            note=note,
            now=now,
        ).transaction_id


def fund(world: World, amount_minor: int, now: datetime) -> UUID:
    """Issue to the agency and pass on to the client, whose transaction is returned."""
    give(world.platform_account, agency_account(world), amount_minor, now)
    return give(agency_account(world), world.account, amount_minor, now)


class TestReadStatement:
    def test_goes_from_the_opening_to_the_closing_balance(
        self, world: World, campaign_account: Account
    ) -> None:
        fund(world, 10_000, at(20, month=2))
        first = give(world.account, campaign_account, 2_500, at(3), note="Spring")
        second = fund(world, 1, at(9))
        fund(world, 77, at(1, month=4))
        statement = read_statement(viewer=SYSTEM, account_id=world.account.pk, **MARCH)
        assert statement.account_name == "Acorn Ltd"
        assert (statement.account_level, statement.currency) == ("client", "USD")
        assert (statement.opening_minor, statement.closing_minor) == (10_000, 7_501)
        assert (statement.in_minor, statement.out_minor) == (1, -2_500)
        assert statement.line_count == 2
        assert [
            (line.transaction_id, line.at, line.kind, line.note, line.amount_minor)
            for line in statement.lines
        ] == [
            (first, at(3), "allocation", "Spring", -2_500),
            (second, at(9), "allocation", "", 1),
        ]
        assert [line.balance_after_minor for line in statement.lines] == [7_500, 7_501]

    def test_adds_up_to_what_the_database_says(self, world: World) -> None:
        for number in range(1, 40):
            fund(world, number * 7, at(1, month=2) + timedelta(days=number))
        statement = read_statement(viewer=SYSTEM, account_id=world.account.pk, **MARCH)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.amount_minor FROM credit_entry e JOIN credit_transaction t"
                " ON t.id = e.transaction_id WHERE e.account_id = %s AND"
                " (t.created_at AT TIME ZONE 'UTC')::date BETWEEN '2026-03-01' AND '2026-03-31'"
                " ORDER BY e.number",
                [world.account.pk],
            )
            amounts = [amount for (amount,) in cursor.fetchall()]
        lines = list(statement.lines)
        assert len(lines) == statement.line_count == 12
        assert [line.amount_minor for line in lines] == amounts
        assert statement.opening_minor + sum(amounts) == statement.closing_minor
        assert lines[-1].balance_after_minor == statement.closing_minor
        assert world.balance() == statement.closing_minor

    def test_opens_the_next_period_with_what_it_closed(self, world: World) -> None:
        for day in (1, 31):
            fund(world, 100, at(day))
        fund(world, 100, at(1, month=4))
        march = read_statement(viewer=SYSTEM, account_id=world.account.pk, **MARCH)
        april = read_statement(
            viewer=SYSTEM,
            account_id=world.account.pk,
            start=date(2026, 4, 1),
            end=date(2026, 4, 30),
        )
        assert (march.closing_minor, april.opening_minor) == (200, 200)
        assert (march.line_count, april.line_count) == (2, 1)

    @pytest.mark.parametrize(
        ("now", "is_inside"),
        [
            (datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC), False),
            (datetime(2026, 3, 1, tzinfo=UTC), True),
            (datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC), True),
            (datetime(2026, 4, 1, tzinfo=UTC), False),
        ],
    )
    def test_takes_whole_days_in_utc(self, world: World, now: datetime, is_inside: bool) -> None:
        fund(world, 100, now)
        statement = read_statement(viewer=SYSTEM, account_id=world.account.pk, **MARCH)
        assert statement.line_count == is_inside

    def test_counts_on_where_the_ledger_keeps_no_balance(self, world: World) -> None:
        fund(world, 300, at(2))
        fund(world, 200, at(3))
        statement = read_statement(viewer=SYSTEM, account_id=world.platform_account.pk, **MARCH)
        assert [line.balance_after_minor for line in statement.lines] == [-300, -500]
        assert (statement.opening_minor, statement.closing_minor) == (0, -500)

    def test_is_empty_for_a_period_without_entries(self, world: World) -> None:
        fund(world, 300, at(2, month=2))
        statement = read_statement(viewer=SYSTEM, account_id=world.account.pk, **MARCH)
        assert list(statement.lines) == []
        assert (statement.opening_minor, statement.closing_minor) == (300, 300)

    def test_reads_the_first_and_the_last_day_there_is(self, world: World) -> None:
        fund(world, 300, at(2))
        statement = read_statement(
            viewer=SYSTEM, account_id=world.account.pk, start=date.min, end=date.max
        )
        assert (statement.opening_minor, statement.line_count) == (0, 1)

    def test_does_not_know_a_strangers_account(self, world: World) -> None:
        stranger = build_world(name="Birch")
        for viewer in (
            Viewer(actor="key:x", client_ids=frozenset({stranger.client.pk})),
            Viewer(actor="key:x", agency_ids=frozenset({stranger.agency.pk})),
            Viewer(actor="key:x"),
        ):
            with pytest.raises(Account.DoesNotExist):
                read_statement(viewer=viewer, account_id=world.account.pk, **MARCH)

    def test_does_not_show_a_client_its_agencys_account(self, world: World) -> None:
        viewer = Viewer(actor="key:x", client_ids=frozenset({world.client.pk}))
        with pytest.raises(Account.DoesNotExist):
            read_statement(viewer=viewer, account_id=agency_account(world).pk, **MARCH)
        own = read_statement(viewer=viewer, account_id=world.account.pk, **MARCH)
        assert own.account_id == world.account.pk


class TestOpenStatement:
    def test_does_not_see_what_is_committed_while_it_is_read(self, world: World) -> None:
        fund(world, 300, at(2))
        with open_statement(viewer=SYSTEM, account_id=world.account.pk, **MARCH) as statement:
            with psycopg.connect(owner_url(), autocommit=True) as other:
                other.execute(
                    "SELECT credit_transfer(gen_random_uuid(), %s, %s, 5, 'issue', 'x', 'x', NULL,"
                    " 'test', '', '2026-03-05')",
                    [world.platform_account.pk, agency_account(world).pk],
                )
                other.execute(
                    "SELECT credit_transfer(gen_random_uuid(), %s, %s, 5, 'allocation', 'y', 'y',"
                    " NULL, 'test', '', '2026-03-05')",
                    [agency_account(world).pk, world.account.pk],
                )
            lines = list(statement.lines)
        assert [line.balance_after_minor for line in lines] == [300]
        assert statement.closing_minor == 300
        assert world.balance() == 305
