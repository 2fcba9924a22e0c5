"""The audit: silent on a sound ledger, and loud for each way in which it may not add up."""

from __future__ import annotations

from io import StringIO
from typing import Final

import psycopg
import pytest
from django.core.management import call_command

from alerts.models import Alert
from alerts.transactions import transaction
from credit.models import Entry
from credit.selectors.ledger_audit import EXAMPLES
from credit.services.ledger_audit import LedgerAudit, audit_ledger
from credit.services.settlements import hold_credit, release_hold
from credit.services.slots import merge_account, split_account
from credit.tasks import audit_ledger as audit_task
from tests.credit.spending import hand_down, spend
from tests.database import owner_url
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

BALANCE: Final = "An account's balance is not the sum of its entries"
PART: Final = "A part of an account does not hold the sum of its own entries"
BEYOND: Final = "A slot beyond those in use holds money"
CHAIN: Final = "An entry's balance after it does not follow from the entry before"
MISSING: Final = "An entry's account or transaction is not there"
ZERO: Final = "A transaction does not sum to zero"
CURRENCIES: Final = "A transaction has more than one currency"
TWICE: Final = "A transaction is settled more than once"
TOO_MUCH: Final = "A settlement gives back more than was taken"

GUARDED: Final = ("credit_account", "credit_accountslot", "credit_transaction", "credit_entry")


@pytest.fixture
def world() -> World:
    """A client with 1,000, of which 100 and 200 were spent and 50 held and given back."""
    world = build_world(credit_minor=1000)
    spend(world.account.pk, 100)
    spend(world.account.pk, 200)
    with transaction():
        hold_id = hold_credit(
            account_id=world.account.pk,
            amount_minor=50,
            currency="USD",
            reference="test:hold",
            actor="test",
            now=NOW,
        )
    with transaction():
        release_hold(hold_id=hold_id, actor="test", now=NOW)
    return world


def corrupt(*statements: str) -> None:
    """Change what can't be changed: as the owner, with all guards of the ledger off."""
    with psycopg.connect(owner_url()) as owner:
        for table in GUARDED:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        # Tables with checks that are still to come can't be altered.
        owner.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in statements:
            owner.execute(statement)
        for table in GUARDED:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def audit() -> LedgerAudit:
    return audit_ledger(now=NOW)


def found() -> dict[str, list[str]]:
    """Return what an audit finds wrong, as sentences with the figures."""
    kinds = audit().faults
    return {kind.sentence: [str(fault) for fault in kind.examples] for kind in kinds}


