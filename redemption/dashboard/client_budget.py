"""Whether a campaign shares its client's budget or has its own: asked, told in numbers, undone."""

from __future__ import annotations

import dataclasses
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from alerts.errors import ValidationFailedError
from credit.dashboard.access import page_for
from credit.money import display_amount
from credit.selectors.clients import ClientFacts
from credit.selectors.viewers import Viewer
from redemption.dashboard.charts import count_words
from redemption.dashboard.client import OpenClient, client_context, open_client
from redemption.dashboard.client_campaigns import allocate_url, is_isolated, payer_words
from redemption.dashboard.frame import CLIENT_ROLES, Link, say
from redemption.models import Campaign
from redemption.selectors.budgets import CampaignBudget, Purse, list_budgets
from redemption.services.budgets import BudgetSwitch, switch_budget

_ISOLATED: Final = Campaign.BudgetMode.ISOLATED
_SHARED: Final = Campaign.BudgetMode.SHARED


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLine:
    """An account in the dialog: what it holds, and what becomes of that."""

    name: str
    holds: str
    words: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SwitchPage:
    """The dialog that asks before a campaign's budget is switched.

    :param warning: what will no longer work at once; empty when all goes on.
    """

    campaign: str
    title: str
    lead: str
    lines: tuple[BudgetLine, ...]
    warning: str
    mode: str
    button: str
    url: str
    back_url: str


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(*CLIENT_ROLES)
def client_budget(
    request: HttpRequest, viewer: Viewer, client_id: UUID, campaign_id: UUID
) -> HttpResponse:
    """Ask whether a campaign's budget is to be switched; on POST, do it."""
    client = open_client(viewer, client_id)
    budget = find_budget(viewer, client, campaign_id)
    if request.method != "POST":
        page = _switch_page(client.facts, budget)
        if request.headers.get("HX-Request"):
            return render(request, "client/_switch.html", {"page": page})
        context = client_context(client, current="")
        return render(request, "client/switch.html", {**context, "page": page})
    try:
        switch = switch_budget(
            viewer=viewer,
            campaign_id=campaign_id,
            mode=request.POST.get("mode", ""),
            now=timezone.now(),
        )
    except ValidationFailedError:
        # No page of ours sends it; the way back asks again.
        messages.error(request, _("Choose whether the budget is shared or the campaign's own."))
        return redirect(request.path)
    _tell(request, client, switch)
    address = reverse("client-overview", args=[client_id])
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(address)
    return redirect(address)


def find_budget(viewer: Viewer, client: OpenClient, campaign_id: UUID) -> CampaignBudget:
    """Return the budget of one of the client's campaigns, or answer 404."""
    for budget in list_budgets(viewer=viewer, client_id=client.client_id):
        if budget.campaign_id == campaign_id:
            return budget
    raise Http404


def _switch_page(client: ClientFacts, budget: CampaignBudget) -> SwitchPage:
    shared_name = _shared_name(client, budget)
    if is_isolated(budget):
        title = _("Share the budget of %(payer)s?")
        lead = _(
            "“%(campaign)s” then spends what is left of its own first, and goes on with the"
            " budget of %(payer)s. No money is moved."
        )
        button, mode = _("Share the budget"), _SHARED
    else:
        title = _("Give “%(campaign)s” a budget of its own?")
        lead = _(
            "“%(campaign)s” then spends only what was allocated to it, and leaves the budget of"
            " %(payer)s alone. No money is moved."
        )
        button, mode = _("Give it its own budget"), _ISOLATED
    names = {"campaign": budget.name, "payer": shared_name}
    return SwitchPage(
        campaign=budget.name,
        title=title % names,
        lead=lead % names,
        lines=tuple(_lines(client, budget, shared_name)),
        warning="" if is_isolated(budget) else _warning(budget),
        mode=mode,
        button=button,
        url=reverse("client-budget", args=[client.client_id, budget.campaign_id]),
        back_url=reverse("client-overview", args=[client.client_id]),
    )


