"""The account of a campaign, opened and closed with its budget."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from alerts.transactions import transaction
from credit.models import Account
from credit.services.accounts import open_campaign_account
from redemption.models import Campaign
from tests.redemption.budgeting import (
    isolate,
)
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestCampaignAccount:
    """The guard; the same in raw SQL, with its control, is in ``tests/guards``."""

    def own_of(self, world: World) -> Account:
        with transaction():
            return open_campaign_account(client=world.client, name="Own", currency="USD")

    def test_belongs_to_the_client_and_fits_the_budget(self, world: World) -> None:
        stranger = build_world(name="Birch")
        own, strange = self.own_of(world), self.own_of(stranger)
        agency = world.account.parent
        unfit: list[dict[str, object]] = [
            {"account": stranger.account},
            {"account": agency},
            {"account": own},
            {"account": world.platform_account},
            {"own_account": strange},
            {"own_account": world.account},
            {"budget_mode": "isolated"},
            {"budget_mode": "isolated", "account": strange},
            {"budget_mode": "isolated", "account": own, "own_account": self.own_of(world)},
            {"billing_entity": "agency"},
            {"billing_entity": "agency", "account": stranger.account.parent},
            {"client": stranger.client},
        ]
        for changes in unfit:
            with pytest.raises(IntegrityError):
                Campaign.objects.filter(pk=world.campaign.pk).update(**changes)
        fitting: list[dict[str, object]] = [
            {"account": None},
            {"own_account": own},
            {"budget_mode": "isolated", "account": own},
            {"budget_mode": "shared", "billing_entity": "agency", "account": agency},
        ]
        for changes in fitting:
            Campaign.objects.filter(pk=world.campaign.pk).update(**changes)

    def test_of_its_own_is_no_other_campaigns(self, world: World) -> None:
        own = isolate(world)
        with pytest.raises(IntegrityError):
            Campaign.objects.create(
                client=world.client, name="Second", account=world.account, own_account=own
            )
        with pytest.raises(IntegrityError):
            Campaign.objects.create(
                client=world.client, name="Second", account=own, budget_mode="isolated"
            )
