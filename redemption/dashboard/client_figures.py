"""The figures at the top of a client's page, and what its rewards cost month by month."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from credit.money import display_amount
from credit.selectors.clients import ClientFacts
from redemption.dashboard.amounts import show_rounded
from redemption.dashboard.charts import BarChart, count_words, draw_bars
from redemption.dashboard.report_words import month_words
from redemption.models import Campaign
from redemption.selectors.budgets import CampaignBudget
from redemption.selectors.spending import Spending

_PAYING: Final = (Campaign.Status.ACTIVE, Campaign.Status.DEPLETED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientFigure:
    """A figure with what it means; ``tone`` is calm, good, warn or bad."""

    label: str
    value: str
    words: str
    tone: str = "calm"
    url: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SpendingChart:
    """Twelve months of spending in one currency; ``title_id`` is its heading's."""

    title: str
    title_id: str
    chart: BarChart


def balance_figure(client: ClientFacts) -> ClientFigure:
    """Say what the client's budget holds, what is set aside, and whether that is little."""
    account = client.account
    if account is None:
        return ClientFigure(
            label=_("Balance"),
            value="–",
            words=_("No budget yet. Ask %(agency)s for credit.") % {"agency": client.agency_name},
            tone="warn",
        )
    money = partial(display_amount, currency=account.currency)
    balance = account.balance_minor or 0
    tone, words = "good", _("Free to spend")
    if balance == 0:
        asking = _("Nothing left: ask %(agency)s for credit")
        tone, words = "bad", asking % {"agency": client.agency_name}
    elif account.is_low:
        threshold = money(account.low_balance_threshold_minor or 0)
        tone, words = "warn", _("Low: under %(amount)s") % {"amount": threshold}
    if account.held_minor:
        aside = _("%(amount)s more is set aside for purchases under way")
        words = f"{words}. {aside % {'amount': money(account.held_minor)}}."
    return ClientFigure(
        label=_("Balance"),
        value=money(balance),
        words=words,
        tone=tone,
        url=reverse("statement", args=[account.account_id]),
    )


def spent_figures(spending: Sequence[Spending]) -> list[ClientFigure]:
    """Say what was spent this month beside the last one, one figure a currency."""
    several = len(spending) > 1
    return [
        ClientFigure(
            label=_("Spent this month in %(currency)s") % {"currency": row.currency}
            if several
            else _("Spent this month"),
            value=display_amount(row.this_month.charged_minor, row.currency),
            words=_("%(amount)s in %(month)s")
            % {
                "amount": display_amount(row.last_month.charged_minor, row.currency),
                "month": month_words(row.last_month.month),
            },
        )
        for row in spending
    ]


def redemptions_figure(spending: Sequence[Spending]) -> ClientFigure:
    """Say how many rewards were given this month and in the last one."""
    this_month = sum(row.this_month.redemptions for row in spending)
    last_month = sum(row.last_month.redemptions for row in spending)
    return ClientFigure(
        label=_("Redemptions this month"),
        value=count_words(this_month),
        words=_("%(count)s in %(month)s")
        % {
            "count": count_words(last_month),
            "month": month_words(spending[0].last_month.month),
        }
        if spending
        else _("None in twelve months"),
    )


def estimate_figure(client: ClientFacts, budgets: Sequence[CampaignBudget]) -> ClientFigure:
    """Say for how many average rewards of the campaigns that share it the balance will do."""
    account = client.account
    sharing = [
        budget
        for budget in budgets
        if account and budget.paying_account_id == account.account_id and budget.status in _PAYING
    ]
    charges = [charge for budget in sharing for charge in budget.charges]
    if account is None or not charges:
        return ClientFigure(
            label=_("Redemptions left"),
            value="–",
            words=_("No running campaign is paid from this balance"),
        )
    left = (account.balance_minor or 0) * len(charges) // sum(charges)
    average = (2 * sum(charges) + len(charges)) // (2 * len(charges))
    return ClientFigure(
        label=_("Redemptions left"),
        value=count_words(left),
        words=ngettext(
            "About, at %(average)s each, in %(count)s campaign that shares the balance",
            "About, at %(average)s each, in the %(count)s campaigns that share the balance",
            len(sharing),
        )
        % {"average": display_amount(average, account.currency), "count": len(sharing)},
        tone="calm" if left else "bad",
    )


def spending_charts(spending: Sequence[Spending]) -> list[SpendingChart]:
    """Draw each currency's months, for those in which there is anything to see."""
    return [
        SpendingChart(
            title=_("Spending per month in %(currency)s") % {"currency": row.currency},
            title_id=f"spending-{row.currency}",
            chart=draw_bars(
                [(month_words(month.month), month.charged_minor) for month in row.months],
                tick_every=3,
                words=partial(display_amount, currency=row.currency),
                scale_words=partial(show_rounded, currency=row.currency),
            ),
        )
        for row in spending
    ]
