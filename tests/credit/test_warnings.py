"""One warning for each time a balance falls below its threshold, however often it is looked at."""

from __future__ import annotations

from uuid import uuid4

import pytest

from alerts.errors import ValidationFailedError
from alerts.models import Alert
from alerts.scope import NOTHING, seeing
from alerts.transactions import UnexpectedTransactionError, transaction
from credit.models import Account, AuditEvent
from credit.selectors.viewers import SYSTEM, Role, Viewer
from credit.services.slots import split_account
from credit.services.transfers import AccountNotFoundError
from credit.services.warnings import set_low_balance_threshold, watch_balance, watch_balances
from redemption.models import Campaign
from redemption.services.budgets import review_account, review_budgets
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.redemption.budgeting import agency_manager_of, isolate, manager_of, top_up
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

THRESHOLD = 50_000


@pytest.fixture
def world() -> World:
    """A client with credit for 40 rewards, and a threshold at 20 of them."""
    return warned(build_world())


def warned(world: World) -> World:
    set_threshold(world.account, THRESHOLD)
    return world


def set_threshold(account: Account, amount_minor: int | None, viewer: Viewer = SYSTEM) -> None:
    set_low_balance_threshold(
        viewer=viewer, account_id=account.pk, amount_minor=amount_minor, now=NOW
    )


def watch(world: World) -> None:
    watch_balance(account_id=world.account.pk, now=NOW)


def spend(world: World, amount_minor: int) -> None:
    """Take money out of the client's account without telling anybody."""
    own = Account.objects.create(
        level="campaign",
        name=f"Parked {uuid4()}",
        parent=world.account,
        agency=world.agency,
        client=world.client,
        currency="USD",
        balance_minor=0,
    )
    top_up(world.account, own, amount_minor)


def refill(world: World, amount_minor: int) -> None:
    top_up(world.platform_account, world.account.parent, amount_minor)
    top_up(world.account.parent, world.account, amount_minor)


def warnings() -> list[tuple[str, int]]:
    """Return state and count of every warning, the open one first."""
    rows = Alert.objects.filter(kind="low_credit").order_by("state", "pk")
    return list(rows.values_list("state", "count"))


class TestWatchBalance:
    def test_warns_below_the_threshold_and_not_at_it(self, world: World) -> None:
        spend(world, 50_000)
        watch(world)
        assert warnings() == []
        spend(world, 1)
        watch(world)
        assert warnings() == [("open", 1)]

    def test_says_whose_account_how_much_is_left_and_what_to_do(self, world: World) -> None:
        spend(world, 60_000)
        watch(world)
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("low_credit", "warning")
        assert alert.subject == "Low credit: Acorn Ltd (client)"
        assert alert.message == (
            "$400.00 is left, below the threshold of $500.00. Allocate credit to it."
        )
        assert (alert.client_id, alert.dedupe_key) == (
            world.client.pk,
            f"low_credit:{world.account.pk}",
        )
        assert alert.data["balance_minor"] == 40_000

    def test_takes_the_warning_back_at_the_threshold(self, world: World) -> None:
        spend(world, 50_001)
        watch(world)
        refill(world, 1)
        watch(world)
        assert warnings() == [("resolved", 1)]

    def test_warns_anew_at_the_next_crossing(self, world: World) -> None:
        for _ in range(2):
            spend(world, world.balance() - 100)
            watch(world)
            refill(world, 100_000)
            watch(world)
        assert warnings() == [("resolved", 1)] * 2

    def test_warns_once_when_it_is_looked_at_again_and_by_many(self, world: World) -> None:
        spend(world, 60_000)
        assert run_at_once(8, lambda: watch(world)) == [None] * 8
        watch(world)
        assert warnings() == [("open", 1)]

    def test_leaves_an_acknowledged_warning_as_it_is(self, world: World) -> None:
        spend(world, 60_000)
        watch(world)
        Alert.objects.update(state="acknowledged")
        watch(world)
        assert warnings() == [("acknowledged", 1)]

    def test_sums_the_slots_of_a_split_account(self, world: World) -> None:
        split_account(account_id=world.account.pk, slots=4, actor="test", now=NOW)
        watch(world)
        assert warnings() == []
        spend(world, 50_001)
        watch(world)
        assert warnings() == [("open", 1)]

    def test_of_an_account_without_threshold_is_silent(self) -> None:
        world = build_world(credit_minor=1)
        watch(world)
        assert warnings() == []

    def test_works_for_somebody_who_sees_nothing(self, world: World) -> None:
        spend(world, 60_000)
        with seeing(NOTHING):
            watch(world)
        assert warnings() == [("open", 1)]

    def test_is_no_part_of_a_transaction(self, world: World) -> None:
        with transaction(), pytest.raises(UnexpectedTransactionError):
            watch(world)


