"""Credit going down the tree, one level at a time."""

from uuid import uuid4

import pytest
from django.db import IntegrityError

from alerts.errors import ValidationFailedError
from alerts.transactions import MissingTransactionError, transaction
from credit.models import Account, Entry, Transaction
from credit.services.accounts import (
    open_campaign_account,
    open_client_account,
    open_platform_accounts,
)
from credit.services.ledger import InsufficientCreditError, Movement, allocate
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000)


def move(payer: Account, payee: Account, amount_minor: int, *, key: str | None = None) -> Movement:
    with transaction():
        return allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor="user:test",
            key=key or f"test:{uuid4()}",
            now=NOW,
            note="May",
        )


def campaign_account(world: World) -> Account:
    with transaction():
        return open_campaign_account(client=world.client, name="Own", currency="USD")


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

    @pytest.mark.parametrize("amount_minor", [0, -1])
    def test_refuses_an_amount_that_is_not_positive(self, world: World, amount_minor: int) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            move(world.account, campaign_account(world), amount_minor)
        assert list(caught.value.errors) == ["amount"]

    def test_refuses_every_direction_but_one_level_down(self, world: World) -> None:
        agency = world.account.parent
        assert agency is not None
        campaign = campaign_account(world)
        other = build_world(name="Birch")
        for payer, payee in (
            (campaign, world.account),  # up
            (agency, campaign),  # two levels
            (world.account, other.account),  # sideways
            (world.account, world.account),  # to itself
            (world.account, campaign_account(other)),  # another client's
        ):
            with pytest.raises(ValidationFailedError) as caught:
                move(payer, payee, 1)
            assert list(caught.value.errors) == ["to_account_id"]
        assert world.balance() == 10_000

    def test_happens_once_for_a_key(self, world: World) -> None:
        campaign = campaign_account(world)
        move(world.account, campaign, 100, key="twice")
        with pytest.raises(IntegrityError, match="credit_transaction_happens_once"):
            move(world.account, campaign, 100, key="twice")
        assert world.balance() == 9_900

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


class TestOpenAccounts:
    def test_can_be_repeated(self, world: World) -> None:
        with transaction():
            open_platform_accounts(currency="USD")
            assert open_client_account(client=world.client, currency="USD") == world.account
        assert Account.objects.filter(level="platform", currency="USD").count() == 4
