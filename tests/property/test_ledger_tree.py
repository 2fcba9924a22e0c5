"""A crowd does at random what the ledger allows, over a random tree; it adds up afterwards.

Every thread keeps its own account of what it was told had happened. So a movement that was lost
shows in two ways: against the ledger's own entries, and against what the callers remember.
"""

from __future__ import annotations

import random  # noqa: TID251  seeded, so that a walk can be walked again
import time
from collections import Counter
from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection
from django.db.models import Sum

from alerts.errors import ServiceError
from alerts.transactions import transaction
from credit.models import Account, Agency, Client, Entry, Transaction
from credit.selectors.balances import balance_of
from credit.services.accounts import (
    open_agency_account,
    open_campaign_account,
    open_client_account,
    open_platform_accounts,
)
from credit.services.ledger import adjust_balance, allocate
from credit.services.settlements import (
    Settlement,
    capture_hold,
    hold_credit,
    refund_debit,
    release_hold,
)
from credit.services.slots import merge_account, rebalance_account, split_account
from tests.database import owner_url
from tests.invariants import LEDGER, broken_invariants
from tests.races import run_at_once
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
STEPS = 40
# Small beside each other, so that accounts are often short by a little.
LARGEST_STEP = 60


class Forest:
    """Accounts at random below the platform's, and what is open among what was done to them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.holds: list[UUID] = []
        self.debits: list[UUID] = []
        with transaction():
            self.issuing = open_platform_accounts(currency="USD")
            self.accounts = [
                account
                for _ in range(self.random.randint(1, 2))
                for account in self._plant_agency(f"{seed}-{uuid4().hex[:6]}")
            ]
        self.told: list[Counter[UUID]] = []

    def _plant_agency(self, slug: str) -> list[Account]:
        agency = Agency.objects.create(name=slug, slug=slug)
        accounts = [open_agency_account(agency=agency, currency="USD")]
        for number in range(self.random.randint(1, 2)):
            client = Client.objects.create(agency=agency, name=slug, slug=f"{slug}-{number}")
            accounts.append(open_client_account(client=client, currency="USD"))
            accounts += [
                open_campaign_account(client=client, name=f"Own {campaign}", currency="USD")
                for campaign in range(self.random.randint(0, 2))
            ]
        return accounts


class Walker:
    """One of the crowd: takes steps at random and remembers what it was told."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self.random = random.Random(f"{forest.random.random()}")
        self.told: Counter[UUID] = Counter()
        self.reached: Counter[str] = Counter()

    def walk(self) -> Counter[str]:
        """Take the steps; return how often each came to something."""
        steps: list[tuple[Callable[[], object], int]] = [
            (self.allocate, 6),
            (self.debit, 5),
            (self.hold, 4),
            (self.capture, 3),
            (self.release, 2),
            (self.refund, 3),
            (self.adjust, 1),
            (self.reslot, 1),
        ]
        for _ in range(STEPS):
            step = self.random.choices([step for step, _ in steps], [odds for _, odds in steps])[0]
            try:
                self.reached[step.__name__] += bool(step())
            except ServiceError as refusal:
                self.reached[refusal.code.code] += 1
        self.forest.told.append(self.told)
        return self.reached

    def amount(self) -> int:
        return self.random.randint(1, LARGEST_STEP)

    def account(self) -> Account:
        return self.random.choice(self.forest.accounts)

    def allocate(self) -> bool:
        payee, amount = self.account(), self.amount()
        by_id = {account.pk: account for account in self.forest.accounts}
        assert payee.parent_id is not None
        payer = by_id.get(payee.parent_id, self.forest.issuing)
        with transaction():
            allocate(
                from_account=payer,
                to_account=payee,
                amount_minor=amount * (3 if payer is self.forest.issuing else 1),
                actor="system",
                key=str(uuid4()),
                now=NOW,
            )
        if payer is self.forest.issuing:
            amount *= 3
        else:
            self.told[payer.pk] -= amount
        self.told[payee.pk] += amount
        return True

    def debit(self) -> bool:
        """Pay as a redemption does: in one statement, by the function itself."""
        account, amount, debit_id = self.account(), self.amount(), uuid4()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT credit_debit_account(%s, %s, %s, 'USD', 'redemption', 'consumed', %s,"
                " 'system', %s)",
                [debit_id, account.pk, amount, f"redemption:{uuid4()}:1", NOW],
            )
            if cursor.fetchone()[0] is None:
                return False
        self.told[account.pk] -= amount
        self.forest.debits.append(debit_id)
        return True

    def hold(self) -> bool:
        account, amount = self.account(), self.amount()
        with transaction():
            hold_id = hold_credit(
                account_id=account.pk,
                amount_minor=amount,
                currency="USD",
                reference=f"order:{uuid4()}",
                actor="system",
                now=NOW,
            )
        self.told[account.pk] -= amount
        self.forest.holds.append(hold_id)
        return True

    # Everybody draws from the same lists and nothing is taken off them: so several try to settle
    # the same thing, at once and later.

    def capture(self) -> bool:
        if not self.forest.holds:
            return False
        hold_id = self.random.choice(self.forest.holds)
        held = -min(
            Entry.objects.filter(transaction_id=hold_id)
            .values("account_id")
            .annotate(total=Sum("amount_minor"))
            .values_list("total", flat=True)
        )
        part = self.random.choice([None, self.random.randint(1, held)])
        with transaction():
            done = capture_hold(hold_id=hold_id, actor="system", now=NOW, amount_minor=part)
        if not done.is_replay:
            self.told[done.account_id] += held - done.amount_minor
            self.forest.debits.append(done.transaction_id)
        return not done.is_replay

    def release(self) -> bool:
        if not self.forest.holds:
            return False
        with transaction():
            done = release_hold(
                hold_id=self.random.choice(self.forest.holds), actor="system", now=NOW
            )
        return self._got_back(done)

    def refund(self) -> bool:
        if not self.forest.debits:
            return False
        debit_id = self.random.choice(self.forest.debits)
        with transaction():
            done = refund_debit(transaction_id=debit_id, actor="system", note="", now=NOW)
        return self._got_back(done)

    def _got_back(self, done: Settlement) -> bool:
        if not done.is_replay:
            self.told[done.account_id] += done.amount_minor
        return not done.is_replay

    def adjust(self) -> bool:
        account, amount = self.account(), self.amount() * self.random.choice([1, -1])
        with transaction():
            adjust_balance(
                account_id=account.pk,
                amount_minor=amount,
                reason="at random",
                actor="system",
                key=str(uuid4()),
                now=NOW,
            )
        self.told[account.pk] += amount
        return True

    def reslot(self) -> bool:
        """Split an account, even it out or make it whole: nobody's balance changes."""
        account_id = self.account().pk
        change = self.random.choice([split_account, rebalance_account, merge_account])
        more = {"slots": self.random.randint(2, 4)} if change is split_account else {}
        return change(account_id=account_id, actor="system", now=NOW, **more)