class TestWatchBalances:
    def test_finds_what_nobody_has_looked_at(self, world: World) -> None:
        other = build_world(name="Birch", credit_minor=1)
        spend(world, 60_000)
        watch_balances(now=NOW)
        assert Alert.objects.get().data["account_id"] == str(world.account.pk)
        assert warnings() == [("open", 1)]
        Account.objects.filter(pk=world.account.pk).update(low_balance_threshold_minor=None)
        watch_balances(now=NOW)
        assert warnings() == [("resolved", 1)]
        assert other.balance() == 1

    def test_is_part_of_the_review_of_budgets(self, world: World) -> None:
        spend(world, 60_000)
        review_budgets(now=NOW)
        assert warnings() == [("open", 1)]
        refill(world, 60_000)
        review_account(account_id=world.account.pk, now=NOW)
        assert warnings() == [("resolved", 1)]


class TestRedeem:
    def test_raises_one_warning_for_fifty_redemptions_and_the_next_after_a_top_up(self) -> None:
        world = build_world(credit_minor=52 * 2500)
        set_threshold(world.account, 52 * 2500)
        world.stock(60)
        for code in world.invite(50):
            ask(code)
        assert warnings() == [("open", 1)]
        refill(world, 50 * 2500)
        review_account(account_id=world.account.pk, now=NOW)
        assert warnings() == [("resolved", 1)]
        for code in world.invite(2):
            ask(code)
        assert warnings() == [("open", 1), ("resolved", 1)]

    def test_warns_at_the_crossing_and_not_before(self, world: World) -> None:
        set_threshold(world.account, 95_001)
        world.stock(2)
        one, two = world.invite(2)
        ask(one)
        assert (world.balance(), warnings()) == (97_500, [])
        ask(two)
        assert (world.balance(), warnings()) == (95_000, [("open", 1)])

    def test_watches_the_own_account_that_pays(self, world: World) -> None:
        own = isolate(world, 5000)
        set_threshold(own, 2501)
        world.stock(1)
        ask(world.invite()[0])
        assert Alert.objects.get(kind="low_credit").data["level"] == "campaign"
        assert Campaign.objects.get(pk=world.campaign.pk).status == "active"


class TestSetLowBalanceThreshold:
    def test_is_for_those_who_manage_the_account(self, world: World) -> None:
        for amount, viewer in ((1, manager_of(world)), (2, agency_manager_of(world))):
            set_threshold(world.account, amount, viewer)
            world.account.refresh_from_db()
            assert world.account.low_balance_threshold_minor == amount

    def test_is_written_down_where_it_changes_something(self, world: World) -> None:
        seen = AuditEvent.objects.count()
        for amount in (THRESHOLD, 7, 7):
            set_threshold(world.account, amount, manager_of(world))
        event = AuditEvent.objects.exclude(actor="system").get()
        assert AuditEvent.objects.count() == seen + 1
        assert (event.action, event.object_id) == ("threshold.set", str(world.account.pk))
        assert event.details == {
            "before": {"threshold_minor": THRESHOLD},
            "after": {"threshold_minor": 7},
        }

    def test_of_an_account_out_of_sight_finds_none(self, world: World) -> None:
        stranger = build_world(name="Birch")
        agency = world.account.parent
        assert agency is not None
        for account, viewer in (
            (world.account, manager_of(stranger)),
            (world.account, agency_manager_of(stranger)),
            (world.account, manager_of(world, Role.AUDITOR)),
            (world.account, manager_of(world, Role.AGENT)),
            (agency, manager_of(world)),
            (world.platform_account, SYSTEM),
        ):
            with pytest.raises(AccountNotFoundError):
                set_threshold(account, 1, viewer)
        world.account.refresh_from_db()
        assert world.account.low_balance_threshold_minor == THRESHOLD

    @pytest.mark.parametrize("amount_minor", [0, -1, 2**63])
    def test_wants_an_amount(self, world: World, amount_minor: int) -> None:
        with pytest.raises(ValidationFailedError) as refusal:
            set_threshold(world.account, amount_minor)
        assert set(refusal.value.errors) == {"amount"}

    def test_warns_or_takes_back_at_once(self, world: World) -> None:
        set_threshold(world.account, 100_001)
        assert warnings() == [("open", 1)]
        set_threshold(world.account, None)
        assert warnings() == [("resolved", 1)]
