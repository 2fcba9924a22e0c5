"""Money that moves in both directions at once, and the last of it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from alerts.transactions import transaction
from credit.models import Account, Entry, IdempotencyRecord, Transaction
from credit.selectors.viewers import SYSTEM
from credit.services.accounts import open_campaign_account
from credit.services.allocations import Allocation, allocate_credit
from credit.services.idempotency import claim_key
from credit.services.ledger import InsufficientCreditError, allocate
from credit.services.settlements import (
    Settlement,
    capture_hold,
    hold_credit,
    refund_debit,
    release_hold,
)
from credit.services.transfers import AlreadySettledError
from tests.database import empty_tables, owner_url
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=1000)


@pytest.fixture
def own(world: World) -> Account:
    with transaction():
        return open_campaign_account(client=world.client, name="Own", currency="USD")


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def give(payer: Account, payee: Account, amount_minor: int, *, key: str | None = None) -> None:
    with transaction():
        allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor="system",
            key=key or str(uuid4()),
            now=NOW,
        )


def take_back(payer_id: UUID, payee_id: UUID, amount_minor: int) -> None:
    with transaction(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT credit_transfer(gen_random_uuid(), %s, %s, %s, 'adjustment', 'back',"
            " gen_random_uuid()::text, NULL, 'test', 'given by mistake', now())",
            [payer_id, payee_id, amount_minor],
        )


class TestTransfer:
    def test_goes_both_ways_at_once_without_a_deadlock(self, world: World, own: Account) -> None:
        give(world.account, own, 500)
        turns, lock = itertools.count(), threading.Lock()

        def move() -> None:
            for _ in range(5):
                with lock:
                    down = next(turns) % 2 == 0
                if down:
                    give(world.account, own, 7)
                else:
                    take_back(own.pk, world.account.pk, 7)

        outcomes = run_at_once(20, move)
        assert [outcome for outcome in outcomes if outcome is not None] == []
        own.refresh_from_db()
        assert (world.balance(), own.balance_minor) == (500, 500)
        assert Entry.objects.filter(account=own).count() == 101

    def test_spends_the_last_money_once(self, world: World, own: Account) -> None:
        outcomes = run_at_once(20, lambda: give(world.account, own, 300))
        losers = [outcome for outcome in outcomes if outcome is not None]
        assert len(losers) == 17
        assert all(isinstance(loser, InsufficientCreditError) for loser in losers), losers
        assert world.balance() == 100

    def test_gives_all_of_the_last_money_to_one_of_two(self, world: World, own: Account) -> None:
        for left in range(8):
            outcomes = run_at_once(2, lambda: give(world.account, own, 1000))
            assert sorted(map(type, outcomes), key=str) == [type(None), InsufficientCreditError]
            assert world.balance() == 0, left
            take_back(own.pk, world.account.pk, 1000)

    @pytest.mark.parametrize("amount_minor", [10, 1000])
    def test_happens_once_for_a_key_that_many_bring(
        self, world: World, own: Account, amount_minor: int
    ) -> None:
        # Also when it takes the last of it: who waited finds nothing left, but was answered.
        outcomes = run_at_once(20, lambda: give(world.account, own, amount_minor, key="same"))
        assert outcomes == [None] * 20
        assert world.balance() == 1000 - amount_minor
        assert Transaction.objects.filter(idempotency_key="same").count() == 1

    def test_happens_once_for_a_key_that_a_partner_sends_many_times(
        self, world: World, own: Account
    ) -> None:
        claim = claim_key(owner="client:1", key="k", method="POST", path="/", body={})
        outcomes = run_at_once(
            12,
            lambda: allocate_credit(
                viewer=SYSTEM,
                from_account_id=world.account.pk,
                to_account_id=own.pk,
                amount_minor=1000,
                currency="USD",
                note="",
                key="k",
                now=NOW,
                claim=claim,
            ),
        )
        made = [outcome for outcome in outcomes if isinstance(outcome, Allocation)]
        assert len(made) == 12, outcomes
        assert [allocation.is_replay for allocation in made].count(False) == 1
        assert len({allocation.transaction_id for allocation in made}) == 1
        record = IdempotencyRecord.objects.get()
        assert record.object_id == made[0].transaction_id
        assert world.balance() == 0

    def test_is_lost_when_it_is_read_first_and_written_afterwards(self, world: World) -> None:
        # The control: the same crowd, a balance in a table that nobody guards.
        pot = {"balance": 1000}

        def spend() -> None:
            balance = pot["balance"]
            connection.ensure_connection()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.01)")
            if balance >= 300:
                pot["balance"] = balance - 300
            else:
                raise InsufficientCreditError

        outcomes = run_at_once(20, spend)
        assert outcomes.count(None) > 3


def in_turn(*works: Callable[[], object]) -> Callable[[], object]:
    """Return the work that is each of ``works`` in turn, whoever comes."""
    turns, lock = itertools.cycle(works), threading.Lock()

    def work() -> object:
        with lock:
            mine = next(turns)
        return mine()

    return work


class TestSettlement:
    def hold(self, world: World, amount_minor: int = 400, reference: str | None = None) -> UUID:
        with transaction():
            return hold_credit(
                account_id=world.account.pk,
                amount_minor=amount_minor,
                currency="USD",
                reference=reference or str(uuid4()),
                actor="system",
                now=NOW,
            )

    def capture(self, hold_id: UUID, amount_minor: int | None = None) -> Settlement:
        with transaction():
            return capture_hold(hold_id=hold_id, actor="system", now=NOW, amount_minor=amount_minor)

    def release(self, hold_id: UUID) -> Settlement:
        with transaction():
            return release_hold(hold_id=hold_id, actor="system", now=NOW)

    def refund(self, debit_id: UUID) -> Settlement:
        with transaction():
            return refund_debit(transaction_id=debit_id, actor="system", note="", now=NOW)

    @pytest.mark.parametrize("amount_minor", [None, 300])
    def test_of_a_hold_is_a_capture_or_a_release(
        self, world: World, amount_minor: int | None
    ) -> None:
        consumed = 0
        for _ in range(6):
            hold_id = self.hold(world, 100)
            amount = None if amount_minor is None else 30
            outcomes = run_at_once(
                8,
                in_turn(
                    lambda hold_id=hold_id, amount=amount: self.capture(hold_id, amount),  # type: ignore[misc]
                    lambda hold_id=hold_id: self.release(hold_id),  # type: ignore[misc]
                ),
            )
            won = [outcome for outcome in outcomes if isinstance(outcome, Settlement)]
            lost = [outcome for outcome in outcomes if isinstance(outcome, AlreadySettledError)]
            # The winners are one and those who asked for the same.
            assert (len(won), len(lost)) == (4, 4), outcomes
            assert [outcome.is_replay for outcome in won].count(False) == 1
            (settled_by,) = Transaction.objects.filter(settles_id=hold_id)
            assert {outcome.transaction_id for outcome in won} == {settled_by.pk}
            consumed += (amount or 100) if settled_by.kind == "capture" else 0
            assert world.balance() == 1000 - consumed

    def test_of_a_debit_is_one_refund(self, world: World) -> None:
        debit = self.capture(self.hold(world)).transaction_id
        outcomes = run_at_once(12, lambda: self.refund(debit))
        made = [outcome for outcome in outcomes if isinstance(outcome, Settlement)]
        assert len(made) == 12, outcomes
        assert [refund.is_replay for refund in made].count(False) == 1
        assert Transaction.objects.filter(kind="refund").count() == 1
        assert world.balance() == 1000

    def test_takes_the_last_money_for_one_hold(self, world: World) -> None:
        outcomes = run_at_once(12, lambda: self.hold(world, 1000))
        losers = [outcome for outcome in outcomes if isinstance(outcome, InsufficientCreditError)]
        assert len(losers) == 11, outcomes
        assert world.balance() == 0

    def test_begins_with_one_hold_for_a_reference(self, world: World) -> None:
        outcomes = run_at_once(12, lambda: self.hold(world, 1000, reference="order:1"))
        assert len(set(outcomes)) == 1, outcomes
        assert Transaction.objects.filter(kind="hold").count() == 1

    def test_happens_twice_without_its_guard(self, world: World) -> None:
        # The control: the same crowd, without the index that lets each hold be settled once.
        with psycopg.connect(owner_url(), autocommit=True) as owner:
            owner.execute("DROP INDEX credit_transaction_settled_once")
            try:
                assert any(self.is_settled_twice(self.hold(world, 10)) for _ in range(50))
                assert "held-is-what-holds-took" in broken_invariants()
            finally:
                empty_tables()
                owner.execute(
                    "CREATE UNIQUE INDEX credit_transaction_settled_once"
                    " ON credit_transaction (settles_id) WHERE settles_id IS NOT NULL"
                )

    def is_settled_twice(self, hold_id: UUID) -> bool:
        run_at_once(8, in_turn(lambda: self.capture(hold_id), lambda: self.release(hold_id)))
        return Transaction.objects.filter(settles_id=hold_id).count() == 2
