"""The report about messages: what was sent, what has arrived, and what kept the rest."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.dashboard.charts import BarChart, draw_bars
from redemption.dashboard.frame import Link, with_query
from redemption.dashboard.message_files import write_message_errors, write_message_report
from redemption.dashboard.message_filters import (
    read_message_filters,
    read_message_group,
)
from redemption.dashboard.message_words import (
    describe_errors,
    describe_row,
    list_meanings,
    show_figures,
)
from redemption.dashboard.periods import Period
from redemption.dashboard.report_files import csv_response
from redemption.dashboard.report_filters import (
    REPORT_ROLES,
    period_links,
    read_report_period,
    report_context,
)
from redemption.dashboard.report_words import month_words, short_day_words
from redemption.selectors.message_days import MessageGroup, MessageTotals
from redemption.selectors.message_report import MessageScope, read_message_report
from redemption.selectors.spans import days_between
from sms.selectors.meanings import explain_errors

PER_PAGE: Final = 31
# From so many days on a chart has a bar for each month.
_MANY_DAYS: Final = 92


@require_safe
@page_for(*REPORT_ROLES)
def message_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the report about messages."""
    filters, group = read_message_filters(request, viewer), read_message_group(request.GET)
    period = read_report_period(request.GET, now=timezone.now())
    totals = _read(filters.scope, group, period)
    address = reverse("report-messages")
    asked = {**filters.kept, **period.query}
    keys = list(totals.rows)
    if group == "day":
        keys.reverse()
    page = Paginator(keys, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "reports/messages.html",
        {
            **report_context(request, viewer, current="report-messages"),
            "filters": filters,
            "period": period,
            "periods": period_links(address, period, {**filters.kept, "by": group}),
            "group": group,
            "groups": _group_links(address, group, asked),
            "figures": show_figures(totals.everything),
            "meanings": list_meanings(totals.everything),
            "chart": _chart(totals, period),
            "rows": [
                describe_row(key, totals.rows[key], group, filters.scope.campaign_names)
                for key in page
            ],
            "errors": describe_errors(
                totals.errors, explain_errors(one.code for one in totals.errors)
            ),
            "page": page,
            "query": with_query("", **asked, by=group).removeprefix("?") + "&",
            "csv_url": with_query(reverse("report-messages-csv"), **asked, by=group),
            "errors_url": with_query(reverse("report-messages-csv"), **asked, by="error"),
            "all_url": with_query(address, by=group, **period.query),
        },
        status=400 if period.errors else 200,
    )


@require_safe
@page_for(*REPORT_ROLES)
def message_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the report about messages, or its errors (``by=error``), for a spreadsheet."""
    filters = read_message_filters(request, viewer)
    is_about_errors = request.GET.get("by") == "error"
    group = "day" if is_about_errors else read_message_group(request.GET)
    period = read_report_period(request.GET, now=timezone.now())
    if period.errors:
        raise Http404
    totals = _read(filters.scope, group, period)
    if is_about_errors:
        words = explain_errors(one.code for one in totals.errors)
        content = write_message_errors(totals.errors, words=words, period=period)
    else:
        content = write_message_report(
            totals.rows, group=group, names=filters.scope.campaign_names, period=period
        )
    by = "error" if is_about_errors else group
    name = f"messages-by-{by}-{period.start.isoformat()}-to-{period.end.isoformat()}.csv"
    return csv_response(content, name=name)


def _read(scope: MessageScope, group: MessageGroup, period: Period) -> MessageTotals:
    return read_message_report(scope=scope, group=group, first=period.start, last=period.end)


def _group_links(address: str, group: MessageGroup, asked: dict[str, str]) -> list[Link]:
    labels: dict[MessageGroup, str] = {
        "day": _("By day"),
        "campaign": _("By campaign"),
        "channel": _("By channel"),
    }
    return [
        Link(label=label, url=with_query(address, by=name, **asked), is_current=name == group)
        for name, label in labels.items()
    ]


def _chart(totals: MessageTotals, period: Period) -> BarChart | None:
    """Draw the messages of each day or month, quiet ones included."""
    if not totals.per_day:
        return None
    by_month = (period.end - period.start).days >= _MANY_DAYS
    bars: dict[date, int] = {}
    for day in days_between(period.start, period.end):
        bar = day.replace(day=1) if by_month else day
        bars[bar] = bars.get(bar, 0) + totals.per_day.get(day, 0)
    words = month_words if by_month else short_day_words
    return draw_bars(
        [(words(day), count) for day, count in bars.items()],
        tick_every=max(1, len(bars) // 6),
    )
