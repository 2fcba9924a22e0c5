"""Credit going down the tree, one level at a time."""

import dataclasses
from typing import Any
from uuid import uuid4

import pytest

from alerts.codes import ErrorCode
from alerts.errors import ValidationFailedError
from alerts.transactions import MissingTransactionError, transaction
from credit.models import Account, Client, Entry, Transaction
from credit.money import LARGEST_AMOUNT_MINOR
from credit.services.accounts import (
    open_campaign_account,
    open_client_account,
    open_platform_accounts,
)
from credit.services.idempotency import KeyReusedError
from credit.services.ledger import InsufficientCreditError, Movement, adjust_balance, allocate
from credit.services.transfers import AccountNotActiveError, AccountNotFoundError
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000)


def move(
    payer: Account,
    payee: Account,
    amount_minor: int,
    *,
    key: str | None = None,
    note: str = "May",
) -> Movement:
    with transaction():
        return allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor="user:test",
            key=key or f"test:{uuid4()}",
            now=NOW,
            note=note,
        )


def campaign_account(world: World) -> Account:
    with transaction():
        return campaign_account_of(world)


def campaign_account_of(world: World) -> Account:
    return open_campaign_account(client=world.client, name="Own", currency="USD")


def adjust(world: World, amount_minor: int, **changes: Any) -> Movement:
    request = {"account_id": world.account.pk, "amount_minor": amount_minor, "reason": "miscounted"}
    with transaction():
        return adjust_balance(
            **{**request, "actor": "user:admin", "key": f"test:{uuid4()}", "now": NOW, **changes}
        )


class TestAllocate:
    def test_moves_money_and_writes_both_sides(self, world: World) -> None:
        campaign = campaign_account(world)
        moved = move(world.account, campaign, 4_000)
        assert (moved.from_balance_minor, moved.to_balance_minor) == (6_000, 4_000)
        out, into = Entry.objects.filter(transaction_id=moved.transaction_id).order_by("number")
        assert (out.account_id, out.amount_minor, out.balance_after_minor) == (
            world.account.pk,
            -4_000,
            6_000,
        )
        assert (into.account_id, into.amount_minor, into.balance_after_minor) == (
            campaign.pk,
            4_000,
            4_000,
        )
        row = Transaction.objects.get(pk=moved.transaction_id)
        assert (row.kind, row.note, row.actor) == ("allocation", "May", "user:test")

    def test_issues_from_the_platform_without_a_balance_there(self, world: World) -> None:
        assert world.account.parent is not None
        moved = move(world.platform_account, world.account.parent, 500)
        assert (moved.from_balance_minor, moved.to_balance_minor) == (None, 500)
        assert Transaction.objects.get(pk=moved.transaction_id).kind == "issue"

    def test_refuses_more_than_there_is(self, world: World) -> None:
        campaign = campaign_account(world)
        before = Entry.objects.count()
        with pytest.raises(InsufficientCreditError) as caught:
            move(world.account, campaign, 10_001)
        assert caught.value.account_id == world.account.pk or str(world.account.pk) == str(
            caught.value.account_id
        )
        assert Entry.objects.count() == before
        assert world.balance() == 10_000

    @pytest.mark.parametrize(
        ("amount_minor", "why"),
        [
            (0, "The amount must be more than zero."),
            (-1, "The amount must be more than zero."),
            (2**63, "The amount is too large."),
        ],
    )
    def test_refuses_what_is_no_amount(self, world: World, amount_minor: int, why: str) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            move(world.account, campaign_account(world), amount_minor)
        assert caught.value.errors == {"amount": [why]}
        assert world.balance() == 10_000

    def test_refuses_more_than_an_account_can_hold(self, world: World) -> None:
        agency = world.account.parent
        assert agency is not None
        move(world.platform_account, agency, LARGEST_AMOUNT_MINOR)
        with pytest.raises(ValidationFailedError) as caught:
            move(world.platform_account, agency, 1)
        assert caught.value.errors == {"amount": ["The account can not hold that much."]}
        agency.refresh_from_db()
        assert agency.balance_minor == LARGEST_AMOUNT_MINOR

    @pytest.mark.parametrize("note", ["n" * 501, "a\0b"])
    def test_refuses_a_note_that_no_column_takes(self, world: World, note: str) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            move(world.account, campaign_account(world), 1, note=note)
        assert list(caught.value.errors) == ["note"]

    @pytest.mark.parametrize("key", ["", "k" * 161])
    def test_refuses_a_key_that_no_column_takes(self, world: World, key: str) -> None:
        with pytest.raises(ValidationFailedError) as caught, transaction():
            allocate(
                from_account=world.account,
                to_account=campaign_account_of(world),
                amount_minor=1,
                actor="system",
                key=key,
                now=NOW,
            )
        assert list(caught.value.errors) == ["key"]

    @pytest.mark.parametrize("status", ["paused", "closed"])
    @pytest.mark.parametrize("which", ["payer", "payee"])
    def test_refuses_an_account_that_is_not_active(
        self, world: World, status: str, which: str
    ) -> None:
        campaign = campaign_account(world)
        stopped = world.account if which == "payer" else campaign
        Account.objects.filter(pk=stopped.pk).update(status=status)
        with pytest.raises(AccountNotActiveError) as caught:
            move(world.account, campaign, 1)
        assert (caught.value.account_id, caught.value.status) == (stopped.pk, status)
        assert caught.value.code is ErrorCode.STATE_FORBIDS
        assert world.balance() == 10_000

    def test_goes_one_level_down_and_nowhere_else(self, world: World) -> None:
        agency = world.account.parent
        assert agency is not None
        campaign = campaign_account(world)
        other = build_world(name="Birch")
        with transaction():
            sister = open_client_account(
                client=Client.objects.create(agency=world.agency, name="S", slug="s"),
                currency="USD",
            )
            euros = open_platform_accounts(currency="EUR")
        for payer, payee, why in (
            (campaign, world.account, "this is up"),
            (agency, campaign, "this skips one"),
            (world.account, sister, "this is sideways"),
            (world.account, world.account, "to itself"),
            (world.account, other.account, "another agency"),
            (world.account, campaign_account(other), "another agency"),
            (sister, campaign, "below another"),
            (euros, agency, "nothing is converted"),
            (world.account, world.platform_account, "this is up"),
        ):
            with pytest.raises(ValidationFailedError) as caught:
                move(payer, payee, 1)
            assert list(caught.value.errors) == ["to_account_id"]
            assert why in caught.value.errors["to_account_id"][0]
        assert world.balance() == 10_000
        assert Transaction.objects.filter(kind="allocation", note="May").count() == 0

    def test_happens_once_for_a_key(self, world: World) -> None:
        campaign = campaign_account(world)
        first = move(world.account, campaign, 100, key="twice")
        move(world.account, campaign, 50)
        again = move(world.account, campaign, 100, key="twice")
        assert again == dataclasses.replace(first, is_replay=True)
        assert (again.from_balance_minor, again.to_balance_minor) == (9_900, 100)
        assert world.balance() == 9_850

    def test_happens_once_for_a_key_although_nothing_is_left(self, world: World) -> None:
        campaign = campaign_account(world)
        move(world.account, campaign, 10_000, key="twice")
        Account.objects.filter(pk=campaign.pk).update(status="closed")
        assert move(world.account, campaign, 10_000, key="twice").is_replay
        assert world.balance() == 0

    @pytest.mark.parametrize("difference", ["amount_minor", "payee", "note"])
    def test_refuses_a_key_that_stands_for_another_movement(
        self, world: World, difference: str
    ) -> None:
        campaign, other = campaign_account(world), campaign_account(world)
        move(world.account, campaign, 100, key="twice")
        request: dict[str, Any] = {"payee": campaign, "amount_minor": 100, "note": "May"}
        others = {"payee": other, "amount_minor": 101, "note": "June"}
        request[difference] = others[difference]
        with pytest.raises(KeyReusedError):
            move(world.account, key="twice", **request)
        assert world.balance() == 9_900
        assert Entry.objects.filter(account=other).count() == 0

    def test_must_be_part_of_the_callers_transaction(self, world: World) -> None:
        with pytest.raises(MissingTransactionError):
            allocate(
                from_account=world.account,
                to_account=campaign_account(world),
                amount_minor=1,
                actor="system",
                key="x",
                now=NOW,
            )


