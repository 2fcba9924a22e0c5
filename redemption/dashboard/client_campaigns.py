"""A client's campaigns as its page lists them: how they stand, what they can pay, what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from credit.money import display_amount
from credit.selectors.clients import ClientFacts
from redemption.dashboard.charts import count_words
from redemption.dashboard.client_words import State, campaign_state
from redemption.dashboard.frame import with_query
from redemption.models import Campaign
from redemption.selectors.budgets import CampaignBudget
from redemption.selectors.campaigns import CampaignFacts
from redemption.selectors.spending import SpentMonth


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    """A campaign, ready to print; empty words say that there is nothing to say.

    :param advice: what to do now, for a campaign that can't pay.
    :param rest: what its own account still holds beside the shared budget.
    """

    campaign_id: UUID
    name: str
    state: State
    advice: str
    mode: str
    payer: str
    rest: str
    remaining: str
    left: str
    cheapest: str
    spent: str
    redemptions: str
    is_isolated: bool
    switch_url: str
    allocate_url: str


def campaign_rows(
    client: ClientFacts,
    campaigns: Sequence[CampaignFacts],
    budgets: Sequence[CampaignBudget],
    spent: Mapping[UUID, SpentMonth],
    *,
    now: datetime,
) -> list[CampaignRow]:
    """Put together what is known of each campaign, in the order given."""
    by_campaign = {budget.campaign_id: budget for budget in budgets}
    return [
        _row(client, facts, by_campaign[facts.campaign_id], spent.get(facts.campaign_id), now)
        for facts in campaigns
        if facts.campaign_id in by_campaign
    ]


def is_isolated(budget: CampaignBudget) -> bool:
    """Tell whether a campaign pays from its own account alone."""
    return budget.mode == Campaign.BudgetMode.ISOLATED


def payer_words(client: ClientFacts, budget: CampaignBudget) -> str:
    """Name whose account pays for a campaign."""
    if is_isolated(budget):
        return _("Its own account")
    if budget.billing_entity == Campaign.BillingEntity.AGENCY:
        return _("%(agency)s (agency)") % {"agency": client.agency_name}
    return client.name


def allocate_url(client: ClientFacts, budget: CampaignBudget) -> str:
    """Return where credit is allocated to a campaign; empty where it has no account of its own."""
    if budget.own is None or client.account is None:
        return ""
    address = reverse("allocate", args=[client.account.account_id])
    return with_query(address, to=budget.own.account_id)


def _row(
    client: ClientFacts,
    facts: CampaignFacts,
    budget: CampaignBudget,
    spent: SpentMonth | None,
    now: datetime,
) -> CampaignRow:
    state = campaign_state(facts, budget, now=now)
    cheapest, left = budget.cheapest_minor, budget.estimated_redemptions
    own = budget.own if not is_isolated(budget) else None
    return CampaignRow(
        campaign_id=facts.campaign_id,
        name=facts.name,
        state=state,
        advice=_advice(client, budget) if state.tone == "bad" else "",
        mode=_("Isolated") if is_isolated(budget) else _("Shared"),
        payer=payer_words(client, budget),
        rest=_("and first %(amount)s of its own")
        % {"amount": display_amount(own.balance_minor, own.currency)}
        if own and own.balance_minor
        else "",
        remaining=_remaining(budget),
        left="–" if left is None else count_words(left),
        cheapest="–" if cheapest is None else display_amount(cheapest, budget.currency),
        spent=_money(spent.charged_minor if spent else 0, budget),
        redemptions=count_words(spent.redemptions if spent else 0),
        is_isolated=is_isolated(budget),
        switch_url=reverse("client-budget", args=[client.client_id, facts.campaign_id]),
        allocate_url=allocate_url(client, budget),
    )


def _remaining(budget: CampaignBudget) -> str:
    remaining = budget.remaining_minor
    if remaining is not None:
        return display_amount(remaining, budget.currency)
    if budget.paying_account_id is None:
        return _("No account yet")
    return _("The agency's to say")


def _money(amount_minor: int, budget: CampaignBudget) -> str:
    return display_amount(amount_minor, budget.currency) if budget.currency else "–"


def _advice(client: ClientFacts, budget: CampaignBudget) -> str:
    cheapest = budget.cheapest_minor
    purse = budget.own if is_isolated(budget) else budget.shared
    if cheapest is None or purse is None:
        return _("Ask %(agency)s for credit; it then goes on by itself.") % {
            "agency": client.agency_name
        }
    if not purse.is_active:
        return _("The account that pays is closed or paused. Ask %(agency)s.") % {
            "agency": client.agency_name
        }
    missing = display_amount(cheapest - purse.balance_minor, purse.currency)
    if is_isolated(budget):
        return _("Allocate at least %(amount)s to it; it then goes on by itself.") % {
            "amount": missing
        }
    return _("Ask %(agency)s for at least %(amount)s; it then goes on by itself.") % {
        "agency": client.agency_name,
        "amount": missing,
    }
