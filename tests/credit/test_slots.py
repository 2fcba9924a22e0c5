"""An account in slots: one balance to everybody, many rows to the debits."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from alerts.errors import ValidationFailedError
from alerts.transactions import transaction
from credit.models import Account, AccountSlot, Entry, Transaction
from credit.selectors.balances import balance_of, list_uneven_accounts
from credit.services.accounts import open_campaign_account
from credit.services.ledger import InsufficientCreditError
from credit.services.settlements import hold_credit, release_hold
from credit.services.slots import (
    merge_account,
    rebalance_account,
    rebalance_accounts,
    split_account,
)
from credit.services.transfers import AccountNotFoundError
from tests.credit.spending import hand_down, last_entries, slots_of, spend
from tests.guards.raw import as_application
from tests.invariants import LEDGER, broken_invariants
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=1003)


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    # What is spent here bought nothing: only the ledger has to add up.
    assert broken_invariants(promises=LEDGER) == {}


def split(account: Account, slots: int = 4) -> bool:
    return split_account(account_id=account.pk, slots=slots, actor="user:1", now=NOW)


def kept_as(account: Account) -> tuple[int, int | None]:
    account.refresh_from_db()
    return account.slot_count, account.balance_minor


class TestSplitAccount:
    def test_spreads_the_balance_and_keeps_it_one_number(self, world: World) -> None:
        assert split(world.account)
        assert kept_as(world.account) == (4, None)
        assert slots_of(world.account.pk) == [251, 251, 251, 250]
        assert balance_of(world.account.pk) == 1003

    def test_is_a_transaction_of_its_own(self, world: World) -> None:
        split(world.account)
        row = Transaction.objects.get(kind="rebalance")
        assert (row.actor, row.reference) == ("user:1", f"account:{world.account.pk}")
        assert sorted(last_entries(world.account.pk), key=str) == [
            (0, 251, 251),
            (1, 251, 251),
            (2, 251, 251),
            (3, 250, 250),
            (None, -1003, 0),
        ]

    def test_changes_how_many_there_are(self, world: World) -> None:
        split(world.account, 4)
        assert split(world.account, 2)
        assert slots_of(world.account.pk) == [502, 501, 0, 0]
        assert split(world.account, 3)
        assert slots_of(world.account.pk) == [335, 334, 334, 0]
        assert kept_as(world.account) == (3, None)

    def test_writes_nothing_when_there_is_nothing_to_move(self, world: World) -> None:
        with transaction():
            empty = open_campaign_account(client=world.client, name="Empty", currency="USD")
        assert not split(empty)
        assert kept_as(empty) == (4, None)
        assert not split(empty)
        assert not merge_account(account_id=empty.pk, actor="user:1", now=NOW)
        assert kept_as(empty) == (0, 0)
        assert not Transaction.objects.filter(kind="rebalance").exists()

    @pytest.mark.parametrize("slots", [-1, 0, 1, 513])
    def test_refuses_too_few_and_too_many(self, world: World, slots: int) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            split(world.account, slots)
        assert list(caught.value.errors) == ["slots"]
        assert kept_as(world.account) == (0, 1003)

    def test_refuses_the_platforms(self, world: World) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            split(world.platform_account)
        assert list(caught.value.errors) == ["account_id"]
        assert not AccountSlot.objects.exists()

    def test_knows_no_other_account(self) -> None:
        with pytest.raises(AccountNotFoundError):
            split_account(account_id=uuid4(), actor="user:1", now=NOW)


class TestMergeAccount:
    def test_makes_it_one_number_again(self, world: World) -> None:
        split(world.account)
        assert spend(world.account.pk, 100) == 903
        assert merge_account(account_id=world.account.pk, actor="user:1", now=NOW)
        assert kept_as(world.account) == (0, 903)
        assert slots_of(world.account.pk) == [0, 0, 0, 0]
        assert last_entries(world.account.pk)[-1] == (None, 903, 903)
        assert spend(world.account.pk, 903) == 0

    def test_leaves_one_number_alone(self, world: World) -> None:
        before = Entry.objects.count()
        assert not merge_account(account_id=world.account.pk, actor="user:1", now=NOW)
        assert kept_as(world.account) == (0, 1003)
        assert Entry.objects.count() == before


class TestDebitAccount:
    def test_takes_it_from_one_slot_and_says_what_the_account_holds(self, world: World) -> None:
        split(world.account)
        assert spend(world.account.pk, 100) == 903
        ((slot, amount, after),) = last_entries(world.account.pk)
        assert slot in range(4)
        assert (amount, after) == (-100, slots_of(world.account.pk)[slot or 0])
        assert sorted(slots_of(world.account.pk))[0] in (150, 151)

    def test_begins_at_random(self, world: World) -> None:
        split(world.account)
        for _ in range(20):
            spend(world.account.pk, 1)
        used = Entry.objects.filter(account=world.account, amount_minor=-1).values("slot")
        # One in 4 ** 19 that it was the same each time.
        assert used.distinct().count() > 1

    def test_walks_on_when_a_slot_is_short(self, world: World) -> None:
        split(world.account)
        assert [spend(world.account.pk, 250) for _ in range(4)] == [753, 503, 253, 3]
        assert slots_of(world.account.pk) == [1, 1, 1, 0]

    def test_gathers_in_slot_order_what_no_slot_can_pay(self, world: World) -> None:
        split(world.account)
        assert spend(world.account.pk, 600) == 403
        assert last_entries(world.account.pk) == [(0, -251, 0), (1, -251, 0), (2, -98, 153)]
        assert slots_of(world.account.pk) == [0, 0, 153, 250]

    def test_takes_all_there_is(self, world: World) -> None:
        split(world.account)
        assert spend(world.account.pk, 1003) == 0
        assert spend(world.account.pk, 1) is None

    def test_takes_nothing_when_it_is_short(self, world: World) -> None:
        split(world.account)
        before = Entry.objects.count()
        assert spend(world.account.pk, 1004) is None
        assert slots_of(world.account.pk) == [251, 251, 251, 250]
        assert Entry.objects.count() == before

    @pytest.mark.parametrize("status", ["paused", "closed"])
    def test_takes_nothing_from_an_account_that_is_not_active(
        self, world: World, status: str
    ) -> None:
        split(world.account)
        Account.objects.filter(pk=world.account.pk).update(status=status)
        assert spend(world.account.pk, 1) is None
        assert balance_of(world.account.pk) == 1003

    def test_takes_nothing_in_another_currency(self, world: World) -> None:
        split(world.account)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT credit_debit_account(gen_random_uuid(), %s, 1, 'EUR', 'redemption',"
                " 'consumed', 'x', 'test', now())",
                [world.account.pk],
            )
            assert cursor.fetchone() == (None,)
        assert balance_of(world.account.pk) == 1003


class TestTransfer:
    def test_into_a_split_account_is_spread(self, world: World) -> None:
        split(world.account)
        parent = world.account.parent
        assert parent is not None
        hand_down(world.platform_account, parent, 7)
        hand_down(parent, world.account, 7)
        assert last_entries(world.account.pk) == [
            (0, 2, 253),
            (1, 2, 253),
            (2, 2, 253),
            (3, 1, 251),
        ]
        hand_down(world.platform_account, parent, 2)
        hand_down(parent, world.account, 2)
        assert last_entries(world.account.pk) == [(0, 1, 254), (1, 1, 254)]
        assert balance_of(world.account.pk) == 1012

    def test_out_of_a_split_account_is_gathered(self, world: World) -> None:
        split(world.account)
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        hand_down(world.account, own, 300)
        assert slots_of(world.account.pk) == [0, 202, 251, 250]
        assert balance_of(own.pk) == 300

    def test_of_more_than_it_holds_is_refused(self, world: World) -> None:
        split(world.account)
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        with pytest.raises(InsufficientCreditError):
            hand_down(world.account, own, 1004)
        assert slots_of(world.account.pk) == [251, 251, 251, 250]

    def test_from_one_split_account_to_another(self, world: World) -> None:
        split(world.account)
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        split(own, 2)
        hand_down(world.account, own, 503)
        assert (slots_of(world.account.pk), slots_of(own.pk)) == ([0, 0, 250, 250], [252, 251])

    def test_back_goes_to_the_poorest_slot(self, world: World) -> None:
        split(world.account)
        with transaction():
            hold_id = hold_credit(
                account_id=world.account.pk,
                amount_minor=300,
                currency="USD",
                reference="test:1",
                actor="test",
                now=NOW,
            )
        assert slots_of(world.account.pk) == [0, 202, 251, 250]
        with transaction():
            release_hold(hold_id=hold_id, actor="test", now=NOW)
        assert slots_of(world.account.pk) == [300, 202, 251, 250]
        assert last_entries(world.account.pk) == [(0, 300, 300)]


class TestRebalance:
    def test_evens_out_what_has_become_uneven(self, world: World) -> None:
        split(world.account)
        spend(world.account.pk, 600)
        assert list_uneven_accounts() == [world.account.pk]
        assert rebalance_accounts(now=NOW) == 1
        assert slots_of(world.account.pk) == [101, 101, 101, 100]
        assert Transaction.objects.filter(kind="rebalance", actor="system").count() == 1

    def test_leaves_a_little_unevenness_alone(self, world: World) -> None:
        split(world.account)
        spend(world.account.pk, 100)
        assert list_uneven_accounts() == []
        assert rebalance_accounts(now=NOW) == 0
        assert Transaction.objects.filter(kind="rebalance").count() == 1

    def test_leaves_what_can_not_be_evened_out_alone(self, world: World) -> None:
        split(world.account)
        spend(world.account.pk, 1001)
        assert sorted(slots_of(world.account.pk)) == [0, 0, 0, 2]
        assert list_uneven_accounts() == []

    def test_does_not_split_an_account_that_was_merged_meanwhile(self, world: World) -> None:
        split(world.account)
        merge_account(account_id=world.account.pk, actor="user:1", now=NOW)
        assert not rebalance_account(account_id=world.account.pk, actor="system", now=NOW)
        assert kept_as(world.account) == (0, 1003)


class TestSplitAccountCommand:
    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("split_account", *arguments, stdout=out)
        return out.getvalue().strip()

    def test_splits_and_merges(self, world: World) -> None:
        key = str(world.account.pk)
        assert self.run(key) == "Acorn Ltd holds $10.03, kept in 64 slots."
        assert self.run("Acorn Ltd", "--slots", "8") == "Acorn Ltd holds $10.03, kept in 8 slots."
        assert self.run(key, "--merge") == "Acorn Ltd holds $10.03, kept as one number."

    def test_refuses_what_the_service_refuses(self, world: World) -> None:
        with pytest.raises(CommandError, match="Between 2 and 512 slots"):
            self.run(str(world.account.pk), "--slots", "1")
        with pytest.raises(CommandError, match="There is no account"):
            self.run(str(world.platform_account.pk))


@pytest.mark.two_roles
class TestSlots:
    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE credit_accountslot SET balance_minor = balance_minor + 1",
            "INSERT INTO credit_accountslot (slot, balance_minor) VALUES (99, 5)",
            "DELETE FROM credit_accountslot",
            "TRUNCATE credit_accountslot",
            "SELECT credit_take_out(gen_random_uuid(), account_id, 1) FROM credit_accountslot",
            "SELECT credit_put_in(gen_random_uuid(), account_id, 1, true) FROM credit_accountslot",
        ],
    )
    def test_are_not_the_applications_to_write(self, world: World, change: str) -> None:
        split(world.account)
        with as_application() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(change)
        assert slots_of(world.account.pk) == [251, 251, 251, 250]