class TestAdjustBalance:
    @pytest.mark.parametrize(("amount_minor", "left"), [(5, 10_005), (-10_000, 0)])
    def test_moves_money_from_or_to_the_platforms_adjustments(
        self, world: World, amount_minor: int, left: int
    ) -> None:
        moved = adjust(world, amount_minor)
        assert world.balance() == left
        row = Transaction.objects.get(pk=moved.transaction_id)
        assert (row.kind, row.note, row.actor) == ("adjustment", "miscounted", "user:admin")
        contra = Account.objects.get(purpose="adjustments", currency="USD")
        assert sorted(row.entries.values_list("account_id", "amount_minor")) == sorted(
            [(world.account.pk, amount_minor), (contra.pk, -amount_minor)]
        )

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"amount_minor": 0}, "amount"),
            ({"amount_minor": -(2**63)}, "amount"),
            ({"reason": " "}, "reason"),
            ({"reason": "n" * 501}, "reason"),
            ({"key": ""}, "key"),
        ],
    )
    def test_refuses_what_is_incomplete(
        self, world: World, changes: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            adjust(world, **{"amount_minor": 1, **changes})
        assert list(caught.value.errors) == [field]
        assert world.balance() == 10_000

    def test_refuses_the_platforms_own_account(self, world: World) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            adjust(world, 1, account_id=world.platform_account.pk)
        assert list(caught.value.errors) == ["account_id"]

    def test_refuses_an_account_that_is_not_there(self, world: World) -> None:
        with pytest.raises(AccountNotFoundError):
            adjust(world, 1, account_id=uuid4())

    def test_takes_no_more_than_there_is(self, world: World) -> None:
        with pytest.raises(InsufficientCreditError):
            adjust(world, -10_001)
        assert world.balance() == 10_000

    def test_empties_a_closed_account_and_never_fills_it(self, world: World) -> None:
        Account.objects.filter(pk=world.account.pk).update(status="closed")
        with pytest.raises(AccountNotActiveError):
            adjust(world, 1)
        adjust(world, -10_000)
        assert world.balance() == 0

    def test_happens_once_for_a_key(self, world: World) -> None:
        first = adjust(world, 7, key="twice")
        assert adjust(world, 7, key="twice") == dataclasses.replace(first, is_replay=True)
        with pytest.raises(KeyReusedError):
            adjust(world, -7, key="twice")
        assert world.balance() == 10_007


class TestOpenAccounts:
    def test_can_be_repeated(self, world: World) -> None:
        with transaction():
            open_platform_accounts(currency="USD")
            assert open_client_account(client=world.client, currency="USD") == world.account
        assert Account.objects.filter(level="platform", currency="USD").count() == 4
