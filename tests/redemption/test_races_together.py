"""Different things at once: those who wait, several accounts, and everything in one heap."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from alerts.errors import ServiceError
from alerts.transactions import transaction
from credit.models import Account, Transaction
from credit.services.accounts import open_campaign_account
from credit.services.idempotency import StillRunningError
from credit.services.ledger import allocate
from giftcards.models import GiftCard
from redemption.models import Campaign, Condition, Redemption
from redemption.services.disclosure import disclose_redemption
from redemption.services.redeem import AlreadyProvisionedError, Contact, RedeemResult
from redemption.services.serving import serve_waiting
from sms.models import Message
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import ask, key_for, snapshot
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def resume(code: str) -> RedeemResult:
    return ask(code, contact=Contact(method="none"), resume=True)


def in_turn(*works: Callable[[], object]) -> Callable[[], object]:
    """Return the work that is each of ``works`` in turn, whoever comes."""
    turns, lock = itertools.cycle(works), threading.Lock()

    def work() -> object:
        with lock:
            mine = next(turns)
        return mine()

    return work


class TestWhoWaits:
    def test_is_served_once_by_twenty_who_resume(self, world: World) -> None:
        (code,) = world.invite()
        waiting = ask(code)
        world.stock(20)
        outcomes = run_at_once(20, lambda: resume(code))
        losers = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert len(losers) == 19
        for loser in losers:
            assert isinstance(loser, AlreadyProvisionedError), loser
            assert loser.redemption_id == waiting.redemption_id
        assert GiftCard.objects.filter(status="available").count() == 19
        assert Message.objects.filter(purpose="reward").count() == 1
        assert world.balance() == 10_000_000 - 2500

    def test_is_served_once_by_the_queue_and_by_asking_again(self, world: World) -> None:
        codes = world.invite(10)
        for code in codes:
            ask(code)
        world.stock(30)
        askers = (lambda code=code: ask(code) for code in codes)
        outcomes = run_at_once(
            30, in_turn(*askers, *(lambda code=code: resume(code) for code in codes))
        )
        for outcome in outcomes:
            assert isinstance(outcome, (RedeemResult, AlreadyProvisionedError)), outcome
        assert Redemption.objects.filter(state="issued").count() == 10
        assert GiftCard.objects.filter(status="available").count() == 20

    def test_gets_no_card_twice_for_two_conditions(self, world: World) -> None:
        Condition.objects.create(
            campaign=world.campaign,
            number=2,
            name="Came again",
            brand=world.brand,
            card_value_minor=2500,
            pool=world.pool,
        )
        world.stock(20)
        (code,) = world.invite()
        outcomes = run_at_once(
            20,
            in_turn(lambda: ask(code, condition_number=1), lambda: ask(code, condition_number=2)),
        )
        issued = [outcome for outcome in outcomes if isinstance(outcome, RedeemResult)]
        assert sorted(result.condition_number for result in issued) == [1, 2]
        assert len({result.card.card_id for result in issued if result.card}) == 2


class TestStuckNeighbour:
    @pytest.mark.parametrize("table", ["redemption_recipient", "credit_account"])
    def test_is_waited_for_two_seconds_and_no_longer(self, world: World, table: str) -> None:
        world.stock(1)
        (code,) = world.invite()
        before = snapshot()
        with psycopg.connect(owner_url()) as other:
            other.execute(f"SELECT 1 FROM {table} FOR UPDATE")
            started = time.monotonic()
            with pytest.raises(StillRunningError):
                ask(code)
            assert 1.9 < time.monotonic() - started < 6
            other.rollback()
        assert snapshot() == before  # the card it had claimed is back
        assert ask(code).state == "issued"


class TestTwoAccounts:
    @staticmethod
    def own_account(world: World, amount_minor: int) -> Account:
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        Campaign.objects.filter(pk=world.campaign.pk).update(own_account=own)
        top_up(world.account, own, amount_minor)
        return own

    def test_are_locked_in_one_order(self, world: World) -> None:
        # Who finds the campaign's own account used up while waiting for it keeps it locked and
        # goes on to the client's, just as an allocation between the two holds one of them.
        own = self.own_account(world, 2500)
        world.stock(1)
        (code,) = world.invite()
        with psycopg.connect(owner_url()) as spender:
            spender.execute(
                "SELECT credit_debit_account(gen_random_uuid(), %s, 2500, 'USD', 'hold', 'held',"
                " 'somebody else', 'test', now())",
                [own.pk],
            )
            release = threading.Timer(0.5, spender.commit)
            release.start()
            outcomes = run_at_once(
                2,
                in_turn(lambda: ask(code), lambda: top_up(world.account, own, 1, after=0.2)),
            )
            release.join()
        assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
        own.refresh_from_db()
        assert own.balance_minor == 1

    def test_deadlock_when_locked_in_two(self, world: World) -> None:
        # The control: the same two rows, locked by two in opposite order.
        own = self.own_account(world, 2500)
        both = threading.Barrier(2)

        def lock(first: UUID, second: UUID) -> None:
            statement = "SELECT 1 FROM credit_account WHERE id = %s FOR NO KEY UPDATE"
            with transaction(), connection.cursor() as cursor:
                cursor.execute(statement, [first])
                both.wait(timeout=10)
                cursor.execute(statement, [second])

        outcomes = run_at_once(
            2,
            in_turn(lambda: lock(own.pk, world.account.pk), lambda: lock(world.account.pk, own.pk)),
        )
        (loser,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert "deadlock detected" in str(loser)

    def test_pay_for_a_crowd_to_the_last_cent_while_money_moves(self) -> None:
        world = build_world(credit_minor=30 * 2500)
        own = self.own_account(world, 10 * 2500)
        world.stock(60)
        codes = iter(world.invite(40))
        lock = threading.Lock()

        def redeem_next() -> object:
            with lock:
                code = next(codes)
            return ask(code)

        moves = in_turn(redeem_next, redeem_next, lambda: top_up(world.account, own, 100))
        outcomes = run_at_once(60, moves)
        unexpected = [
            outcome
            for outcome in outcomes
            if isinstance(outcome, Exception) and not isinstance(outcome, ServiceError)
        ]
        assert unexpected == []
        spent = 2500 * Transaction.objects.filter(kind="redemption").count()
        own.refresh_from_db()
        assert world.balance() + (own.balance_minor or 0) + spent == 30 * 2500
        assert spent == 2500 * Redemption.objects.filter(state="issued").count()


def top_up(payer: Account, payee: Account, amount_minor: int, *, after: float = 0) -> None:
    time.sleep(after)
    with transaction():
        allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor="system",
            key=str(uuid4()),
            now=datetime.now(UTC),
        )


class TestHeap:
    """Everybody does whatever comes to mind with a few codes, cards and cents."""

    def test_adds_up_and_nobody_deadlocks(self) -> None:
        world = build_world(credit_minor=60 * 2500)
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        second = Campaign.objects.create(
            client=world.client, name="Second", status="active", account=world.account,
            own_account=own,
        )  # fmt: skip
        Condition.objects.create(
            campaign=second, number=1, name="x", brand=world.brand, card_value_minor=2500
        )
        world.stock(10)
        codes = world.invite(25) + world.invite(25, campaign=second)

        def disclose_any() -> None:
            ids = list(Redemption.objects.values_list("pk", flat=True))
            if ids:
                disclose_redemption(
                    redemption_id=secrets.choice(ids), actor="user:1", now=datetime.now(UTC)
                )

        deeds: list[Callable[[], object]] = [
            lambda: ask(secrets.choice(codes)),
            lambda: ask(secrets.choice(codes), disclose=True),
            lambda: ask(code := secrets.choice(codes), key=key_for(code, key=code)),
            lambda: ask(secrets.choice(codes), contact=Contact(method="none")),
            lambda: resume(secrets.choice(codes)),
            lambda: top_up(world.account, own, secrets.randbelow(6000) + 1),
            lambda: world.stock(1),
            disclose_any,
            lambda: serve_waiting(now=datetime.now(UTC), limit=5),
        ]
        surprises: list[BaseException] = []

        def live() -> None:
            for _ in range(20):
                try:
                    secrets.choice(deeds)()
                except ServiceError:
                    pass  # a refusal is an answer
                except Exception as error:  # noqa: BLE001  whatever it is, it is not expected
                    surprises.append(error)

        run_at_once(16, live)
        assert [error for error in surprises if type(error).__name__ != "KeyAnsweredError"] == []
        assert Redemption.objects.filter(state__in=["issued", "delivered"]).exists()
