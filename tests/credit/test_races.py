"""Money that moves in both directions at once, and the last of it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.db import connection

from alerts.transactions import transaction
from credit.models import Account, Entry
from credit.services.accounts import open_campaign_account
from credit.services.ledger import InsufficientCreditError, allocate
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

    def test_happens_once_for_a_key_that_many_bring(self, world: World, own: Account) -> None:
        outcomes = run_at_once(20, lambda: give(world.account, own, 10, key="same"))
        assert outcomes.count(None) == 1
        assert world.balance() == 990

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