def walk_together(forest: Forest) -> Counter[str]:
    """Send the crowd off; return how often each step came to something."""
    walkers = [Walker(forest) for _ in range(THREADS)]
    turn = iter(walkers)
    # next() of an iterator over a list is one step of the interpreter: no two get the same.
    outcomes = run_at_once(THREADS, lambda: next(turn).walk())
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    return sum((walker.reached for walker in walkers), Counter())


class TestLedger:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_adds_up_whatever_a_crowd_does(self, seed: int) -> None:
        forest = Forest(seed)
        reached = walk_together(forest)
        assert broken_invariants(promises=LEDGER) == {}
        for account in forest.accounts:
            assert balance_of(account.pk) == sum(told[account.pk] for told in forest.told)
        assert Entry.objects.aggregate(total=Sum("amount_minor"))["total"] == 0
        # It was no idle walk: everything happened, and the money was often short.
        for step in ("allocate", "debit", "hold", "capture", "release", "refund", "GC-006"):
            assert reached[step] > 0, (step, reached)
        assert Transaction.objects.filter(settles__isnull=False).count() > THREADS

    def test_does_not_when_a_debit_reads_first_and_writes_afterwards(self) -> None:
        # The control: the same crowd, entries as they should be, a balance written by hand.
        forest = Forest(4)
        account = forest.accounts[0]
        with transaction():
            allocate(
                from_account=forest.issuing,
                to_account=account,
                amount_minor=100 * THREADS,
                actor="system",
                key=str(uuid4()),
                now=NOW,
            )
        consumed = Account.objects.get(purpose="consumed", currency="USD")

        def spend() -> None:
            with psycopg.connect(owner_url()) as owner:
                (balance,) = owner.execute(
                    "SELECT balance_minor FROM credit_account WHERE id = %s", [account.pk]
                ).fetchone() or (0,)
                time.sleep(0.05)
                owner.execute(
                    "UPDATE credit_account SET balance_minor = %s WHERE id = %s",
                    [balance - 100, account.pk],
                )
                (debit_id,) = owner.execute(
                    "INSERT INTO credit_transaction"
                    " (id, kind, reference, idempotency_key, actor, created_at)"
                    " VALUES (gen_random_uuid(), 'redemption', 'x', gen_random_uuid()::text,"
                    " 'x', now()) RETURNING id"
                ).fetchone() or (None,)
                for side, amount, after in (
                    (account.pk, -100, balance - 100),
                    (consumed.pk, 100, None),
                ):
                    owner.execute(
                        "INSERT INTO credit_entry"
                        " (transaction_id, account_id, amount_minor, balance_after_minor)"
                        " VALUES (%s, %s, %s, %s)",
                        [debit_id, side, amount, after],
                    )

        assert run_at_once(THREADS, spend) == [None] * THREADS
        assert {"account-balances", "entries-in-a-chain"} <= broken_invariants(
            promises=LEDGER
        ).keys()
        assert (balance_of(account.pk) or 0) > 0
