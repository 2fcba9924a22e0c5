"""A client's first page: what it has, what its campaigns can still give, what was spent."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.money import display_amount
from credit.selectors.clients import list_visible_clients
from credit.selectors.viewers import Viewer
from redemption.dashboard.client import OpenClient, client_context, open_client
from redemption.dashboard.client_campaigns import CampaignRow, campaign_rows
from redemption.dashboard.client_figures import (
    ClientFigure,
    SpendingChart,
    balance_figure,
    estimate_figure,
    redemptions_figure,
    spending_charts,
    spent_figures,
)
from redemption.dashboard.client_words import State, contact_words, redemption_state
from redemption.dashboard.frame import CLIENT_ROLES
from redemption.selectors.budgets import list_budgets
from redemption.selectors.campaigns import list_campaigns
from redemption.selectors.recent import RecentRedemption, list_recent_redemptions
from redemption.selectors.spending import spending_by_month, spent_this_month_by_campaign

# Whoever sees more clients than this finds the others from their agency's page.
_MOST_CLIENTS: Final = 200
_RECENT: Final = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """A client to choose, with its balance in words."""

    name: str
    agency: str
    balance: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecentRow:
    """A redemption in the list: no code, the address masked."""

    at: datetime
    campaign: str
    reward: str
    charged: str
    state: State
    to: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """All that the first page of a client prints."""

    figures: tuple[ClientFigure, ...]
    campaigns: tuple[CampaignRow, ...]
    charts: tuple[SpendingChart, ...]
    recent: tuple[RecentRow, ...]


@require_safe
@page_for(*CLIENT_ROLES)
def client_home(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Open the client of somebody who has one; let others choose."""
    clients = list_visible_clients(viewer=viewer, limit=_MOST_CLIENTS)
    if len(clients) == 1:
        return redirect("client-overview", clients[0].client_id)
    rows = [
        ClientRow(
            name=client.name,
            agency=client.agency_name,
            balance=display_amount(client.account.balance_minor or 0, client.account.currency)
            if client.account
            else _("No account yet"),
            url=reverse("client-overview", args=[client.client_id]),
        )
        for client in clients
    ]
    return render(
        request,
        "client/list.html",
        {"clients": rows, "is_cut": len(rows) == _MOST_CLIENTS},
    )


@require_safe
@page_for(*CLIENT_ROLES)
def client_overview(request: HttpRequest, viewer: Viewer, client_id: UUID) -> HttpResponse:
    """Show how a client stands."""
    client = open_client(viewer, client_id)
    page = _read_overview(viewer, client, now=timezone.now())
    context = client_context(client, current="client-overview")
    return render(request, "client/overview.html", {**context, "page": page})


def _read_overview(viewer: Viewer, client: OpenClient, *, now: datetime) -> OverviewPage:
    facts, client_id = client.facts, client.client_id
    budgets = list_budgets(viewer=viewer, client_id=client_id)
    spending = spending_by_month(viewer=viewer, client_id=client_id, now=now)
    return OverviewPage(
        figures=(
            balance_figure(facts),
            *spent_figures(spending),
            redemptions_figure(spending),
            estimate_figure(facts, budgets),
        ),
        campaigns=tuple(
            campaign_rows(
                facts,
                list_campaigns(viewer=viewer, client_id=client_id),
                budgets,
                spent_this_month_by_campaign(viewer=viewer, client_id=client_id, now=now),
                now=now,
            )
        ),
        charts=tuple(spending_charts(spending)),
        recent=tuple(
            _recent_row(row)
            for row in list_recent_redemptions(viewer=viewer, client_id=client_id, limit=_RECENT)
        ),
    )


def _recent_row(row: RecentRedemption) -> RecentRow:
    value = row.face_value_minor
    return RecentRow(
        at=row.at,
        campaign=row.campaign,
        reward=" ".join(
            filter(None, [row.brand, display_amount(value, row.currency) if value else ""])
        ),
        charged="–"
        if row.charged_minor is None
        else display_amount(row.charged_minor, row.currency),
        state=redemption_state(row.state, is_test=row.is_test),
        to=contact_words(row.contact_method, row.contact_to),
    )
