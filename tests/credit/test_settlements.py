"""Money set aside, used up, given back: each once, to the account that paid."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ValidationFailedError
from alerts.transactions import MissingTransactionError, transaction
from credit.models import Account, Transaction
from credit.services.idempotency import KeyReusedError
from credit.services.settlements import (
    Settlement,
    TransactionNotFoundError,
    capture_hold,
    hold_credit,
    refund_debit,
    release_hold,
)
from credit.services.slots import split_account
from credit.services.transfers import (
    AccountNotActiveError,
    AccountNotFoundError,
    AlreadySettledError,
    InsufficientCreditError,
)
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000)


def hold(world: World, amount_minor: int = 4_000, **changes: Any) -> UUID:
    request = {"account_id": world.account.pk, "amount_minor": amount_minor, "currency": "USD"}
    with transaction():
        return hold_credit(
            **{
                **request,
                "reference": f"order:{uuid4()}",
                "actor": "system",
                "now": NOW,
                **changes,
            }
        )


def capture(hold_id: UUID, amount_minor: int | None = None) -> Settlement:
    with transaction():
        return capture_hold(hold_id=hold_id, actor="system", now=NOW, amount_minor=amount_minor)


def release(hold_id: UUID) -> Settlement:
    with transaction():
        return release_hold(hold_id=hold_id, actor="system", now=NOW)


def refund(transaction_id: UUID, note: str = "wrong card") -> Settlement:
    with transaction():
        return refund_debit(transaction_id=transaction_id, actor="user:admin", note=note, now=NOW)


def contra(purpose: str) -> int:
    """Return what one of the platform's accounts has got in all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM credit_entry e"
            " JOIN credit_account a ON a.id = e.account_id WHERE a.purpose = %s",
            [purpose],
        )
        return int(cursor.fetchone()[0])


def where_it_is(world: World) -> tuple[int, int, int]:
    """Return what is on the account, held and consumed; in all it is always the same."""
    return world.balance(), contra("held"), contra("consumed")


def redeemed(world: World) -> UUID:
    """Redeem a reward of 2,500; return the debit."""
    world.stock(1)
    ask(world.invite()[0])
    return Transaction.objects.get(kind="redemption").pk


