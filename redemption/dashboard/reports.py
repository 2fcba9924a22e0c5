"""The reports: where they are, and the one about cards, on screen and as a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.money import display_amount
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency import Figure
from redemption.dashboard.amounts import Amount, show_amount
from redemption.dashboard.charts import BarChart, draw_bars
from redemption.dashboard.frame import Link, with_query
from redemption.dashboard.periods import Period
from redemption.dashboard.report_asking import charged_figures
from redemption.dashboard.report_files import csv_response, write_card_report
from redemption.dashboard.report_filters import (
    REPORT_ROLES,
    leads_agents,
    period_links,
    read_filters,
    read_group,
    read_report_period,
    report_context,
    sees_agency_margin,
)
from redemption.dashboard.report_words import (
    Words,
    average_minor,
    month_words,
    pool_kind_words,
    run_out_words,
    share_words,
    short_day_words,
    wait_words,
)
from redemption.selectors.card_report import CardReport, CardRow, ReportScope, read_card_report
from redemption.selectors.reward_days import Group
from redemption.selectors.stock_forecasts import Histories, read_histories

PER_PAGE: Final = 25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """A row as it stands on the page; what is not the viewer's to know is None."""

    name: str
    about: str
    is_archived: bool
    issued: int
    success: str
    average: str
    p95: str
    used_percent: int
    used: str
    used_of: str
    available: str
    run_out: Words
    charged: Amount | None
    cost: Amount | None
    cost_words: str
    margin: Amount | None
    margin_words: str


