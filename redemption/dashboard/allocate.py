"""Handing credit down: how much to whom, a look at what will be, and only then the movement.

A dialog where scripts run and a page where they don't, at one address. What was moved can't be
pulled back by the one who moved it, so nothing moves before the second step. The form carries a
key from its first sight on: however often its last button is pressed, the money moves once.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from alerts.errors import ServiceError, ValidationFailedError
from credit.dashboard.access import page_for
from credit.models import Account
from credit.money import AmountError, format_amount, minor_digits, parse_amount
from credit.selectors.balances import AccountFacts, account_facts
from credit.selectors.viewers import Role, Viewer
from credit.services.allocations import Allocation, allocate_credit
from credit.services.idempotency import KeyReusedError
from credit.services.transfers import (
    LONGEST_NOTE,
    AccountNotActiveError,
    AccountNotFoundError,
    InsufficientCreditError,
)
from redemption.dashboard.amounts import Amount, show_amount, symbol_of
from redemption.dashboard.frame import Link, say
from redemption.dashboard.places import open_account, way_to

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_EXAMPLE_UNITS: Final = 250

Errors = dict[str, list[str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody who pays or is paid, and what they have now."""

    id: str
    name: str
    balance: Amount
    balance_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AllocatePage:
    """One step of the dialog; ``part`` is its template."""

    part: str
    url: str
    back: Link
    payer: Party
    payees: tuple[Party, ...]
    chosen: Party | None
    amount: str
    note: str
    key: str
    currency: str
    symbol: str
    digits: int
    example: str
    errors: Errors
    money: Amount | None = None
    payer_after: Amount | None = None
    payee_after: Amount | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What the form asks for, as far as it can be read; None where it can't."""

    payee: AccountFacts | None
    amount_minor: int | None
    amount: str
    note: str
    key: str
    errors: Errors


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.AGENCY_MANAGER, Role.CLIENT_MANAGER, Role.PLATFORM_ADMIN)
def allocate(request: HttpRequest, viewer: Viewer, account_id: UUID) -> HttpResponse:
    """Hand credit from an agency to its clients, or from a client to its campaigns."""
    payer = open_account(viewer, account_id)
    if payer.level == Account.Level.PLATFORM:
        raise Http404
    children = Account.objects.filter(parent_id=payer.account_id).order_by("name", "pk")
    return serve_allocation(
        request,
        viewer,
        payer=payer,
        payees=account_facts(children),
        url=reverse("allocate", args=[payer.account_id]),
        back=(way_to(viewer, payer) or [Link(label=_("Home"), url=reverse("welcome"))])[-1],
    )


def serve_allocation(
    request: HttpRequest,
    viewer: Viewer,
    *,
    payer: AccountFacts,
    payees: Sequence[AccountFacts],
    url: str,
    back: Link,
) -> HttpResponse:
    """Answer a step of the dialog, or move the money and go back.

    :param payer: seen by the viewer, with a balance of its own.
    :param payees: the accounts right below it; ``?to=`` may choose one of them beforehand.
    :param url: the address of the dialog.
    :param back: where to go when it is over.
    """
    order = _read_order(request, payer, payees)
    step = request.POST.get("step", "")
    if request.method == "POST" and step == "move" and not order.errors:
        return _move(request, viewer, payer, payees, order, url=url, back=back)
    if request.method == "POST" and step in {"review", "move"}:
        errors = order.errors or _check_cover(payer, order)
    else:
        errors, step = {}, "form"
    part = "form" if errors or step == "form" else "review"
    page = _page(payer, payees, order, part=part, errors=errors, url=url, back=back)
    return _print(request, page)


def _move(
    request: HttpRequest,
    viewer: Viewer,
    payer: AccountFacts,
    payees: Sequence[AccountFacts],
    order: _Order,
    *,
    url: str,
    back: Link,
) -> HttpResponse:
    payee = order.payee
    # Without errors both were read.
    assert payee is not None  # noqa: S101
    assert order.amount_minor is not None  # noqa: S101
    try:
        # What the balances were is not looked at: a second press must read the first result.
        allocation = allocate_credit(
            viewer=viewer,
            from_account_id=payer.account_id,
            to_account_id=payee.account_id,
            amount_minor=order.amount_minor,
            currency=payer.currency,
            note=order.note,
            key=order.key,
            now=timezone.now(),
        )
    except AccountNotFoundError as missing:
        raise Http404 from missing
    except ServiceError as error:
        # A refused form gets a new key where the old one is spent on something else.
        if isinstance(error, KeyReusedError):
            order = dataclasses.replace(order, key=_new_key())
        errors = _explain(error, payer)
        page = _page(payer, payees, order, part="form", errors=errors, url=url, back=back)
        return _print(request, page)
    _say_moved(request, allocation, payee)
    if "HX-Request" in request.headers:
        return HttpResponseClientRedirect(back.url)
    return redirect(back.url)


def _say_moved(request: HttpRequest, allocation: Allocation, payee: AccountFacts) -> None:
    balance = allocation.to_balance_minor
    words = {
        "money": show_amount(allocation.in_entry.amount_minor, allocation.currency),
        "name": payee.name,
        "balance": "" if balance is None else show_amount(balance, allocation.currency),
    }
    say(
        request,
        _("%(money)s moved to %(name)s. Its balance is now %(balance)s.") % words,
        link=Link(label=_("See the statement"), url=reverse("statement", args=[payee.account_id])),
    )


