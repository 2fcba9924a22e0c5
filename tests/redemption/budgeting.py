"""What the tests of budgets share."""

from __future__ import annotations

from uuid import uuid4

from alerts.transactions import transaction
from credit.models import Account, Transaction
from credit.selectors.viewers import SYSTEM, Grant, Role, Viewer
from credit.services.ledger import allocate
from redemption.models import Campaign
from redemption.services.budgets import (
    review_campaign,
    switch_budget,
)
from tests.world import NOW, World


def manager_of(world: World, role: Role = Role.CLIENT_MANAGER) -> Viewer:
    """Return the view of the client's manager, or of somebody else at the client's."""
    return Viewer(
        actor="user:1",
        client_ids=frozenset({world.client.pk}),
        grants=(Grant(role=role, client_id=world.client.pk),),
    )


def agency_manager_of(world: World) -> Viewer:
    """Return the view of the agency's manager."""
    return Viewer(
        actor="user:2",
        agency_ids=frozenset({world.agency.pk}),
        grants=(Grant(role=Role.AGENCY_MANAGER, agency_id=world.agency.pk),),
    )


def top_up(payer: Account | None, payee: Account | None, amount_minor: int) -> None:
    """Move credit one level down."""
    assert payer is not None
    assert payee is not None
    with transaction():
        allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor="test",
            key=f"test:{uuid4()}",
            now=NOW,
        )


def campaign_of(world: World) -> Campaign:
    """Return the campaign as it is in the database."""
    return Campaign.objects.select_related("account", "own_account").get(pk=world.campaign.pk)


def isolate(world: World, amount_minor: int = 0) -> Account:
    """Give the campaign a budget of its own; return its account."""
    switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="isolated", now=NOW)
    own = campaign_of(world).own_account
    assert own is not None
    if amount_minor:
        top_up(world.account, own, amount_minor)
        review_campaign(campaign_id=world.campaign.pk, now=NOW)
    return own


def money() -> dict[str, object]:
    """Return all that a switch must leave alone."""
    return {
        "transactions": Transaction.objects.count(),
        "balances": dict(
            Account.objects.exclude(balance_minor=0).values_list("pk", "balance_minor")
        ),
    }
