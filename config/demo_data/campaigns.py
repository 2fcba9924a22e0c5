"""Campaigns of the demo, and the people they invite."""

from __future__ import annotations

import io

from alerts.transactions import transaction, transaction_required
from config.demo_data.organisations import allocate_once
from config.demo_data.people import HEADER, recipient_row
from config.demo_data.plan import CAMPAIGNS, CURRENCY, Calendar, PlannedCampaign
from credit.models import Account, Client
from credit.services.accounts import open_campaign_account, open_client_account
from giftcards.models import Pool
from redemption.models import Campaign, Condition, Recipient
from redemption.services.imports import import_recipients


def seed_campaigns(*, calendar: Calendar) -> None:
    """Make what is missing of campaigns, and invite people to those that have nobody."""
    next_person = 0
    for planned in CAMPAIGNS:
        campaign = _seed_campaign(planned, calendar)
        if not Recipient.objects.filter(campaign=campaign).exists():
            rows = [
                recipient_row(next_person + number, crm_id=crm_id_of(number))
                for number in range(planned.invited)
            ]
            import_recipients(
                campaign=campaign,
                source=io.BytesIO("\n".join([HEADER, *rows]).encode()),
                mode="all_or_nothing",
                dry_run=False,
                now=calendar.begins_at,
            )
        next_person += planned.invited


def crm_id_of(number: int) -> str:
    """Return the CRM's id of a campaign's person, counted from 0."""
    return f"P-{number + 1:04d}"


def _seed_campaign(planned: PlannedCampaign, calendar: Calendar) -> Campaign:
    with transaction():
        client = Client.objects.get(slug=planned.client)
        campaign = Campaign.objects.filter(client=client, name=planned.name).first()
        if campaign is not None:
            return campaign
        budget = Campaign.BudgetMode.SHARED
        account = open_client_account(client=client, currency=CURRENCY)
        if planned.own_budget_minor is not None:
            budget = Campaign.BudgetMode.ISOLATED
            account = _open_own_account(planned, client, planned.own_budget_minor, calendar)
        campaign = Campaign.objects.create(
            client=client,
            name=planned.name,
            status=Campaign.Status.ACTIVE,
            starts_at=calendar.begins_at,
            budget_mode=budget,
            account=account,
            created_at=calendar.begins_at,
        )
        pool = Pool.objects.select_related("denomination").get(name=planned.pool)
        Condition.objects.create(
            campaign=campaign,
            number=1,
            name=planned.condition,
            brand_id=pool.brand_id,
            card_value_minor=pool.denomination.value_minor,
            currency=CURRENCY,
            pool=pool,
            crm_event_name=planned.crm_event_name,
            checklist=["Name and address match", "The condition is met"],
        )
    return campaign


@transaction_required
def _open_own_account(
    planned: PlannedCampaign, client: Client, budget_minor: int, calendar: Calendar
) -> Account:
    account = open_campaign_account(client=client, name=planned.name, currency=CURRENCY)
    allocate_once(
        account=account,
        amount_minor=budget_minor,
        key=f"demo:budget:{planned.client}:{planned.name}",
        now=calendar.begins_at,
    )
    return account
