"""Redemptions as they happen: the last sixty minutes, renewed every few seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.dashboard.charts import draw_bars
from redemption.dashboard.flow_files import write_flow
from redemption.dashboard.flow_words import (
    describe_campaigns,
    describe_codes,
    describe_doors,
    flow_meanings,
    longest_wait_words,
    show_flow_figures,
)
from redemption.dashboard.frame import with_query
from redemption.dashboard.message_filters import MessageFilters, read_message_filters
from redemption.dashboard.report_files import csv_response
from redemption.dashboard.report_filters import REPORT_ROLES, report_context
from redemption.selectors.flow import Flow, list_waiting, read_flow
from redemption.selectors.message_report import MessageScope

MINUTES: Final = 60
MINUTE: Final = timedelta(minutes=1)
RENEWED_EVERY_SECONDS: Final = 5
_MOST_CAMPAIGNS: Final = 10


@require_safe
@vary_on_headers("HX-Request")
@page_for(*REPORT_ROLES)
def live_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the last hour; asked by htmx, its moving part alone."""
    now = timezone.now()
    filters = read_message_filters(request, viewer)
    part = _part(filters, now)
    if request.headers.get("HX-Request"):
        return render(request, "reports/_live.html", part)
    return render(
        request,
        "reports/live.html",
        {
            **report_context(request, viewer, current="report-live"),
            **part,
            "filters": filters,
            "meanings": flow_meanings(sees_refusals=filters.scope.is_everything),
        },
    )


@require_safe
@page_for(*REPORT_ROLES)
def live_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the last hour by minute, for a spreadsheet."""
    now = timezone.now()
    scope = read_message_filters(request, viewer).scope
    start = _start(now)
    name = f"live-{now.astimezone(UTC).strftime('%Y-%m-%d-%H%M')}.csv"
    return csv_response(
        write_flow(
            _read(scope, now),
            start=start,
            part=MINUTE,
            parts=MINUTES,
            section="minute",
            campaign_names=scope.campaign_names,
        ),
        name=name,
    )


def _part(filters: MessageFilters, now: datetime) -> dict[str, Any]:
    scope, address = filters.scope, reverse("report-live")
    flow = _read(scope, now)
    waiting = list_waiting(clients=scope.clients, campaign_id=scope.campaign_id)
    campaigns = describe_campaigns(flow, scope.campaign_names)
    return {
        "now": now.astimezone(UTC),
        "address": with_query(address, **filters.kept),
        "csv_url": with_query(reverse("report-live-csv"), **filters.kept),
        "every": RENEWED_EVERY_SECONDS,
        "figures": show_flow_figures(flow, waiting, span=_("in the last 60 minutes")),
        "longest_wait": longest_wait_words(waiting, now),
        "chart": draw_bars(
            [
                (
                    (_start(now) + number * MINUTE).astimezone(UTC).strftime("%H:%M"),
                    flow.by_part[number].asked if number in flow.by_part else 0,
                )
                for number in range(MINUTES)
            ],
            tick_every=10,
        ),
        "doors": describe_doors(flow),
        "campaigns": campaigns[:_MOST_CAMPAIGNS],
        "more_campaigns": max(0, len(campaigns) - _MOST_CAMPAIGNS),
        "codes": describe_codes(flow.codes),
    }


def _read(scope: MessageScope, now: datetime) -> Flow:
    return read_flow(
        clients=scope.clients,
        campaign_id=scope.campaign_id,
        start=_start(now),
        end=now,
        part=MINUTE,
    )


def _start(now: datetime) -> datetime:
    """Return the beginning of the first of sixty minutes, the last of which is not over."""
    return now.replace(second=0, microsecond=0) - (MINUTES - 1) * MINUTE
