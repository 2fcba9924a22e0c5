"""Campaigns that can't pay for a reward, and their own accounts that run low."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerts.services.monitors import Finding, find_standing, register_monitor
from credit.models import Account
from credit.services.warnings import describe_low, list_low
from redemption.models import Campaign
from redemption.selectors.budgets import read_budgets
from redemption.services.budget_alerts import KIND, describe_depletion


@register_monitor("campaigns")
def watch_campaigns(*, now: datetime) -> Iterable[Finding]:
    """Find depleted campaigns, and campaigns' accounts below their threshold.

    Whether a campaign is depleted stands in its row; so the rows of the campaigns are all it takes.
    """
    standing = find_standing(kind=KIND)
    depleted = Campaign.objects.filter(status=Campaign.Status.DEPLETED)
    for budget in read_budgets(campaigns=depleted):
        found = describe_depletion(budget)
        yield standing.get(found.dedupe_key, found)
    for account, balance in list_low(level=Account.Level.CAMPAIGN):
        yield describe_low(account, balance)
