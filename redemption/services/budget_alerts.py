"""Telling the operators that a campaign is out of credit, once, and that it no longer is."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from alerts.models import Alert
from alerts.services.alerts import resolve_alert
from alerts.services.monitors import Finding, raise_finding
from alerts.transactions import transaction_required
from credit.money import display_amount
from redemption.models import Campaign
from redemption.selectors.budgets import CampaignBudget

KIND: Final = "campaign_depleted"
_PAYERS: Final = {
    "isolated": "the campaign's own account",
    "client": "the client's account",
    "agency": "the agency's account",
}


@transaction_required
def settle_depletion_alert(*, budget: CampaignBudget, status: str, now: datetime) -> None:
    """Raise a depleted campaign's critical alert where it is missing, resolve any other's.

    The caller holds the campaign's row, so that one depletion raises one alert.

    :param status: the campaign's, which ``budget`` may have been read before.
    """
    key = _key_of(budget.campaign_id)
    if status != Campaign.Status.DEPLETED:
        resolve_alert(dedupe_key=key, now=now)
        return
    if _unresolved().filter(dedupe_key=key).exists():
        return
    raise_finding(finding=describe_depletion(budget), now=now)


def describe_depletion(budget: CampaignBudget) -> Finding:
    """Say that a campaign is out of credit."""
    campaign = Campaign.objects.select_related("client").get(pk=budget.campaign_id)
    is_isolated = budget.mode == Campaign.BudgetMode.ISOLATED
    payer = _PAYERS[budget.mode if is_isolated else budget.billing_entity]
    cheapest = budget.cheapest_minor or 0
    return Finding(
        kind=KIND,
        severity=Alert.Severity.CRITICAL,
        subject=f"Out of credit: {campaign.name}, {campaign.client.name}",
        message=f"Its cheapest reward costs {display_amount(cheapest, budget.currency)}, more "
        f"than {payer} can pay. Allocate credit there: the campaign then goes on by itself. "
        "Who tries to redeem meanwhile is told to come back later.",
        data={
            "campaign_id": budget.campaign_id,
            "account_id": budget.paying_account_id,
            "cheapest_minor": cheapest,
            "currency": budget.currency,
        },
        dedupe_key=_key_of(budget.campaign_id),
        client_id=campaign.client_id,
    )


def alerted_campaign_ids() -> set[UUID]:
    """Return the campaigns that have an unresolved alert of being depleted."""
    keys = _unresolved().values_list("dedupe_key", flat=True)
    return {UUID(key.removeprefix(f"{KIND}:")) for key in keys}


def _unresolved() -> QuerySet[Alert]:
    return Alert.objects.filter(kind=KIND).exclude(state=Alert.State.RESOLVED)


def _key_of(campaign_id: UUID) -> str:
    return f"{KIND}:{campaign_id}"