def _read_order(
    request: HttpRequest, payer: AccountFacts, payees: Sequence[AccountFacts]
) -> _Order:
    fields = request.POST if request.method == "POST" else request.GET
    by_id = {str(payee.account_id): payee for payee in payees}
    payee = by_id.get(fields.get("to", ""))
    if payee is None and len(payees) == 1 and request.method != "POST":
        payee = payees[0]
    errors: Errors = {}
    if payee is None:
        errors["to"] = [_("Choose who gets the credit.")]
    amount, amount_minor = fields.get("amount", "").strip()[:64], None
    try:
        amount_minor = parse_amount(amount.removeprefix(symbol_of(payer.currency)), payer.currency)
    except AmountError as error:
        errors["amount"] = [str(error)]
    else:
        if amount_minor <= 0:
            errors["amount"] = [_("The amount must be more than zero.")]
    note = " ".join(fields.get("note", "").split())
    if len(note) > LONGEST_NOTE or "\0" in note:
        errors["note"] = [_("Use at most 500 printable characters.")]
    key = request.POST.get("key", "")
    if not _KEY.fullmatch(key):
        key = _new_key()
        errors["form"] = [_("This form was not complete. Please check it and send it again.")]
    return _Order(
        payee=payee,
        amount_minor=amount_minor,
        amount=amount,
        note=note,
        key=key,
        errors=errors,
    )


def _check_cover(payer: AccountFacts, order: _Order) -> Errors:
    if payer.status != Account.Status.ACTIVE:
        return {"form": [_not_active(payer)]}
    if order.payee and order.payee.status != Account.Status.ACTIVE:
        return {"to": [_not_active(order.payee)]}
    if order.amount_minor is not None and order.amount_minor > (payer.balance_minor or 0):
        return {"amount": [_too_little(payer)]}
    return {}


def _explain(error: ServiceError, payer: AccountFacts) -> Errors:
    if isinstance(error, InsufficientCreditError):
        # Somebody else was faster: what is left now, not what the page was made with.
        left = account_facts(Account.objects.filter(pk=payer.account_id))
        return {"amount": [_too_little(left[0] if left else payer)]}
    if isinstance(error, KeyReusedError):
        return {
            "form": [
                _(
                    "This form has moved money before. If you want to move more, check the"
                    " balances and send it again."
                )
            ]
        }
    if isinstance(error, AccountNotActiveError):
        return {"form": [_("One of the accounts is not active, so no credit was moved.")]}
    if isinstance(error, ValidationFailedError):
        explained: Errors = {}
        for name, words in error.errors.items():
            field = name if name in {"amount", "note"} else "form"
            explained[field] = [*explained.get(field, []), *words]
        return explained
    return {"form": [error.customer_words()]}


def _too_little(payer: AccountFacts) -> str:
    return _("%(name)s has only %(balance)s to give.") % {
        "name": payer.name,
        "balance": show_amount(payer.balance_minor or 0, payer.currency),
    }


def _not_active(account: AccountFacts) -> str:
    return _("The account of %(name)s is paused or closed, so no credit goes through it.") % {
        "name": account.name
    }


def _page(
    payer: AccountFacts,
    payees: Sequence[AccountFacts],
    order: _Order,
    *,
    part: str,
    errors: Errors,
    url: str,
    back: Link,
) -> AllocatePage:
    currency, digits = payer.currency, minor_digits(payer.currency)
    chosen = _party(order.payee) if order.payee else None
    moved = order.amount_minor or 0
    return AllocatePage(
        part=f"allocate/_{part}.html",
        url=url,
        back=back,
        payer=_party(payer),
        payees=tuple(
            _party(payee)
            for payee in payees
            if payee.status == Account.Status.ACTIVE and payee.currency == currency
        ),
        chosen=chosen,
        amount=order.amount,
        note=order.note,
        key=order.key,
        currency=currency,
        symbol=symbol_of(currency),
        digits=digits,
        example=format_amount(_EXAMPLE_UNITS * 10**digits, currency),
        errors=errors,
        money=show_amount(moved, currency),
        payer_after=show_amount((payer.balance_minor or 0) - moved, currency),
        payee_after=show_amount((chosen.balance_minor if chosen else 0) + moved, currency),
    )


def _party(account: AccountFacts) -> Party:
    return Party(
        id=str(account.account_id),
        name=account.name,
        balance=show_amount(account.balance_minor or 0, account.currency),
        balance_minor=account.balance_minor or 0,
    )


def _print(request: HttpRequest, page: AllocatePage) -> HttpResponse:
    if "HX-Request" in request.headers:
        # A refusal too: a browser writes any other status into its console as a fault.
        return render(request, page.part, {"page": page})
    return render(
        request,
        "allocate/page.html",
        {"page": page, "crumbs": [page.back]},
        status=400 if page.errors else 200,
    )


def _new_key() -> str:
    return secrets.token_urlsafe(18)