class TestAuditLedger:
    def test_finds_nothing_wrong_with_a_sound_ledger(self, world: World) -> None:
        audited = audit()
        assert audited.faults == ()
        assert audited.accounts == 6
        assert audited.entries == Entry.objects.count() == 12
        assert not Alert.objects.exists()

    def test_finds_nothing_wrong_with_slots(self, world: World) -> None:
        split_account(account_id=world.account.pk, actor="test", now=NOW, slots=4)
        spend(world.account.pk, 300)
        parent = world.account.parent
        assert parent is not None
        hand_down(world.platform_account, parent, 90)
        hand_down(parent, world.account, 90)
        assert audit().faults == ()
        split_account(account_id=world.account.pk, actor="test", now=NOW, slots=2)
        assert audit().faults == ()
        merge_account(account_id=world.account.pk, actor="test", now=NOW)
        assert audit().faults == ()

    def test_finds_nothing_wrong_with_nothing(self) -> None:
        assert audit() == LedgerAudit(accounts=0, entries=0, faults=())

    def test_finds_a_balance_without_entries(self, world: World) -> None:
        corrupt(f"UPDATE credit_account SET balance_minor = 705 WHERE id = '{world.account.pk}'")
        assert found() == {
            BALANCE: [f"account {world.account.pk}: 705 instead of 700"],
            PART: [f"account {world.account.pk} itself: 705 instead of 700"],
        }

    def test_finds_money_that_changed_slots_without_an_entry(self, world: World) -> None:
        split_account(account_id=world.account.pk, actor="test", now=NOW, slots=2)
        corrupt(
            "UPDATE credit_accountslot SET balance_minor = 349 WHERE slot = 0",
            "UPDATE credit_accountslot SET balance_minor = 351 WHERE slot = 1",
        )
        assert found() == {
            PART: [
                f"account {world.account.pk} slot 0: 349 instead of 350",
                f"account {world.account.pk} slot 1: 351 instead of 350",
            ]
        }

    def test_finds_money_in_a_slot_that_is_not_in_use(self, world: World) -> None:
        split_account(account_id=world.account.pk, actor="test", now=NOW, slots=2)
        corrupt("UPDATE credit_account SET slot_count = 1 WHERE slot_count = 2")
        assert found() == {BEYOND: [f"account {world.account.pk} slot 1: 350 instead of 0"]}

    def test_finds_an_amount_that_was_changed(self, world: World) -> None:
        entry = Entry.objects.get(account=world.account, amount_minor=-200)
        corrupt(f"UPDATE credit_entry SET amount_minor = -199 WHERE number = {entry.pk}")
        assert found() == {
            BALANCE: [f"account {world.account.pk}: 700 instead of 701"],
            PART: [f"account {world.account.pk} itself: 700 instead of 701"],
            CHAIN: [f"entry {entry.pk}: 700 instead of 701"],
            ZERO: [f"transaction {entry.transaction_id}: 1 instead of 0"],
        }

    def test_finds_a_balance_after_that_does_not_follow(self, world: World) -> None:
        entry = Entry.objects.get(account=world.account, amount_minor=-100)
        after = Entry.objects.get(account=world.account, amount_minor=-200)
        corrupt(f"UPDATE credit_entry SET balance_after_minor = 901 WHERE number = {entry.pk}")
        assert found() == {
            CHAIN: sorted(
                [
                    f"entry {entry.pk}: 901 instead of 900",
                    f"entry {after.pk}: 700 instead of 701",
                ]
            )
        }

    def test_finds_an_entry_that_was_removed(self, world: World) -> None:
        entry = Entry.objects.get(account=world.account, amount_minor=-200)
        corrupt(f"DELETE FROM credit_entry WHERE number = {entry.pk}")
        faults = found()
        assert faults[ZERO] == [f"transaction {entry.transaction_id}: 200 instead of 0"]
        assert faults[BALANCE] == [f"account {world.account.pk}: 700 instead of 900"]
        assert len(faults[CHAIN]) == 1

    def test_finds_a_transaction_without_entries(self, world: World) -> None:
        transaction_id = Entry.objects.get(amount_minor=-200).transaction_id
        corrupt(f"DELETE FROM credit_entry WHERE transaction_id = '{transaction_id}'")
        assert found()[ZERO] == [f"transaction {transaction_id}: nothing instead of 0"]

    def test_finds_a_balance_kept_where_none_is_kept(self, world: World) -> None:
        entry = Entry.objects.get(account__purpose="consumed", amount_minor=200)
        corrupt(f"UPDATE credit_entry SET balance_after_minor = 300 WHERE number = {entry.pk}")
        assert found() == {CHAIN: [f"entry {entry.pk}: 300 instead of nothing"]}

    def test_finds_an_entry_on_an_account_that_is_not_there(self, world: World) -> None:
        entry = Entry.objects.get(account=world.account, amount_minor=-200)
        corrupt(f"UPDATE credit_entry SET account_id = gen_random_uuid() WHERE number = {entry.pk}")
        faults = found()
        assert faults[MISSING] == [f"entry {entry.pk}: -200 instead of nothing"]
        assert set(faults) == {MISSING, BALANCE, PART, CHAIN}

    def test_finds_two_currencies_in_one_transaction(self, world: World) -> None:
        entry = Entry.objects.get(account=world.account, amount_minor=-200)
        corrupt("UPDATE credit_account SET currency = 'EUR' WHERE purpose = 'consumed'")
        faults = found()
        assert list(faults) == [CURRENCIES]
        assert f"transaction {entry.transaction_id}: 2 instead of 1" in faults[CURRENCIES]
        assert len(faults[CURRENCIES]) == 2

    def test_finds_what_was_settled_twice(self, world: World) -> None:
        hold_id = Entry.objects.get(account=world.account, transaction__kind="hold").transaction_id
        corrupt(
            "DROP INDEX credit_transaction_settled_once",
            "INSERT INTO credit_transaction (id, kind, reference, idempotency_key, settles_id,"
            " actor, note, created_at) SELECT gen_random_uuid(), kind, reference, 'again',"
            " settles_id, actor, note, created_at FROM credit_transaction WHERE kind = 'release'",
            "INSERT INTO credit_entry (transaction_id, account_id, amount_minor,"
            " balance_after_minor) SELECT t.id, e.account_id, e.amount_minor,"
            " e.balance_after_minor + e.amount_minor FROM credit_transaction t,"
            " credit_entry e JOIN credit_transaction r ON r.id = e.transaction_id"
            " WHERE t.idempotency_key = 'again' AND r.kind = 'release'"
            " AND r.idempotency_key <> 'again'",
            f"UPDATE credit_account SET balance_minor = 750 WHERE id = '{world.account.pk}'",
        )
        try:
            assert found() == {TWICE: [f"transaction {hold_id}: 2 instead of 1"]}
        finally:
            corrupt(
                "DELETE FROM credit_entry WHERE transaction_id ="
                " (SELECT id FROM credit_transaction WHERE idempotency_key = 'again')",
                "DELETE FROM credit_transaction WHERE idempotency_key = 'again'",
                "CREATE UNIQUE INDEX credit_transaction_settled_once ON credit_transaction"
                " (settles_id) WHERE settles_id IS NOT NULL",
            )

    def test_finds_more_given_back_than_was_taken(self, world: World) -> None:
        hold = Entry.objects.get(account=world.account, transaction__kind="hold")
        debit = Entry.objects.get(account=world.account, amount_minor=-100)
        release = Entry.objects.get(account=world.account, transaction__kind="release")
        corrupt(
            "UPDATE credit_transaction SET kind = 'refund',"
            f" settles_id = '{debit.transaction_id}' WHERE id = '{release.transaction_id}'"
        )
        assert found() == {}  # 50 of 100
        corrupt(
            f"UPDATE credit_entry SET amount_minor = 150 WHERE number = {release.pk}",
        )
        assert found()[TOO_MUCH] == [f"transaction {release.transaction_id}: 150 instead of 100"]
        assert hold.amount_minor == -50

    def test_counts_all_and_shows_some(self, world: World) -> None:
        for _ in range(EXAMPLES + 5):
            spend(world.account.pk, 1)
        corrupt("UPDATE credit_entry SET balance_after_minor = 0 WHERE amount_minor = -1")
        (kind,) = audit().faults
        assert (kind.sentence, kind.count) == (CHAIN, EXAMPLES + 5)
        assert len(kind.examples) == EXAMPLES