def _shared_name(client: ClientFacts, budget: CampaignBudget) -> str:
    is_the_agencys = budget.billing_entity == Campaign.BillingEntity.AGENCY
    return client.agency_name if is_the_agencys else client.name


def _lines(client: ClientFacts, budget: CampaignBudget, shared_name: str) -> list[BudgetLine]:
    own = BudgetLine(
        name=_("Its own account"),
        holds=_holds(budget.own, budget.currency),
        words=_own_words(budget),
    )
    shared = BudgetLine(
        name=_("Budget of %(payer)s") % {"payer": shared_name},
        holds=_shared_holds(client, budget),
        words=_("Pays when its own account can't cover a reward")
        if is_isolated(budget)
        else _("Stays as it is, for the other campaigns"),
    )
    return [own, shared]


def _own_words(budget: CampaignBudget) -> str:
    rest, cheapest = budget.own_rest_minor, budget.cheapest_minor
    if not is_isolated(budget):
        if cheapest and rest >= cheapest:
            left = rest * len(budget.charges) // sum(budget.charges)
            return _("Pays alone: for about %(count)s rewards") % {"count": count_words(left)}
        return _("Pays alone, once credit is allocated to it")
    if not rest:
        return _("Is empty, so that nothing stays behind")
    if cheapest and rest < cheapest:
        return _("Stays where it is: too little for a reward of %(cheapest)s") % {
            "cheapest": display_amount(cheapest, budget.currency)
        }
    return _("Stays with this campaign and is spent first")


def _warning(budget: CampaignBudget) -> str:
    cheapest = budget.cheapest_minor
    if budget.status not in (Campaign.Status.ACTIVE, Campaign.Status.DEPLETED):
        return ""
    if cheapest is None or budget.own_rest_minor >= cheapest:
        return ""
    return _(
        "Its own account covers no reward of %(cheapest)s: the campaign is out of credit at once,"
        " and goes on by itself when you allocate credit to it."
    ) % {"cheapest": display_amount(cheapest, budget.currency)}


def _holds(purse: Purse | None, currency: str) -> str:
    if purse is not None:
        return display_amount(purse.balance_minor, purse.currency)
    return display_amount(0, currency) if currency else _("Not opened yet")


def _shared_holds(client: ClientFacts, budget: CampaignBudget) -> str:
    if budget.shared is not None:
        return _holds(budget.shared, budget.currency)
    if budget.billing_entity == Campaign.BillingEntity.AGENCY or client.account is None:
        return "–"
    return display_amount(client.account.balance_minor or 0, client.account.currency)


def _tell(request: HttpRequest, client: OpenClient, switch: BudgetSwitch) -> None:
    after = switch.after
    if not switch.is_changed:
        messages.info(
            request,
            _("“%(campaign)s” is paid that way already: %(payer)s. Nothing was changed.")
            % {"campaign": after.name, "payer": payer_words(client.facts, after)},
        )
        return
    said = (
        _("“%(campaign)s” has a budget of its own now: %(own)s.")
        if is_isolated(after)
        else _("“%(campaign)s” shares the budget of %(payer)s now; its own %(own)s goes first.")
        if after.own_rest_minor
        else _("“%(campaign)s” shares the budget of %(payer)s now.")
    )
    words = said % {
        "campaign": after.name,
        "payer": _shared_name(client.facts, after),
        "own": display_amount(after.own_rest_minor, after.currency) if after.currency else "–",
    }
    address = [client.client_id, after.campaign_id]
    link = None
    if after.status == Campaign.Status.DEPLETED:
        words = f"{words} {_('It is out of credit.')}"
        if is_isolated(after) and (url := allocate_url(client.facts, after)):
            link = Link(label=_("Allocate credit"), url=url)
    say(
        request,
        words,
        link=link,
        undo_url=reverse("client-budget", args=address),
        undo_fields={"mode": switch.before.mode},
    )
