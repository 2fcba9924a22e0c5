"""What endpoints are told of money: an account runs low, a campaign is depleted.

What becomes of a redemption is told by the database itself: redemption/sql/webhook_events.sql.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alerts.services.webhook_events import emit_webhook
from alerts.transactions import transaction_required
from credit.models import Account
from credit.money import format_amount
from redemption.models import Campaign
from redemption.selectors.budgets import CampaignBudget


@transaction_required
def tell_low_credit(
    *, account_id: UUID, balance_minor: int, occurrence: int, now: datetime
) -> None:
    """Tell of an account that has fallen below its threshold; a campaign's own names it."""
    account = Account.objects.select_related("client").get(pk=account_id)
    campaigns = Campaign.objects.filter(own_account_id=account_id).order_by("pk")
    campaign_id = campaigns.values_list("pk", flat=True).first()
    emit_webhook(
        event_type="credit.low",
        subject=account_id,
        occurrence=str(occurrence),
        client_id=account.client_id,
        agency_id=account.client.agency_id if account.client else account.agency_id,
        data={
            "account_id": str(account_id),
            "campaign_id": str(campaign_id) if campaign_id else None,
            "balance": format_amount(balance_minor, account.currency),
            "currency": account.currency,
        },
        now=now,
    )


@transaction_required
def tell_depletion(*, budget: CampaignBudget, now: datetime) -> None:
    """Tell of a campaign that was depleted in this very transaction.

    What the account that pays holds is the client's to know where the account is.
    """
    campaign = Campaign.objects.select_related("client", "account").get(pk=budget.campaign_id)
    is_agencys = campaign.account is not None and campaign.account.client_id is None
    paying = next((p for p in budget.purses if p.account_id == budget.paying_account_id), None)
    emit_webhook(
        event_type="campaign.depleted",
        subject=budget.campaign_id,
        occurrence=None,
        client_id=campaign.client_id,
        agency_id=campaign.client.agency_id,
        data={
            "account_id": str(budget.paying_account_id) if budget.paying_account_id else None,
            "campaign_id": str(budget.campaign_id),
            "balance": None
            if is_agencys or paying is None
            else format_amount(paying.balance_minor, paying.currency),
            "currency": budget.currency,
        },
        now=now,
    )