@require_safe
@page_for(*REPORT_ROLES)
def reports(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Say which reports there are."""
    pages = [
        Link(
            label=_("Live"),
            url=reverse("report-live"),
            text=_("The last sixty minutes: who redeems, how fast, what stands in the way"),
        ),
        Link(
            label=_("Daily report"),
            url=reverse("report-daily"),
            text=_("One day on one page, and each morning by mail if you like"),
        ),
        Link(
            label=_("Cards"),
            url=reverse("report-cards"),
            text=_("Rewards by pool, brand or client: used, handed over, how fast, at what cost"),
        ),
        Link(
            label=_("Brands"),
            url=reverse("report-brands"),
            text=_("Which gift cards people get, and how that changes"),
        ),
        Link(
            label=_("Inventory"),
            url=reverse("report-inventory"),
            text=_("What is in stock now, what is getting low, and how long it will last"),
        ),
        Link(
            label=_("Pool trends"),
            url=reverse("report-pools"),
            text=_("How fast each pool is used up, and its stock in the weeks to come"),
        ),
        Link(
            label=_("Expiring cards"),
            url=reverse("report-expiring"),
            text=_("Cards in stock that expire within 30, 60 and 90 days"),
        ),
        Link(
            label=_("Campaigns"),
            url=reverse("report-campaigns"),
            text=_("Side by side: codes, who came, who was rewarded, at what cost"),
        ),
        Link(
            label=_("Geography"),
            url=reverse("report-geography"),
            text=_("Where the people live who were rewarded"),
        ),
        Link(
            label=_("Delivery"),
            url=reverse("report-delivery"),
            text=_("By text, by e-mail or on the spot: what people chose, and how well it works"),
        ),
        Link(
            label=_("Messages"),
            url=reverse("report-messages"),
            text=_("Texts and e-mails: sent, arrived, how fast, and what kept the rest"),
        ),
        Link(
            label=_("Goals"),
            url=reverse("report-goals"),
            text=_("Each target beside what was reached"),
        ),
    ]
    if leads_agents(viewer):
        pages.append(
            Link(
                label=_("Agents"),
                url=reverse("report-agents"),
                text=_("Calls at the desk, how they ended, how long they took"),
            )
        )
    return render(request, "reports/index.html", {"pages": pages})


@require_safe
@page_for(*REPORT_ROLES)
def card_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the report about cards."""
    now = timezone.now()
    filters, group = read_filters(request, viewer), read_group(request.GET)
    period = read_report_period(request.GET, now=now)
    report = _read(filters.scope, group, period)
    page = Paginator(report.rows, PER_PAGE).get_page(request.GET.get("page"))
    histories = _histories(filters.scope, page, now)
    address = reverse("report-cards")
    asked = {**filters.kept, **period.query}
    return render(
        request,
        "reports/cards.html",
        {
            **report_context(request, viewer, current="report-cards"),
            "filters": filters,
            "period": period,
            "periods": period_links(address, period, {**filters.kept, "by": group}),
            "group": group,
            "groups": _group_links(address, group, asked, len(filters.scope.client_names)),
            "figures": _figures(report),
            "chart": _chart(report),
            "rows": [_row(row, group, viewer, histories) for row in page],
            "shows_cost": viewer.sees_platform,
            "shows_agency_margin": not viewer.sees_platform and sees_agency_margin(viewer),
            "page": page,
            "query": with_query("", **asked, by=group).removeprefix("?") + "&",
            "csv_url": with_query(reverse("report-cards-csv"), **asked, by=group),
            "all_url": with_query(address, by=group, **period.query),
        },
        status=400 if period.errors else 200,
    )


@require_safe
@page_for(*REPORT_ROLES)
def card_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the report about cards, all of it, for a spreadsheet."""
    now = timezone.now()
    filters, group = read_filters(request, viewer), read_group(request.GET)
    period = read_report_period(request.GET, now=now)
    if period.errors:
        raise Http404
    report = _read(filters.scope, group, period)
    histories = _histories(filters.scope, report.rows, now)
    name = f"cards-by-{group}-{period.start.isoformat()}-to-{period.end.isoformat()}.csv"
    return csv_response(
        write_card_report(
            report,
            period=period,
            histories=histories,
            shows_cost=viewer.sees_platform,
            shows_agency_margin=sees_agency_margin(viewer),
        ),
        name=name,
    )


def _read(scope: ReportScope, group: Group, period: Period) -> CardReport:
    return read_card_report(
        scope=scope,
        group=group,
        first=period.start,
        last=period.end,
        now=timezone.now(),
        stuck_after=timedelta(seconds=settings.STUCK_AFTER),
    )


def _histories(scope: ReportScope, rows: Iterable[CardRow], now: datetime) -> Histories:
    pool_ids = [pool_id for row in rows for pool_id in row.live_pool_ids]
    return read_histories(clients=scope.everybody, pool_ids=pool_ids, now=now)


def _group_links(
    address: str, group: Group, asked: dict[str, str], client_count: int
) -> list[Link]:
    labels: dict[Group, str] = {"pool": _("By pool"), "brand": _("By brand")}
    if client_count > 1:
        labels["client"] = _("By client")
    return [
        Link(label=label, url=with_query(address, by=name, **asked), is_current=name == group)
        for name, label in labels.items()
    ]


def _figures(report: CardReport) -> list[Figure]:
    sums = [row.sums for row in report.rows if row.sums]
    issued, delivered = sum(row.issued for row in sums), sum(row.delivered for row in sums)
    figures = [
        Figure(label=_("Rewards"), value=f"{issued:,}", words=_("issued, and standing")),
        Figure(
            label=_("Handed over"),
            value=share_words(delivered / issued if issued else None),
            words=_("%(count)s not yet") % {"count": f"{issued - delivered:,}"},
        ),
        *charged_figures(sums),
    ]
    if report.taken_back is not None:
        figures.append(
            Figure(
                label=_("Taken back"),
                value=f"{report.taken_back:,}",
                words=_("issued in these days, failed or cancelled since"),
            )
        )
    return figures


def _chart(report: CardReport) -> BarChart | None:
    if not any(issued for _day, issued in report.bars):
        return None
    words = month_words if report.bars_are_months else short_day_words
    return draw_bars(
        [(words(day), issued) for day, issued in report.bars],
        tick_every=max(1, len(report.bars) // 6),
    )


def _row(row: CardRow, group: Group, viewer: Viewer, histories: Histories) -> ReportRow:
    sums, share = row.sums, row.utilisation
    live = row.live_pool_ids
    run_out = (
        run_out_words(histories.run_out(live, row.available), row.available) if live else Words("–")
    )
    issued = sums.issued if sums else 0
    margin, margin_words = _margin(row, viewer)
    charged = average_minor(sums.charged_minor, issued) if sums else None
    cost = average_minor(sums.cost_minor, sums.cost_known) if sums else None
    return ReportRow(
        name=row_name(row, group),
        about=row_about(row, group),
        is_archived=row.is_archived,
        issued=issued,
        success=share_words(sums.delivered / issued if sums and issued else None),
        average=wait_words(sums.average_wait if sums else None),
        p95=wait_words(sums.p95_wait) if sums and sums.p95_wait is not None else "",
        used_percent=int((share or 0) * 100),
        used=share_words(share),
        used_of=_("%(used)s of %(total)s")
        % {"used": f"{row.handed_out:,}", "total": f"{row.total:,}"}
        if row.total
        else "",
        available=f"{row.available:,}" if row.pools else "–",
        run_out=run_out,
        charged=None if charged is None else show_amount(charged, row.currency),
        cost=None if cost is None else show_amount(cost, row.currency),
        cost_words=_unknown_words(issued - sums.cost_known) if sums else "",
        margin=margin,
        margin_words=margin_words,
    )


def row_name(row: CardRow, group: Group) -> str:
    """Return what a row is called, also where it has no name of its own."""
    if row.key is None:
        return _("The platform's stock")
    return row.name


def row_about(row: CardRow, group: Group) -> str:
    """Say what kind of cards a row is about."""
    if group == "pool" and row.pools:
        (pool,) = row.pools
        value = display_amount(pool.denomination.value_minor, row.currency)
        return f"{pool.brand.name} {value} · {pool_kind_words(pool)}"
    if group == "pool":
        return row.currency
    count = len(row.pools)
    pools = ngettext("%(count)d pool", "%(count)d pools", count) % {"count": count}
    return f"{row.currency} · {pools}"


def _margin(row: CardRow, viewer: Viewer) -> tuple[Amount | None, str]:
    """Return what was earned, and its share of the face value where all of that is known."""
    sums = row.sums
    known = 0 if sums is None else sums.cost_known if viewer.sees_platform else sums.issued
    if sums is None or not known:
        return None, ""
    amount = sums.platform_margin_minor if viewer.sees_platform else sums.agency_margin_minor
    words = ""
    if known == sums.issued and sums.face_value_minor:
        share = f"{amount / sums.face_value_minor * 100:.1f} %"
        words = _("%(percent)s of face value") % {"percent": share}
    return show_amount(amount, row.currency), words


def _unknown_words(unknown: int) -> str:
    return _("%(count)s without a known cost") % {"count": f"{unknown:,}"} if unknown else ""