class TestHoldCredit:
    def test_sets_money_aside(self, world: World) -> None:
        hold_id = hold(world, 4_000, reference="order:1")
        assert where_it_is(world) == (6_000, 4_000, 0)
        row = Transaction.objects.get(pk=hold_id)
        assert (row.kind, row.reference, row.settles_id) == ("hold", "order:1", None)

    def test_happens_once_for_its_reference(self, world: World) -> None:
        hold_id = hold(world, 10_000, reference="order:1")
        assert hold(world, 10_000, reference="order:1") == hold_id
        assert where_it_is(world) == (0, 10_000, 0)

    def test_refuses_a_reference_that_stands_for_another_hold(self, world: World) -> None:
        hold(world, 4_000, reference="order:1")
        with pytest.raises(KeyReusedError):
            hold(world, 4_001, reference="order:1")
        with pytest.raises(KeyReusedError):
            hold(build_world(name="Birch"), 4_000, reference="order:1")
        assert where_it_is(world) == (6_000, 4_000, 0)

    def test_refuses_more_than_there_is(self, world: World) -> None:
        with pytest.raises(InsufficientCreditError) as caught:
            hold(world, 10_001)
        assert (caught.value.account_id, caught.value.amount_minor) == (world.account.pk, 10_001)
        assert where_it_is(world) == (10_000, 0, 0)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"amount_minor": 0}, "amount"),
            ({"amount_minor": -1}, "amount"),
            ({"amount_minor": 2**63}, "amount"),
            ({"currency": "EUR"}, "currency"),
        ],
    )
    def test_refuses_what_makes_no_sense(
        self, world: World, changes: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            hold(world, **{"amount_minor": 1, **changes})
        assert list(caught.value.errors) == [field]
        assert where_it_is(world) == (10_000, 0, 0)

    def test_refuses_the_platforms_own_account(self, world: World) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            hold(world, account_id=world.platform_account.pk)
        assert list(caught.value.errors) == ["account_id"]

    def test_refuses_an_account_that_is_not_there(self, world: World) -> None:
        with pytest.raises(AccountNotFoundError):
            hold(world, account_id=uuid4())

    @pytest.mark.parametrize("status", ["paused", "closed"])
    def test_refuses_an_account_that_is_not_active(self, world: World, status: str) -> None:
        Account.objects.filter(pk=world.account.pk).update(status=status)
        with pytest.raises(AccountNotActiveError) as caught:
            hold(world)
        assert caught.value.status == status
        assert where_it_is(world) == (10_000, 0, 0)

    def test_must_be_part_of_the_callers_transaction(self, world: World) -> None:
        with pytest.raises(MissingTransactionError):
            hold_credit(
                account_id=world.account.pk,
                amount_minor=1,
                currency="USD",
                reference="order:1",
                actor="system",
                now=NOW,
            )


class TestCaptureHold:
    def test_consumes_what_was_held(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        captured = capture(hold_id)
        assert where_it_is(world) == (6_000, 0, 4_000)
        assert (captured.amount_minor, captured.account_id) == (4_000, world.account.pk)
        row = Transaction.objects.get(pk=captured.transaction_id)
        assert (row.kind, row.settles_id) == ("capture", hold_id)

    def test_gives_the_rest_back_at_once(self, world: World) -> None:
        captured = capture(hold(world, 4_000), 3_999)
        assert captured.amount_minor == 3_999
        assert where_it_is(world) == (6_001, 0, 3_999)
        assert Transaction.objects.get(pk=captured.transaction_id).entries.count() == 3

    def test_gives_the_rest_back_to_a_paused_account(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        capture(hold_id, 1)
        assert where_it_is(world) == (9_999, 0, 1)

    @pytest.mark.parametrize("amount_minor", [0, -1, 4_001, 2**63])
    def test_refuses_an_amount_that_does_not_fit(self, world: World, amount_minor: int) -> None:
        hold_id = hold(world, 4_000)
        with pytest.raises(ValidationFailedError) as caught:
            capture(hold_id, amount_minor)
        assert list(caught.value.errors) == ["amount"]
        assert where_it_is(world) == (6_000, 4_000, 0)

    def test_happens_once(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        first = capture(hold_id, 1_000)
        assert capture(hold_id, 1_000) == dataclasses.replace(first, is_replay=True)
        assert where_it_is(world) == (9_000, 0, 1_000)

    def test_refuses_another_amount_afterwards(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        first = capture(hold_id, 1_000)
        with pytest.raises(AlreadySettledError) as caught:
            capture(hold_id)
        assert caught.value.settled_by_id == first.transaction_id
        assert where_it_is(world) == (9_000, 0, 1_000)

    def test_refuses_what_was_released(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        release(hold_id)
        with pytest.raises(AlreadySettledError) as caught:
            capture(hold_id)
        assert caught.value.code is ErrorCode.STATE_FORBIDS
        assert where_it_is(world) == (10_000, 0, 0)

    def test_refuses_what_is_no_hold(self, world: World) -> None:
        for transaction_id in (redeemed(world), uuid4()):
            with pytest.raises(TransactionNotFoundError):
                capture(transaction_id)
        assert where_it_is(world) == (7_500, 0, 2_500)

    def test_finds_its_way_back_to_an_account_that_was_split_meanwhile(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        split_account(account_id=world.account.pk, slots=3, actor="system", now=NOW)
        capture(hold_id, 1_000)
        assert contra("consumed") == 1_000
        assert broken_invariants() == {}


class TestReleaseHold:
    def test_gives_everything_back(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        released = release(hold_id)
        assert where_it_is(world) == (10_000, 0, 0)
        assert released.amount_minor == 4_000
        row = Transaction.objects.get(pk=released.transaction_id)
        assert (row.kind, row.settles_id) == ("release", hold_id)

    @pytest.mark.parametrize("status", ["paused", "closed"])
    def test_reaches_an_account_that_is_not_active(self, world: World, status: str) -> None:
        hold_id = hold(world, 4_000)
        Account.objects.filter(pk=world.account.pk).update(status=status)
        release(hold_id)
        assert where_it_is(world) == (10_000, 0, 0)

    def test_happens_once(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        first = release(hold_id)
        assert release(hold_id) == dataclasses.replace(first, is_replay=True)
        assert where_it_is(world) == (10_000, 0, 0)

    def test_refuses_what_was_captured(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        capture(hold_id)
        with pytest.raises(AlreadySettledError):
            release(hold_id)
        assert where_it_is(world) == (6_000, 0, 4_000)


class TestRefundDebit:
    def test_gives_a_redemption_back(self, world: World) -> None:
        debit = redeemed(world)
        refunded = refund(debit, "wrong card")
        assert where_it_is(world) == (10_000, 0, 0)
        assert (refunded.amount_minor, refunded.account_id) == (2_500, world.account.pk)
        row = Transaction.objects.get(pk=refunded.transaction_id)
        assert (row.kind, row.settles_id, row.note) == ("refund", debit, "wrong card")
        assert row.reference == Transaction.objects.get(pk=debit).reference

    def test_gives_back_of_a_capture_what_was_consumed(self, world: World) -> None:
        refunded = refund(capture(hold(world, 4_000), 3_000).transaction_id)
        assert refunded.amount_minor == 3_000
        assert where_it_is(world) == (10_000, 0, 0)

    def test_happens_once_whatever_the_second_note_says(self, world: World) -> None:
        debit = redeemed(world)
        first = refund(debit, "wrong card")
        assert refund(debit, "card was wrong") == dataclasses.replace(first, is_replay=True)
        assert where_it_is(world) == (10_000, 0, 0)

    @pytest.mark.parametrize("status", ["paused", "closed"])
    def test_reaches_an_account_that_is_not_active(self, world: World, status: str) -> None:
        debit = redeemed(world)
        Account.objects.filter(pk=world.account.pk).update(status=status)
        refund(debit)
        assert where_it_is(world) == (10_000, 0, 0)

    def test_refuses_what_is_no_debit(self, world: World) -> None:
        hold_id = hold(world, 4_000)
        issue = Transaction.objects.get(kind="issue").pk
        for transaction_id in (hold_id, issue, refund(redeemed(world)).transaction_id, uuid4()):
            with pytest.raises(TransactionNotFoundError):
                refund(transaction_id)
        assert where_it_is(world) == (6_000, 4_000, 0)

    def test_refuses_a_note_that_no_column_takes(self, world: World) -> None:
        debit = redeemed(world)
        with pytest.raises(ValidationFailedError) as caught:
            refund(debit, "n" * 501)
        assert list(caught.value.errors) == ["note"]
        assert where_it_is(world) == (7_500, 0, 2_500)
