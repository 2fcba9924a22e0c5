"""Shared and isolated budgets: who pays, what stays where, and who may decide."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.errors import ValidationFailedError
from alerts.transactions import UnexpectedTransactionError, transaction
from credit.models import Account, AuditEvent
from credit.selectors.viewers import SYSTEM, Role, Viewer
from redemption.models import Campaign, Condition
from redemption.selectors.budgets import CampaignBudget, list_budgets, read_budgets
from redemption.services.budgets import (
    CampaignNotFoundError,
    set_billing_entity,
    switch_budget,
)
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.redemption.budgeting import (
    agency_manager_of,
    campaign_of,
    isolate,
    manager_of,
    money,
    top_up,
)
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestSwitchBudget:
    def test_to_isolated_opens_an_account_of_its_own(self, world: World) -> None:
        before = money()
        done = switch_budget(
            viewer=manager_of(world), campaign_id=world.campaign.pk, mode="isolated", now=NOW
        )
        campaign = campaign_of(world)
        own = campaign.own_account
        assert own is not None
        assert (campaign.budget_mode, campaign.account) == ("isolated", own)
        assert (own.level, own.parent_id, own.client_id) == (
            "campaign",
            world.account.pk,
            world.client.pk,
        )
        assert (own.name, own.currency) == ("Acorn campaign", "USD")
        assert (done.is_changed, done.opened_account) == (True, True)
        assert (done.before.mode, done.before.remaining_minor) == ("shared", 100_000)
        assert (done.after.mode, done.after.own_rest_minor) == ("isolated", 0)
        assert (done.after.remaining_minor, done.after.shared) == (0, None)
        assert money() == before

    def test_is_written_down_once(self, world: World) -> None:
        for _ in range(2):
            switch_budget(
                viewer=manager_of(world), campaign_id=world.campaign.pk, mode="isolated", now=NOW
            )
        event = AuditEvent.objects.get()
        assert (event.actor, event.action, event.client) == (
            "user:1",
            "budget.switched",
            world.client,
        )
        assert (event.object_kind, event.object_id) == ("campaign", str(world.campaign.pk))
        assert event.details == {
            "before": {"mode": "shared"},
            "after": {"mode": "isolated", "own_rest_minor": 0},
        }

    def test_to_isolated_with_an_empty_account_leaves_it_depleted(self, world: World) -> None:
        done = switch_budget(
            viewer=manager_of(world), campaign_id=world.campaign.pk, mode="isolated", now=NOW
        )
        assert done.after.status == "depleted"
        assert campaign_of(world).status == "depleted"

    def test_back_to_shared_leaves_the_rest_where_it_is(self, world: World) -> None:
        own = isolate(world, 6000)
        before = money()
        done = switch_budget(
            viewer=manager_of(world), campaign_id=world.campaign.pk, mode="shared", now=NOW
        )
        campaign = campaign_of(world)
        assert (campaign.budget_mode, campaign.account) == ("shared", world.account)
        assert campaign.own_account == own
        assert (done.after.own_rest_minor, done.after.remaining_minor) == (6000, 100_000)
        assert done.after.shared is not None
        assert done.after.shared.balance_minor == 94_000
        assert (done.opened_account, campaign.status) == (False, "active")
        assert money() == before

    def test_back_to_shared_spends_the_rest_first(self, world: World) -> None:
        own = isolate(world, 6000)
        switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="shared", now=NOW)
        world.stock(3)
        left = []
        for code in world.invite(3):
            ask(code)
            own.refresh_from_db()
            left.append((own.balance_minor, world.balance()))
        # The last 10.00 do not cover a charge, so they stay.
        assert left == [(3500, 94_000), (1000, 94_000), (1000, 91_500)]
        assert broken_invariants() == {}

    def test_there_and_back_keeps_the_same_account(self, world: World) -> None:
        own = isolate(world, 2500)
        for mode in ("shared", "isolated"):
            switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode=mode, now=NOW)
        assert campaign_of(world).account == own
        assert Account.objects.filter(level="campaign").count() == 1

    def test_again_changes_nothing(self, world: World) -> None:
        own = isolate(world, 2500)
        done = switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="isolated", now=NOW)
        assert (done.is_changed, done.opened_account) == (False, False)
        assert campaign_of(world).account == own

    def test_to_shared_pays_from_the_agencys_account_where_the_agency_pays(
        self, world: World
    ) -> None:
        isolate(world)
        Campaign.objects.update(billing_entity="agency")
        done = switch_budget(
            viewer=agency_manager_of(world), campaign_id=world.campaign.pk, mode="shared", now=NOW
        )
        assert campaign_of(world).account == world.account.parent
        assert done.after.shared is not None
        assert done.after.shared.level == "agency"

    def test_needs_no_account_to_begin_with(self, world: World) -> None:
        Campaign.objects.update(account=None)
        switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="shared", now=NOW)
        assert campaign_of(world).account == world.account

    @pytest.mark.parametrize("mode", ["", "SHARED", "both"])
    def test_knows_two_modes(self, world: World, mode: str) -> None:
        with pytest.raises(ValidationFailedError) as refusal:
            switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode=mode, now=NOW)
        assert refusal.value.errors == {"mode": ["Choose shared or isolated."]}
        assert campaign_of(world).budget_mode == "shared"

    def test_of_a_strangers_campaign_finds_none(self, world: World) -> None:
        stranger = build_world(name="Birch")
        for viewer in (manager_of(stranger), agency_manager_of(stranger), Viewer(actor="user:3")):
            with pytest.raises(CampaignNotFoundError):
                switch_budget(
                    viewer=viewer, campaign_id=world.campaign.pk, mode="isolated", now=NOW
                )
        assert campaign_of(world).budget_mode == "shared"
        assert Account.objects.filter(level="campaign").count() == 0

    @pytest.mark.parametrize("role", [Role.AUDITOR, Role.AGENT])
    def test_is_not_for_those_who_only_look(self, world: World, role: Role) -> None:
        viewer = manager_of(world, role)
        with pytest.raises(CampaignNotFoundError):
            switch_budget(viewer=viewer, campaign_id=world.campaign.pk, mode="isolated", now=NOW)
        assert campaign_of(world).budget_mode == "shared"

    def test_is_no_part_of_a_transaction(self, world: World) -> None:
        with transaction(), pytest.raises(UnexpectedTransactionError):
            switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="isolated", now=NOW)


class TestSetBillingEntity:
    @staticmethod
    def bill(world: World, entity: str, viewer: Viewer = SYSTEM) -> None:
        set_billing_entity(
            viewer=viewer, campaign_id=world.campaign.pk, billing_entity=entity, now=NOW
        )

    def test_lets_the_agency_pay_and_the_client_again(self, world: World) -> None:
        top_up(world.platform_account, world.account.parent, 2500)
        before = money()
        self.bill(world, "agency", agency_manager_of(world))
        assert campaign_of(world).account == world.account.parent
        assert money() == before
        world.stock(1)
        assert ask(world.invite()[0]).balance_minor == 0
        assert world.balance() == 100_000
        assert campaign_of(world).status == "depleted"
        self.bill(world, "client", agency_manager_of(world))
        assert AuditEvent.objects.filter(action="budget.billed").count() == 2
        assert (campaign_of(world).account, campaign_of(world).status) == (world.account, "active")
        assert broken_invariants() == {}

    def test_leaves_an_isolated_campaign_on_its_own_account(self, world: World) -> None:
        own = isolate(world, 2500)
        self.bill(world, "agency")
        assert campaign_of(world).account == own
        assert campaign_of(world).billing_entity == "agency"

    def test_is_for_those_who_manage_the_agency(self, world: World) -> None:
        for viewer in (manager_of(world), agency_manager_of(build_world(name="Birch"))):
            with pytest.raises(CampaignNotFoundError):
                self.bill(world, "agency", viewer)
        with pytest.raises(ValidationFailedError):
            self.bill(world, "platform")
        assert campaign_of(world).billing_entity == "client"


class TestListBudgets:
    @staticmethod
    def only(world: World, viewer: Viewer) -> CampaignBudget:
        (budget,) = list_budgets(viewer=viewer, client_id=world.client.pk)
        return budget

    def test_says_what_is_left_and_for_how_many_rewards(self, world: World) -> None:
        top_up(world.platform_account, world.account.parent, 1)
        budget = self.only(world, manager_of(world))
        assert (budget.mode, budget.status, budget.currency) == ("shared", "active", "USD")
        assert budget.paying_account_id == world.account.pk
        assert (budget.remaining_minor, budget.own_rest_minor) == (100_000, 0)
        assert (budget.cheapest_minor, budget.estimated_redemptions) == (2500, 40)
        assert budget.is_short is False

    def test_estimates_by_the_average_charge_and_rounds_down(self, world: World) -> None:
        Condition.objects.create(
            campaign=world.campaign,
            number=2,
            name="Came again",
            brand=world.brand,
            card_value_minor=self.value(world, 5001),
        )
        budget = self.only(world, manager_of(world))
        # The average is 37.505, and 1000.00 are 26.66 of it.
        assert (budget.cheapest_minor, budget.estimated_redemptions) == (2500, 26)

    def test_counts_a_rest_that_covers_no_reward_for_nothing(self, world: World) -> None:
        own = isolate(world, 4000)
        switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="shared", now=NOW)
        budget = self.only(world, manager_of(world))
        assert budget.own is not None
        assert (budget.own.account_id, budget.own_rest_minor) == (own.pk, 4000)
        assert budget.remaining_minor == 100_000
        # 15.00 and 10.00 stay behind on either account, together no reward.
        assert budget.estimated_redemptions == 1 + 38

    def test_leaves_out_what_cannot_be_given(self, world: World) -> None:
        self.value(world, 100)
        kinds: list[dict[str, Any]] = [
            {"is_active": False},
            {"brand": None},
            {"card_value_minor": None},
            {"card_value_minor": 999},  # no such value of the brand
        ]
        for number, changes in enumerate(kinds, start=2):
            facts: dict[str, Any] = {"brand": world.brand, "card_value_minor": 100, **changes}
            Condition.objects.create(
                campaign=world.campaign, number=number, name=f"No {number}", **facts
            )
        assert self.only(world, manager_of(world)).charges == (2500,)
        world.brand.is_enabled = False
        world.brand.save()
        budget = self.only(world, manager_of(world))
        assert (budget.charges, budget.cheapest_minor) == ((), None)
        assert (budget.estimated_redemptions, budget.is_short) == (None, False)

    def test_counts_a_paused_account_for_nothing(self, world: World) -> None:
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        budget = self.only(world, manager_of(world))
        assert (budget.remaining_minor, budget.estimated_redemptions) == (0, 0)
        assert budget.is_short is True

    def test_keeps_the_agencys_balance_from_the_client(self, world: World) -> None:
        Campaign.objects.update(billing_entity="agency", account=world.account.parent)
        top_up(world.platform_account, world.account.parent, 7500)
        budget = self.only(world, manager_of(world))
        assert (budget.remaining_minor, budget.estimated_redemptions) == (None, None)
        assert (budget.billing_entity, budget.is_known) == ("agency", False)
        assert (budget.shared, budget.is_short) == (None, False)
        seen = self.only(world, agency_manager_of(world))
        assert (seen.remaining_minor, seen.estimated_redemptions) == (7500, 3)

    def test_shows_nothing_to_a_stranger(self, world: World) -> None:
        stranger = build_world(name="Birch")
        assert list_budgets(viewer=manager_of(stranger), client_id=world.client.pk) == []

    def test_asks_the_same_number_of_queries_for_many(
        self, world: World, django_assert_num_queries: object
    ) -> None:
        for number in range(5):
            Campaign.objects.create(
                client=world.client, name=f"More {number}", account=world.account
            )
        with django_assert_num_queries(3):  # type: ignore[operator]
            assert len(read_budgets(campaigns=Campaign.objects.all())) == 6

    @staticmethod
    def value(world: World, value_minor: int) -> int:
        """Let the brand have a value; return it."""
        world.brand.denominations.get_or_create(value_minor=value_minor, currency="USD")
        return value_minor
