"""An agency's first page: its credit, its clients, and what their rewards have cost."""

from __future__ import annotations

import dataclasses
from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.selectors.balances import AccountFacts
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency_clients import choose_clients, list_clients, write_clients
from redemption.dashboard.amounts import show_amount, show_rounded
from redemption.dashboard.charts import draw_bars
from redemption.dashboard.frame import AGENCY_ROLES
from redemption.dashboard.places import agency_context, open_agency
from redemption.dashboard.report_files import csv_response
from redemption.dashboard.report_words import short_day_words
from redemption.selectors.agencies import AgencyStanding, list_agencies, read_agency

_DAYS: Final = 30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with what it says; ``tone`` is good, warn or bad."""

    label: str
    value: str
    words: str = ""
    tone: str = ""
    url: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgencyRow:
    """An agency to choose, with what it has."""

    name: str
    url: str
    balance: str
    is_low: bool


@require_safe
@page_for(*AGENCY_ROLES)
def agencies(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the one agency somebody works for, or which there are to choose from."""
    if not viewer.sees_platform and not viewer.agency_ids:
        raise Http404
    if not viewer.sees_platform and len(viewer.agency_ids) == 1:
        return _overview(request, viewer, next(iter(viewer.agency_ids)))
    rows = [
        AgencyRow(
            name=name,
            url=reverse("agency-page", args=[key]),
            balance=str(show_amount(account.balance_minor or 0, account.currency))
            if account
            else "",
            is_low=account is not None and account.is_low,
        )
        for key, name, account in list_agencies(viewer=viewer)
    ]
    return render(request, "agency/list.html", {"agencies": rows})


@require_safe
@page_for(*AGENCY_ROLES)
def agency_page(request: HttpRequest, viewer: Viewer, agency_id: UUID) -> HttpResponse:
    """Show how an agency stands."""
    return _overview(request, viewer, agency_id)


@require_safe
@page_for(*AGENCY_ROLES)
def clients_csv(request: HttpRequest, viewer: Viewer, agency_id: UUID) -> HttpResponse:
    """Hand out the list of clients, as it is searched and sorted, for a spreadsheet."""
    now = timezone.now()
    agency = open_agency(viewer, agency_id)
    standing = read_agency(viewer=viewer, agency_id=agency.agency_id, now=now, days=1)
    name = slugify(standing.name)[:60].strip("-") or str(agency_id)
    return csv_response(
        write_clients(standing, choose_clients(standing, request.GET)),
        name=f"clients-{name}-{now:%Y-%m-%d}.csv",
    )


def _overview(request: HttpRequest, viewer: Viewer, agency_id: UUID) -> HttpResponse:
    agency = open_agency(viewer, agency_id)
    standing = read_agency(
        viewer=viewer, agency_id=agency.agency_id, now=timezone.now(), days=_DAYS
    )
    account = standing.account
    client_list = list_clients(standing, request.GET, may_change=agency.may_change)
    return render(
        request,
        "agency/overview.html",
        {
            **agency_context(viewer, agency, current="agency-page"),
            "figures": _figures(standing, client_list.short_url),
            "clients": client_list,
            "chart": _chart(standing, account) if account else None,
            "allocate_url": reverse("allocate", args=[account.account_id])
            if account and agency.may_change
            else "",
        },
    )


def _figures(agency: AgencyStanding, short_url: str) -> list[Figure]:
    short = sum(not client.is_fine for client in agency.clients)
    used = [str(show_amount(minor, currency)) for currency, minor in sorted(agency.used.items())]
    figures = [
        Figure(
            label=_("Used this month"),
            value=" + ".join(used) or _nothing(agency),
            words=_("charged for rewards that were issued"),
        ),
        Figure(
            label=_("Redemptions this month"),
            value=f"{agency.redemptions:,}",
            words=_("of all clients"),
        ),
        Figure(
            label=_("Clients to look after"),
            value=f"{short:,}",
            words=(
                _("low, out of credit or without an account")
                if short
                else _("all have credit")
                if agency.clients
                else _("there are no clients yet")
            ),
            tone="warn" if short else "good",
            url=short_url if short else "",
        ),
    ]
    if agency.account:
        figures[:0] = [_balance(agency.account), _below(agency, agency.account)]
    return figures


def _balance(account: AccountFacts) -> Figure:
    words, tone = _("to allocate to clients"), "good"
    if account.status != "active":
        words, tone = _("The account is not active"), "bad"
    elif not account.balance_minor:
        words, tone = _("Nothing left to allocate"), "bad"
    elif account.is_low and account.low_balance_threshold_minor is not None:
        threshold = show_amount(account.low_balance_threshold_minor, account.currency)
        words, tone = _("Low: under %(amount)s") % {"amount": threshold}, "warn"
    if account.held_minor:
        held = show_amount(account.held_minor, account.currency)
        words = f"{words}; " + _("%(amount)s set aside") % {"amount": held}
    return Figure(
        label=_("Balance"),
        value=str(show_amount(account.balance_minor or 0, account.currency)),
        words=words,
        tone=tone,
        url=reverse("statement", args=[account.account_id]),
    )


def _below(agency: AgencyStanding, account: AccountFacts) -> Figure:
    # All of them are in the currency of the agency's account, from which theirs are filled.
    having = [client for client in agency.clients if client.account is not None]
    total = sum(
        (client.account.balance_minor or 0) + client.campaigns_minor
        for client in having
        if client.account is not None
    )
    return Figure(
        label=_("With clients"),
        value=str(show_amount(total, account.currency)),
        words=ngettext("of %(count)d client", "of %(count)d clients", len(having))
        % {"count": len(having)},
    )


def _nothing(agency: AgencyStanding) -> str:
    return str(show_amount(0, agency.account.currency)) if agency.account else "0"


def _chart(agency: AgencyStanding, account: AccountFacts) -> object:
    return draw_bars(
        # The order of day and month is the language's own.
        [(short_day_words(day.day), day.charged_minor) for day in agency.days],
        tick_every=7,
        words=lambda minor: str(show_amount(minor, account.currency)),
        scale_words=lambda minor: show_rounded(minor, account.currency),
    )
