"""Everybody at one account in slots, on real connections, and a control that loses."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest

from alerts.transactions import transaction
from credit.models import Account, Entry
from credit.selectors.balances import balance_of
from credit.services.accounts import open_campaign_account
from credit.services.slots import merge_account, rebalance_account, split_account
from credit.services.transfers import InsufficientCreditError
from tests.credit.spending import hand_down, last_entries, slots_of, spend
from tests.database import owner_url
from tests.invariants import LEDGER, broken_invariants
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 16
ROUNDS = 8


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000)


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    # What is spent here bought nothing: only the ledger has to add up.
    assert broken_invariants(promises=LEDGER) == {}


def split(account: Account, slots: int = 8) -> None:
    split_account(account_id=account.pk, slots=slots, actor="test", now=NOW)


def spend_at_once(account_id: UUID, amount_minor: int, *, times: int = 1) -> list[int | None]:
    """Spend in a crowd; return what each debit said; an error of anybody's fails the test."""

    def work() -> list[int | None]:
        return [spend(account_id, amount_minor) for _ in range(times)]

    outcomes = run_at_once(CROWD, work)
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert errors == []
    return [left for outcome in outcomes if isinstance(outcome, list) for left in outcome]


def paid(outcomes: list[int | None]) -> int:
    return sum(outcome is not None for outcome in outcomes)


def with_one_at_other_work(work: Callable[[], object], other: Callable[[], object]) -> list[object]:
    """Let a crowd do ``work`` while one of it does ``other``; return what came of it."""
    turns = itertools.count()

    def run() -> object:
        return other() if next(turns) == 0 else work()

    outcomes = run_at_once(CROWD, run)
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    return outcomes


def spends_of(account: Account) -> int:
    """Return how much was spent from the account."""
    spent = Entry.objects.filter(account=account, transaction__kind="card_sale")
    return -sum(spent.values_list("amount_minor", flat=True))


class TestSpending:
    @pytest.mark.parametrize("slots", [2, 8, 64])
    def test_to_the_last_cent_pays_exactly_what_can_be_paid(self, world: World, slots: int) -> None:
        split(world.account, slots)
        # 128 times 130 is more than there is: 76 can be paid, and 120 is left.
        outcomes = spend_at_once(world.account.pk, 130, times=ROUNDS)
        assert paid(outcomes) == 76
        assert balance_of(world.account.pk) == 120
        assert min(slots_of(world.account.pk)) >= 0
        assert spend(world.account.pk, 120) == 0

    def test_of_more_than_any_slot_holds_gathers(self, world: World) -> None:
        split(world.account)
        assert paid(spend_at_once(world.account.pk, 3_000)) == 3
        assert balance_of(world.account.pk) == 1_000

    def test_of_everything_succeeds_once(self, world: World) -> None:
        split(world.account)
        assert paid(spend_at_once(world.account.pk, 10_000)) == 1
        assert slots_of(world.account.pk) == [0] * 8

    def test_small_and_large_at_once_comes_to_no_deadlock(self, world: World) -> None:
        split(world.account)
        amounts = itertools.cycle([10, 10, 10, 1_500])
        lock = threading.Lock()

        def work() -> int:
            done = 0
            for _ in range(ROUNDS):
                with lock:
                    amount = next(amounts)
                done += amount if spend(world.account.pk, amount) is not None else 0
            return done

        outcomes = run_at_once(CROWD, work)
        assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
        done = sum(outcome for outcome in outcomes if isinstance(outcome, int))
        assert balance_of(world.account.pk) == 10_000 - done
        assert done > 9_000 - 1_500


class TestWaiting:
    def test_for_money_that_others_have_locked_and_give_back(self, world: World) -> None:
        split(world.account, 2)
        outcomes: list[object] = []
        with psycopg.connect(owner_url()) as other:
            # All of it is spoken for, but not gone yet.
            other.execute("UPDATE credit_accountslot SET balance_minor = 0")
            spender = threading.Thread(
                target=lambda: outcomes.extend(
                    run_at_once(1, lambda: spend(world.account.pk, 7_000))
                )
            )
            spender.start()
            time.sleep(0.3)
            assert outcomes == []
            other.rollback()
            spender.join()
        assert outcomes == [3_000]
        assert last_entries(world.account.pk) == [(0, -5_000, 0), (1, -2_000, 3_000)]

    def test_at_no_slot_while_another_is_free(self, world: World) -> None:
        split(world.account, 4)
        with psycopg.connect(owner_url()) as other:
            other.execute("SELECT 1 FROM credit_accountslot WHERE slot <> 2 FOR UPDATE")
            (left,) = run_at_once(1, lambda: spend(world.account.pk, 2_500))
            assert left == 7_500
            other.rollback()
        assert slots_of(world.account.pk) == [2_500, 2_500, 0, 2_500]

    def test_not_at_all_when_there_is_too_little_whatever_the_others_do(self, world: World) -> None:
        split(world.account, 2)
        with psycopg.connect(owner_url()) as other:
            other.execute("SELECT 1 FROM credit_accountslot FOR UPDATE")
            assert run_at_once(1, lambda: spend(world.account.pk, 10_001)) == [None]
            other.rollback()


