"""An account's statement: on screen, to print, as a file."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from itertools import islice
from typing import IO, Any, Final, cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.models import Account, User
from credit.selectors.balances import AccountFacts
from credit.selectors.statements import Statement, StatementLine, open_statement
from credit.selectors.viewers import Viewer
from credit.services.statement_files import filename_of, spool_statement, write_csv
from credit.services.statement_pdf import StatementTooLongError, write_pdf
from redemption.dashboard.amounts import Amount, show_amount, show_change
from redemption.dashboard.client import client_context, open_client
from redemption.dashboard.frame import AGENCY_ROLES, CLIENT_ROLES, MONEY_ROLES, with_query
from redemption.dashboard.periods import Period, read_period
from redemption.dashboard.places import agency_context, open_account, open_agency, way_to
from redemption.dashboard.statement_lines import LineRow, line_rows

PER_PAGE: Final = 100
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatementPage:
    """A statement as it stands on the page; ``before`` and ``after`` frame the lines shown."""

    name: str
    level: str
    currency: str
    period: Period
    opening: Amount
    paid_in: Amount
    paid_out: Amount
    closing: Amount
    balance: Amount | None
    held: Amount | None
    line_count: int
    rows: list[LineRow]
    before: Amount
    after: Amount
    is_first: bool
    is_last: bool
    csv_url: str
    pdf_url: str
    this_url: str
    last_url: str


@require_safe
@page_for(*MONEY_ROLES)
def statement(request: HttpRequest, viewer: Viewer, account_id: UUID) -> HttpResponse:
    """Show an account over a period: what it had, every movement, what it has."""
    account = open_account(viewer, account_id)
    period = read_period(request.GET, now=timezone.now())
    number = _page_number(request.GET.get("page", ""))
    with open_statement(
        viewer=viewer, account_id=account_id, start=period.start, end=period.end
    ) as facts:
        # The lines before are gone through for the balance they leave; those after are not read.
        number = min(number, max(1, math.ceil(facts.line_count / PER_PAGE)))
        lines = list(islice(facts.lines, (number - 1) * PER_PAGE, number * PER_PAGE))
    turner = Paginator(range(facts.line_count), PER_PAGE).page(number)
    user = cast(User, request.user)
    rows = line_rows(
        lines,
        viewer=viewer,
        account_id=account_id,
        currency=facts.currency,
        may_open_admin=viewer.sees_platform and user.is_staff,
    )
    page = _page(
        account,
        facts,
        period,
        lines,
        rows,
        is_first=not turner.has_previous(),
        is_last=not turner.has_next(),
    )
    query = with_query("", **period.query).removeprefix("?")
    return render(
        request,
        "statements/statement.html",
        {
            **_place(viewer, account),
            "statement": page,
            "page": turner,
            "query": f"{query}&",
        },
        status=400 if period.errors else 200,
    )


@require_safe
@page_for(*MONEY_ROLES)
def statement_file(
    request: HttpRequest, viewer: Viewer, account_id: UUID, kind: str
) -> HttpResponse:
    """Hand out a statement, all of it, as ``csv`` or ``pdf``."""
    open_account(viewer, account_id)
    now = timezone.now()
    period = read_period(request.GET, now=now)
    if period.errors:
        raise Http404
    writers: dict[str, Callable[[Statement, IO[bytes]], None]] = {
        "csv": write_csv,
        "pdf": functools.partial(write_pdf, now=now),
    }
    try:
        facts, file = spool_statement(
            viewer=viewer,
            account_id=account_id,
            start=period.start,
            end=period.end,
            write=writers[kind],
        )
    except StatementTooLongError:
        messages.error(
            request,
            _("This period has too many entries to print. Choose a shorter one, or take the CSV."),
        )
        address = reverse("statement", args=[account_id])
        return redirect(with_query(address, **period.query))
    answer = FileResponse(
        file,
        as_attachment=True,
        filename=filename_of(facts, suffix=kind),
        content_type=_TYPES[kind],
    )
    # Django's two kinds of answers have no common name that a view could promise.
    return cast(HttpResponse, answer)


def _page(
    account: AccountFacts,
    facts: Statement,
    period: Period,
    lines: list[StatementLine],
    rows: list[LineRow],
    *,
    is_first: bool,
    is_last: bool,
) -> StatementPage:
    currency = facts.currency
    before = lines[0].balance_after_minor - lines[0].amount_minor if lines else facts.opening_minor
    address = reverse("statement", args=[account.account_id])
    files = {
        kind: with_query(reverse(f"statement-{kind}", args=[account.account_id]), **period.query)
        for kind in _TYPES
    }
    balance = account.balance_minor
    return StatementPage(
        name=account.name,
        level=_level_words(account.level),
        currency=currency,
        period=period,
        opening=show_amount(facts.opening_minor, currency),
        paid_in=show_change(facts.in_minor, currency),
        paid_out=show_change(facts.out_minor, currency),
        closing=show_amount(facts.closing_minor, currency),
        balance=None if balance is None else show_amount(balance, currency),
        held=show_amount(account.held_minor, currency) if account.held_minor else None,
        line_count=facts.line_count,
        rows=rows,
        before=show_amount(before, currency),
        after=show_amount(
            lines[-1].balance_after_minor if lines else facts.closing_minor, currency
        ),
        is_first=is_first,
        is_last=is_last,
        csv_url=files["csv"],
        pdf_url=files["pdf"],
        this_url=address,
        last_url=with_query(address, period="last"),
    )


def _place(viewer: Viewer, account: AccountFacts) -> dict[str, Any]:
    """Return the frame of the account's owner, as far as its pages are open to the viewer."""
    context: dict[str, Any] = {"crumbs": way_to(viewer, account)}
    if account.level == Account.Level.AGENCY and account.agency_id:
        agency = viewer.narrowed_to(AGENCY_ROLES)
        return agency_context(agency, open_agency(agency, account.agency_id), current="statement")
    if account.level == Account.Level.CLIENT and account.client_id:
        client = viewer.narrowed_to(CLIENT_ROLES)
        return client_context(open_client(client, account.client_id), current="statement")
    return context


def _level_words(level: str) -> str:
    return {
        Account.Level.PLATFORM: _("Account of the platform"),
        Account.Level.AGENCY: _("Account of an agency"),
        Account.Level.CLIENT: _("Account of a client"),
        Account.Level.CAMPAIGN: _("Account of a campaign"),
    }[Account.Level(level)]


def _page_number(text: str) -> int:
    return max(1, int(text)) if text.isdecimal() and len(text) < 9 else 1
