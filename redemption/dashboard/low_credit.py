"""From which balance on the people of an agency or a client are warned that its credit is low."""

from __future__ import annotations

import dataclasses
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from alerts.errors import ValidationFailedError
from credit.dashboard.access import page_for
from credit.money import AmountError, display_amount, format_amount, parse_amount
from credit.selectors.balances import AccountFacts
from credit.selectors.viewers import Viewer
from credit.services.warnings import set_low_balance_threshold
from redemption.dashboard.client import client_context, open_client
from redemption.dashboard.frame import AGENCY_ROLES, CLIENT_ROLES, say
from redemption.dashboard.places import agency_context, open_account, open_agency

_TEMPLATE: Final = "low_credit/warning.html"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WarningPage:
    """The form of the threshold as it was shown or filled in."""

    amount: str
    currency: str
    balance: str
    state: str
    tone: str
    errors: tuple[str, ...] = ()


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(*CLIENT_ROLES)
def client_warning(request: HttpRequest, viewer: Viewer, client_id: UUID) -> HttpResponse:
    """Show the threshold of a client's budget; on POST, set it. An empty one means no warning."""
    client = open_client(viewer, client_id)
    context = {
        **client_context(client, current="client-warning"),
        "owner": client.facts.name,
        "giver": client.facts.agency_name,
    }
    return _serve(request, viewer, client.facts.account, context)


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(*AGENCY_ROLES)
def agency_warning(request: HttpRequest, viewer: Viewer, agency_id: UUID) -> HttpResponse:
    """Show the threshold of an agency's own account; on POST, set it."""
    agency = open_agency(viewer, agency_id)
    account = open_account(viewer, agency.account_id) if agency.account_id else None
    context = {
        **agency_context(viewer, agency, current="agency-warning"),
        "owner": agency.name,
        "giver": _("the platform"),
    }
    return _serve(request, viewer, account, context)


def _serve(
    request: HttpRequest,
    viewer: Viewer,
    account: AccountFacts | None,
    context: dict[str, Any],
) -> HttpResponse:
    if account is None:
        return render(request, _TEMPLATE, {**context, "page": None})
    before = account.low_balance_threshold_minor
    if request.method != "POST":
        shown = "" if before is None else format_amount(before, account.currency)
        page = _warning_page(account, shown)
        return render(request, _TEMPLATE, {**context, "page": page})
    typed = request.POST.get("amount", "").strip()
    try:
        threshold = parse_amount(typed, account.currency) if typed else None
        set_low_balance_threshold(
            viewer=viewer,
            account_id=account.account_id,
            amount_minor=threshold,
            now=timezone.now(),
        )
    except AmountError as error:
        page = _warning_page(account, typed, errors=[str(error)])
    except ValidationFailedError as error:
        page = _warning_page(account, typed, errors=error.errors.get("amount", []))
    else:
        _tell(request, account, threshold)
        return redirect(request.path)
    return render(request, _TEMPLATE, {**context, "page": page}, status=400)


def _warning_page(
    account: AccountFacts, amount: str, *, errors: list[str] | None = None
) -> WarningPage:
    threshold = account.low_balance_threshold_minor
    if threshold is None:
        state, tone = _("Nobody is warned at present, however little is left."), "calm"
    elif account.is_low:
        state, tone = _("The balance is below it: the warning is out."), "warn"
    else:
        state, tone = _("The balance is above it."), "good"
    return WarningPage(
        amount=amount,
        currency=account.currency,
        balance=display_amount(account.balance_minor or 0, account.currency),
        state=state,
        tone=tone,
        errors=tuple(errors or ()),
    )


def _tell(request: HttpRequest, account: AccountFacts, threshold: int | None) -> None:
    before = account.low_balance_threshold_minor
    if threshold == before:
        messages.info(request, _("That is what it was already. Nothing was changed."))
        return
    words = (
        _("Nobody is warned any more, however little is left.")
        if threshold is None
        else _("A warning goes out once the balance is below %(amount)s.")
        % {"amount": display_amount(threshold, account.currency)}
    )
    say(
        request,
        words,
        undo_url=request.path,
        undo_fields={"amount": "" if before is None else format_amount(before, account.currency)},
    )