class TestAllocating:
    def test_in_while_others_spend_loses_nothing(self, world: World) -> None:
        split(world.account)
        parent = world.account.parent
        assert parent is not None
        hand_down(world.platform_account, parent, 800)

        def allocate() -> None:
            for _ in range(ROUNDS):
                hand_down(parent, world.account, 100)

        with_one_at_other_work(
            lambda: [spend(world.account.pk, 25) for _ in range(ROUNDS)], allocate
        )
        assert spends_of(world.account) == 15 * ROUNDS * 25
        assert balance_of(world.account.pk) == 10_000 + 800 - 15 * ROUNDS * 25

    def test_out_while_others_spend_takes_no_more_than_there_is(self, world: World) -> None:
        split(world.account)
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")

        def hand_down_what_is_left() -> None:
            # Whoever comes after the last cent is refused, and has moved nothing.
            with contextlib.suppress(InsufficientCreditError):
                hand_down(world.account, own, 2_000)

        outcomes = with_one_at_other_work(
            lambda: [spend(world.account.pk, 100) for _ in range(ROUNDS)],
            hand_down_what_is_left,
        )
        done = sum(paid(outcome) for outcome in outcomes if isinstance(outcome, list))
        moved = balance_of(own.pk)
        assert moved in (0, 2_000)
        assert (done, balance_of(world.account.pk)) == (100 - moved // 100, 0)


class TestRebalancing:
    def test_while_others_spend_moves_money_without_losing_any(self, world: World) -> None:
        split(world.account)

        def rebalance() -> None:
            for _ in range(ROUNDS):
                rebalance_account(account_id=world.account.pk, actor="test", now=NOW)

        with_one_at_other_work(
            lambda: [spend(world.account.pk, 80) for _ in range(ROUNDS)], rebalance
        )
        assert spends_of(world.account) == 15 * ROUNDS * 80
        assert balance_of(world.account.pk) == 10_000 - 15 * ROUNDS * 80


class TestSwitching:
    def test_back_and_forth_while_others_spend_refuses_nobody(self, world: World) -> None:
        def switch() -> None:
            for _ in range(ROUNDS):
                split(world.account)
                merge_account(account_id=world.account.pk, actor="test", now=NOW)

        outcomes = with_one_at_other_work(
            lambda: [spend(world.account.pk, 80) for _ in range(ROUNDS)], switch
        )
        assert sum(paid(one) for one in outcomes if isinstance(one, list)) == 15 * ROUNDS
        world.account.refresh_from_db()
        assert (world.account.slot_count, world.account.balance_minor) == (
            0,
            10_000 - 15 * ROUNDS * 80,
        )

    def test_to_slots_under_a_debit_that_waits_for_the_account(self, world: World) -> None:
        outcomes: list[object] = []
        with psycopg.connect(owner_url()) as other:
            other.execute(
                "SELECT credit_rebalance(gen_random_uuid(), %s, 4, 'test', now())",
                [world.account.pk],
            )
            spender = threading.Thread(
                target=lambda: outcomes.extend(
                    run_at_once(1, lambda: spend(world.account.pk, 9_000))
                )
            )
            spender.start()
            time.sleep(0.2)
            assert outcomes == []
            other.commit()
            spender.join()
        assert outcomes == [1_000]

    def test_to_one_number_under_a_debit_that_waits_for_a_slot(self, world: World) -> None:
        split(world.account, 2)
        outcomes: list[object] = []
        with psycopg.connect(owner_url()) as other:
            other.execute(
                "SELECT credit_rebalance(gen_random_uuid(), %s, 0, 'test', now())",
                [world.account.pk],
            )
            spender = threading.Thread(
                target=lambda: outcomes.extend(
                    run_at_once(1, lambda: spend(world.account.pk, 4_000))
                )
            )
            spender.start()
            time.sleep(0.2)
            assert outcomes == []
            other.commit()
            spender.join()
        assert outcomes == [6_000]


class TestControl:
    """The same crowd on slots without the rules of Note [Slots]: it must lose."""

    def test_reading_first_and_taking_afterwards_pays_too_often(self, world: World) -> None:
        split(world.account)
        taken: list[int] = []

        def read_then_take() -> None:
            if balance_of(world.account.pk) - sum(taken) >= 1_250:
                time.sleep(0.02)
                taken.append(1_250)

        assert run_at_once(CROWD, read_then_take) == [None] * CROWD
        assert sum(taken) > 10_000

    def test_taking_slots_in_any_order_comes_to_a_deadlock(self, world: World) -> None:
        split(world.account, 2)
        first = itertools.cycle([0, 1])
        both_have_one = threading.Barrier(2)

        def take_both() -> None:
            slot = next(first)
            with psycopg.connect(owner_url()) as owner:
                for number in (slot, 1 - slot):
                    owner.execute(
                        "UPDATE credit_accountslot SET balance_minor = balance_minor"
                        " WHERE slot = %s",
                        [number],
                    )
                    if number == slot:
                        both_have_one.wait(timeout=10)

        outcomes = run_at_once(2, take_both)
        (error,) = [outcome for outcome in outcomes if outcome is not None]
        assert isinstance(error, psycopg.errors.DeadlockDetected)
