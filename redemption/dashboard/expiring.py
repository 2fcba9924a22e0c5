"""Cards in stock that expire soon, on screen and as a file."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date
from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.money import display_amount
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency import Figure
from redemption.dashboard.frame import with_query
from redemption.dashboard.report_files import csv_response, write_expiring
from redemption.dashboard.report_filters import REPORT_ROLES, read_filters, report_context
from redemption.dashboard.report_words import pool_kind_words
from redemption.selectors.expiring import (
    WINDOWS,
    ExpiringPool,
    count_left_over,
    list_expiring,
)
from redemption.selectors.stock_forecasts import Histories, read_histories

PER_PAGE: Final = 25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringRow:
    """A pool whose cards expire; ``left_over`` is empty where nothing can be said."""

    name: str
    url: str
    about: str
    first_on: date
    within: tuple[tuple[int, int], ...]
    value: str
    left_over: str
    will_be_left: bool


@require_safe
@page_for(*REPORT_ROLES)
def expiring(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the pools with cards that expire soon, the earliest first."""
    now = timezone.now()
    filters = read_filters(request, viewer)
    found = list_expiring(scope=filters.scope, now=now)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    histories = read_histories(
        clients=filters.scope.everybody, pool_ids=[row.pool.pk for row in page], now=now
    )
    context = report_context(request, viewer, current="report-expiring")
    return render(
        request,
        "reports/expiring.html",
        {
            **context,
            "filters": filters,
            "figures": _figures(found),
            "windows": WINDOWS,
            "rows": [_row(row, histories, may_open=context["may_open_admin"]) for row in page],
            "page": page,
            "query": with_query("", **filters.kept).removeprefix("?") + "&",
            "csv_url": with_query(reverse("report-expiring-csv"), **filters.kept),
            "all_url": reverse("report-expiring"),
        },
    )


@require_safe
@page_for(*REPORT_ROLES)
def expiring_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the cards that expire, a line for each pool and day, for a spreadsheet."""
    now = timezone.now()
    filters = read_filters(request, viewer)
    name = f"expiring-cards-{now.astimezone(UTC):%Y-%m-%d}.csv"
    return csv_response(write_expiring(list_expiring(scope=filters.scope, now=now)), name=name)


def _figures(found: list[ExpiringPool]) -> list[Figure]:
    return [
        Figure(
            label=_("Within %(days)d days") % {"days": window},
            value=f"{sum(pool.within[window] for pool in found):,}",
            words=_("cards in stock"),
            tone="warn" if window == WINDOWS[0] and any(p.within[window] for p in found) else "",
        )
        for window in WINDOWS
    ]


def _row(row: ExpiringPool, histories: Histories, *, may_open: bool) -> ExpiringRow:
    left_over = count_left_over(row, histories)
    pool, denomination = row.pool, row.pool.denomination
    value = display_amount(denomination.value_minor, denomination.currency)
    return ExpiringRow(
        name=pool.name,
        url=reverse("admin:giftcards_pool_change", args=[pool.pk]) if may_open else "",
        about=f"{pool.brand.name} {value} · {pool_kind_words(pool)}",
        first_on=row.days[0].expires_on,
        within=tuple(row.within.items()),
        value=display_amount(row.value_minor, denomination.currency),
        left_over="" if left_over is None else f"{left_over:,}",
        will_be_left=bool(left_over),
    )