class TestAlert:
    def test_is_one_and_critical_and_resolved_by_a_clean_audit(self, world: World) -> None:
        broken = f"UPDATE credit_account SET balance_minor = 705 WHERE id = '{world.account.pk}'"
        corrupt(broken)
        audit_task()
        audit_task()
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.dedupe_key) == (
            "ledger_audit",
            "critical",
            "ledger_audit",
        )
        assert (alert.state, alert.count) == ("open", 2)
        assert f"{BALANCE} (1): account {world.account.pk}" in alert.message
        corrupt(broken.replace("705", "700"))
        audit_task()
        alert.refresh_from_db()
        assert alert.state == "resolved"


class TestCommand:
    def run(self) -> str:
        out = StringIO()
        call_command("audit_ledger", stdout=out, no_color=True)
        return out.getvalue()

    def test_prints_every_account_and_that_all_adds_up(self, world: World) -> None:
        printed = self.run()
        rows = [line.split() for line in printed.splitlines()]
        assert rows[0] == [
            "account",
            "level",
            "entries",
            "balance",
            "sum",
            "of",
            "entries",
            "difference",
        ]
        assert ["Acorn", "Ltd", "client", "5", "USD", "7.00", "7.00"] in rows
        assert ["Platform", "consumed", "USD", "platform", "2", "USD", "-", "3.00"] in rows
        assert "6 accounts, 12 entries." in printed
        assert printed.rstrip().endswith("Everything adds up.")

    def test_prints_the_difference_and_exits_with_1(self, world: World) -> None:
        corrupt(f"UPDATE credit_account SET balance_minor = 705 WHERE id = '{world.account.pk}'")
        out = StringIO()
        with pytest.raises(SystemExit) as caught:
            call_command("audit_ledger", stdout=out, no_color=True)
        assert caught.value.code == 1
        row = next(line for line in out.getvalue().splitlines() if line.startswith("Acorn Ltd"))
        assert row.split()[-4:] == ["USD", "7.05", "7.00", "0.05"]
        assert f"{BALANCE} (1):" in out.getvalue()
        assert Alert.objects.filter(severity="critical").count() == 1
