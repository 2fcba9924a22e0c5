"""What accounts hold, and who is told."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from alerts.transactions import transaction
from credit.models import Account, Entry
from credit.selectors.balances import (
    balance_after_debit,
    balance_of,
    balance_on,
    balances_of,
    find_account,
    held_by_account,
    list_accounts,
)
from credit.selectors.viewers import SYSTEM, Viewer, viewing
from credit.services.accounts import open_campaign_account
from credit.services.settlements import capture_hold, hold_credit, release_hold
from credit.services.slots import split_account
from redemption.selectors.redemptions import find_redemption
from tests.credit.spending import spend
from tests.redemption.asking import ask
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000)


def client_viewer(world: World) -> Viewer:
    return Viewer(actor="user:1", client_ids=frozenset({world.client.pk}))


def agency_viewer(world: World) -> Viewer:
    return Viewer(actor="user:1", agency_ids=frozenset({world.agency.pk}))


def split(world: World) -> None:
    split_account(account_id=world.account.pk, slots=4, actor="test", now=NOW)


def hold(world: World, amount_minor: int) -> UUID:
    with transaction():
        return hold_credit(
            account_id=world.account.pk,
            amount_minor=amount_minor,
            currency="USD",
            reference=f"test:{uuid4()}",
            actor="test",
            now=NOW,
        )


def names_seen_by(viewer: Viewer) -> list[str]:
    with viewing(viewer):
        return [account.name for account in list_accounts(viewer=viewer)]


class TestFindAccount:
    @pytest.mark.parametrize("is_split", [False, True])
    def test_says_what_it_holds_however_it_is_kept(self, world: World, is_split: bool) -> None:
        if is_split:
            split(world)
        hold(world, 1_500)
        facts = find_account(viewer=client_viewer(world), account_id=world.account.pk)
        assert (facts.balance_minor, facts.held_minor) == (8_500, 1_500)
        assert (facts.level, facts.currency, facts.slot_count) == (
            "client",
            "USD",
            4 if is_split else 0,
        )
        assert (facts.parent_id, facts.client_id) == (world.account.parent_id, world.client.pk)

    def test_finds_nothing_for_a_stranger(self, world: World) -> None:
        stranger = build_world(name="Birch")
        for viewer in (client_viewer(stranger), agency_viewer(stranger), Viewer(actor="user:2")):
            with viewing(viewer), pytest.raises(Account.DoesNotExist):
                find_account(viewer=viewer, account_id=world.account.pk)

    def test_finds_the_platforms_for_the_platform_alone(self, world: World) -> None:
        key = world.platform_account.pk
        assert find_account(viewer=SYSTEM, account_id=key).balance_minor is None
        with pytest.raises(Account.DoesNotExist):
            find_account(viewer=agency_viewer(world), account_id=key)

    @pytest.mark.parametrize(
        ("threshold", "is_low"), [(None, False), (10_000, False), (10_001, True)]
    )
    def test_says_whether_it_is_low(
        self, world: World, threshold: int | None, is_low: bool
    ) -> None:
        Account.objects.filter(pk=world.account.pk).update(low_balance_threshold_minor=threshold)
        split(world)
        facts = find_account(viewer=SYSTEM, account_id=world.account.pk)
        assert facts.is_low is is_low


class TestListAccounts:
    def test_narrows_to_what_may_be_seen(self, world: World) -> None:
        with transaction():
            open_campaign_account(client=world.client, name="Own", currency="USD")
        build_world(name="Birch")
        assert names_seen_by(client_viewer(world)) == ["Acorn Ltd", "Own"]
        assert names_seen_by(agency_viewer(world)) == ["Acorn Agency", "Acorn Ltd", "Own"]
        assert names_seen_by(Viewer(actor="user:2")) == []

    def test_goes_from_the_platform_down(self, world: World) -> None:
        assert names_seen_by(SYSTEM) == [
            "Platform adjustments USD",
            "Platform consumed USD",
            "Platform credit USD",
            "Platform held USD",
            "Acorn Agency",
            "Acorn Ltd",
        ]


class TestBalanceOf:
    def test_is_one_number_however_it_is_kept(self, world: World) -> None:
        assert balance_of(world.account.pk) == 10_000
        split(world)
        world.account.refresh_from_db()
        assert balance_of(world.account.pk) == balance_on(world.account) == 10_000
        assert balances_of([world.account.pk, world.platform_account.pk]) == {
            world.account.pk: 10_000,
            world.platform_account.pk: None,
        }

    def test_of_the_platforms_is_the_sum_of_its_entries(self, world: World) -> None:
        spend(world.account.pk, 700)
        spend(world.account.pk, 50)
        consumed = Account.objects.get(purpose="consumed")
        assert balance_of(consumed.pk) == 750
        assert balance_of(world.platform_account.pk) == -10_000
        assert balance_on(world.platform_account) is None

    def test_of_no_account_is_an_error(self) -> None:
        with pytest.raises(Account.DoesNotExist):
            balance_of(uuid4())


class TestHeldByAccount:
    def test_sums_what_nothing_has_settled(self, world: World) -> None:
        other = build_world(name="Birch")
        hold(world, 1_000)
        hold(world, 200)
        released, captured = hold(world, 30), hold(world, 4)
        with transaction():
            release_hold(hold_id=released, actor="test", now=NOW)
        with transaction():
            capture_hold(hold_id=captured, actor="test", now=NOW)
        keys = [world.account.pk, other.account.pk]
        assert held_by_account(keys) == {world.account.pk: 1_200}
        assert held_by_account([other.account.pk]) == {}

    def test_counts_a_hold_that_was_gathered_from_several_slots_once(self, world: World) -> None:
        split(world)
        hold(world, 6_000)
        assert held_by_account([world.account.pk]) == {world.account.pk: 6_000}


class TestBalanceAfterDebit:
    def test_is_the_entrys(self, world: World) -> None:
        spend(world.account.pk, 700)
        transaction_id = Entry.objects.get(amount_minor=-700).transaction_id
        spend(world.account.pk, 50)
        assert balance_after_debit(transaction_id) == 9_300

    def test_is_the_accounts_of_now_where_it_is_split(self, world: World) -> None:
        split(world)
        spend(world.account.pk, 7_000)
        transaction_id = Entry.objects.filter(amount_minor=-2500)[:1].get().transaction_id
        spend(world.account.pk, 50)
        assert balance_after_debit(transaction_id) == 2_950

    def test_is_nobodys_who_does_not_see_the_account(self, world: World) -> None:
        spend(world.account.pk, 700)
        transaction_id = Entry.objects.get(amount_minor=-700).transaction_id
        with viewing(client_viewer(build_world(name="Birch"))):
            assert balance_after_debit(transaction_id) is None


class TestRedemption:
    def test_from_a_split_account_says_what_the_account_holds(self, world: World) -> None:
        split(world)
        world.stock(3)
        first, second, third = world.invite(3)
        result = ask(first)
        assert (result.state, result.balance_minor) == ("issued", 7_500)
        ask(second)
        facts = find_redemption(viewer=client_viewer(world), redemption_id=result.redemption_id)
        assert (facts.charged_minor, facts.balance_minor) == (2_500, 5_000)
        spend(world.account.pk, 3_000)
        assert ask_refused(third) == "GC-006"

    def test_gathers_a_charge_that_no_slot_can_pay(self, world: World) -> None:
        split_account(account_id=world.account.pk, slots=64, actor="test", now=NOW)
        world.stock(1)
        (code,) = world.invite()
        result = ask(code)
        assert (result.state, result.balance_minor) == ("issued", 7_500)
        facts = find_redemption(viewer=client_viewer(world), redemption_id=result.redemption_id)
        assert facts.balance_minor == 7_500
        paid = Entry.objects.filter(account=world.account, transaction__kind="redemption")
        assert paid.count() == 16
        assert sum(paid.values_list("amount_minor", flat=True)) == -2_500


def ask_refused(code: str) -> str:
    """Ask and return the code of the refusal."""
    with pytest.raises(Exception, match=r"GC-\d+") as caught:
        ask(code)
    return str(caught.value).split()[0]
