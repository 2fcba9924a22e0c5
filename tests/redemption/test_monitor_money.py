"""The monitors of money: low and used-up credit, a ledger that was broken, counts that drifted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.models import Alert
from credit.models import Account
from credit.selectors.viewers import SYSTEM
from credit.services.ledger_audit import audit_ledger
from credit.services.slots import split_account
from credit.services.warnings import set_low_balance_threshold, watch_balances
from redemption.models import Campaign
from redemption.services.budgets import review_budgets
from redemption.services.message_days import count_message_days
from redemption.services.report_days import count_report_days
from tests.alerts.monitoring import facts, look, standing, told, told_by_slack
from tests.credit.test_ledger_audit import corrupt
from tests.guards.raw import as_owner
from tests.redemption.asking import ask
from tests.redemption.budgeting import isolate, top_up
from tests.redemption.taking_back import redeem_one
from tests.world import NOW, World, build_world

__all__ = ["told_by_slack"]

pytestmark = pytest.mark.django_db(transaction=True)


NEWEST = (
    "UPDATE credit_entry SET amount_minor = amount_minor {} WHERE number ="
    " (SELECT max(number) FROM credit_entry)"
)


@pytest.fixture
def world() -> World:
    """A client with credit for 4 rewards."""
    return build_world(credit_minor=10_000)


def set_threshold(account: Account | None, amount_minor: int | None) -> None:
    assert account is not None
    set_low_balance_threshold(
        viewer=SYSTEM, account_id=account.pk, amount_minor=amount_minor, now=NOW
    )


class TestWatchClients:
    def test_finds_again_what_a_charge_has_raised_and_ends_with_it(self, world: World) -> None:
        set_threshold(world.account, 9_000)
        assert look("clients", now=NOW) == []
        redeem_one(world)
        assert look("clients", now=NOW) == [("low_credit", "warning")]
        assert told() == [("opened", "warning")]
        assert (look("agencies", now=NOW), look("campaigns", now=NOW)) == (standing(), standing())
        fund(world, 5_000)
        assert look("clients", now=NOW) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_finds_what_nobody_saw_happen(self, world: World) -> None:
        Account.objects.filter(pk=world.account.pk).update(low_balance_threshold_minor=20_000)
        assert look("clients", now=NOW) == [("low_credit", "warning")]
        assert facts("low_credit")["balance_minor"] == 10_000
        # What is raised as it happens finds the alert there, and ends it too.
        watch_balances(now=NOW)
        assert standing() == [("low_credit", "warning")]
        set_threshold(world.account, 10_000)
        assert standing() == []


class TestWatchAgencies:
    def test_finds_an_agencys_account_below_its_threshold(self, world: World) -> None:
        set_threshold(world.account.parent, 500)
        assert look("agencies", now=NOW) == [("low_credit", "warning")]
        assert facts("low_credit")["level"] == "agency"
        top_up(world.platform_account, world.account.parent, 500)
        assert look("agencies", now=NOW) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]


class TestWatchCampaigns:
    def test_finds_a_campaign_that_can_pay_for_no_reward(self, world: World) -> None:
        for _ in range(4):
            redeem_one(world)
        assert Campaign.objects.get().status == "depleted"
        assert look("campaigns", now=NOW) == [("campaign_depleted", "critical")]
        assert told() == [("opened", "critical")]
        fund(world, 5_000)
        assert look("campaigns", now=NOW) == []
        assert told() == [("opened", "critical"), ("resolved", "critical")]

    def test_raises_what_was_lost_and_goes_on_with_who_reviews(self, world: World) -> None:
        Campaign.objects.update(status="depleted")
        corrupt("UPDATE credit_account SET balance_minor = 0 WHERE level = 'client'")
        assert look("campaigns", now=NOW) == [("campaign_depleted", "critical")]
        review_budgets(now=NOW)
        assert standing() == [("campaign_depleted", "critical")]
        corrupt("UPDATE credit_account SET balance_minor = 10000 WHERE level = 'client'")
        review_budgets(now=NOW)
        assert standing() == []

    def test_finds_a_campaigns_own_account_below_its_threshold(self, world: World) -> None:
        own = isolate(world, 5_000)
        set_threshold(own, 6_000)
        assert look("campaigns", now=NOW) == [("low_credit", "warning")]
        top_up(world.account, own, 1_000)
        assert look("campaigns", now=NOW) == []


class TestWatchLedger:
    def test_finds_nothing_wrong_with_a_sound_ledger(self, world: World) -> None:
        redeem_one(world)
        split_account(account_id=world.account.pk, actor="test", now=NOW, slots=4)
        redeem_one(world)
        assert look("ledger", now=NOW) == []

    @pytest.mark.parametrize(
        ("broken", "mended"),
        [
            (
                "UPDATE credit_account SET balance_minor = balance_minor + 7 WHERE level='client'",
                "UPDATE credit_account SET balance_minor = balance_minor - 7 WHERE level='client'",
            ),
            (NEWEST.format("- 1"), NEWEST.format("+ 1")),
        ],
    )
    def test_finds_what_somebody_has_broken(self, world: World, broken: str, mended: str) -> None:
        redeem_one(world)
        corrupt(broken)
        assert look("ledger", now=NOW) == [("ledger_audit", "critical")]
        assert told() == [("opened", "critical")]
        # The nightly audit sees the same, and there is one alert still.
        audit_ledger(now=NOW)
        assert standing() == [("ledger_audit", "critical")]
        assert told() == [("opened", "critical")]
        corrupt(mended)
        audit_ledger(now=NOW)
        assert look("ledger", now=NOW) == []
        assert told() == [("opened", "critical"), ("resolved", "critical")]

    def test_ends_what_it_alone_has_found(self, world: World) -> None:
        redeem_one(world)
        split_account(account_id=world.account.pk, actor="test", now=NOW, slots=4)
        corrupt("UPDATE credit_accountslot SET balance_minor = balance_minor + 5 WHERE slot = 1")
        assert look("ledger", now=NOW) == [("ledger_audit", "critical")]
        corrupt("UPDATE credit_accountslot SET balance_minor = balance_minor - 5 WHERE slot = 1")
        assert look("ledger", now=NOW) == []
        assert told() == [("opened", "critical"), ("resolved", "critical")]

    def test_does_not_end_what_only_the_audit_can_see(self, world: World) -> None:
        redeem_one(world)
        corrupt("UPDATE credit_account SET balance_minor = balance_minor + 7 WHERE level='client'")
        audit_ledger(now=NOW)
        look("ledger", now=NOW)
        corrupt("UPDATE credit_account SET balance_minor = balance_minor - 7 WHERE level='client'")
        assert look("ledger", now=NOW) == [("ledger_audit", "critical")]
        audit_ledger(now=NOW)
        assert standing() == []


class TestWatchCounters:
    def test_finds_a_day_that_was_counted_otherwise(self, world: World) -> None:
        redeem_one(world)
        later = NOW + timedelta(days=1)
        count_report_days(now=later, limit=100)
        count_message_days(now=later, limit=100)
        assert look("counters", now=later) == []
        with as_owner() as database:
            database.execute("UPDATE redemption_rewardcount SET issued = issued + 1")
            database.commit()
        assert look("counters", now=later) == [("drift_counters", "critical")]
        with as_owner() as database:
            database.execute("UPDATE redemption_rewardcount SET issued = issued - 1")
            database.execute("UPDATE redemption_messagecount SET messages = messages + 1")
            database.commit()
        assert look("counters", now=later) == [("drift_counters", "critical")]
        assert "messages" in Alert.objects.exclude(state="resolved").get().subject.lower()
        with as_owner() as database:
            database.execute("UPDATE redemption_messagecount SET messages = messages - 1")
            database.commit()
        assert look("counters", now=later) == []
        assert sorted(told()) == [("opened", "critical")] * 2 + [("resolved", "critical")] * 2

    def test_finds_a_cap_that_counted_wrong(self, world: World) -> None:
        Campaign.objects.update(cap_per_day=9)
        world.stock(2)
        for code in world.invite(2):
            ask(code)
        assert look("counters", now=NOW) == []
        with as_owner() as database:
            database.execute("UPDATE redemption_dailyclaims SET claims = 1")
            database.commit()
        assert look("counters", now=NOW) == [("drift_counters", "critical")]
        with as_owner() as database:
            database.execute("UPDATE redemption_dailyclaims SET claims = 2")
            database.commit()
        assert look("counters", now=NOW) == []
        assert told() == [("opened", "critical"), ("resolved", "critical")]


def fund(world: World, amount_minor: int) -> None:
    """Give the client more credit, as its agency's manager would."""
    top_up(world.platform_account, world.account.parent, amount_minor)
    top_up(world.account.parent, world.account, amount_minor)
    watch_balances(now=NOW)
    review_budgets(now=NOW)
