"""How each brand does: how many rewards, how that changed, how fast, at what price."""

from __future__ import annotations

import dataclasses
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from alerts.csvfiles import safe_cell
from credit.dashboard.access import page_for
from credit.money import display_amount, format_amount
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency import Figure
from redemption.dashboard.amounts import Amount, show_amount
from redemption.dashboard.charts import BarChart, draw_bars
from redemption.dashboard.frame import with_query
from redemption.dashboard.message_filters import read_message_filters
from redemption.dashboard.meters import Spark, draw_spark
from redemption.dashboard.periods import Period
from redemption.dashboard.report_files import Cells, percent_cell, write_cells
from redemption.dashboard.report_filters import (
    REPORT_ROLES,
    period_links,
    read_report_period,
    report_context,
    sees_agency_margin,
)
from redemption.dashboard.report_words import average_minor, share_words, wait_words
from redemption.selectors.brand_report import BrandReport, BrandRow, read_brand_report

_MOST_BARS: Final = 8
# Somebody should look at a brand that lost so much.
_MARKED_PERCENT: Final = -20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrandLine:
    """A brand as it stands on the page; what is not the viewer's to know is None."""

    name: str
    currency: str
    issued: str
    share: str
    change: str
    change_tone: str
    before: str
    handed_over: str
    average: str
    p95: str
    charged: str
    each: Amount | None
    margin: Amount | None
    spark: Spark | None


@require_safe
@page_for(*REPORT_ROLES)
def brand_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show how each brand did in a period."""
    filters = read_message_filters(request, viewer)
    period = read_report_period(request.GET, now=timezone.now())
    report = read_brand_report(scope=filters.scope, first=period.start, last=period.end)
    address = reverse("report-brands")
    asked = {**filters.kept, **period.query}
    return render(
        request,
        "reports/brands.html",
        {
            **report_context(request, viewer, current="report-brands"),
            "filters": filters,
            "is_narrowed": filters.is_narrowed,
            "period": period,
            "periods": period_links(address, period, filters.kept),
            "figures": _figures(report),
            "chart": _chart(report),
            "rows": [_line(row, report, viewer) for row in report.rows],
            "parts_are_months": report.parts_are_months,
            "shows_margin": viewer.sees_platform or sees_agency_margin(viewer),
            "sees_platform": viewer.sees_platform,
            "csv_url": with_query(reverse("report-brands-csv"), **asked),
            "all_url": with_query(address, **period.query),
        },
        status=400 if period.errors else 200,
    )


@require_safe
@page_for(*REPORT_ROLES)
def brand_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the same for a spreadsheet."""
    scope = read_message_filters(request, viewer).scope
    period = read_report_period(request.GET, now=timezone.now())
    if period.errors:
        raise Http404
    report = read_brand_report(scope=scope, first=period.start, last=period.end)
    shows_margin = viewer.sees_platform or sees_agency_margin(viewer)
    lines = [_cells(row, report, period, viewer, shows_margin=shows_margin) for row in report.rows]
    columns = [
        *("brand", "brand_id", "currency", "from", "to", "rewards", "share_percent"),
        *("rewards_before", "handed_over", "average_seconds", "p95_seconds", "charged"),
        *(("margin",) if shows_margin else ()),
    ]
    name = f"brands-{period.start.isoformat()}-to-{period.end.isoformat()}.csv"
    return HttpResponse(
        write_cells(columns, lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _figures(report: BrandReport) -> list[Figure]:
    words, _tone = _change(report.issued, report.before)
    charged: dict[str, int] = {}
    for row in report.rows:
        if row.sums:
            charged[row.currency] = charged.get(row.currency, 0) + row.sums.charged_minor
    given = {row.brand_id for row in report.rows if row.issued}
    return [
        Figure(
            label=_("Rewards"),
            value=f"{report.issued:,}",
            words=_("%(change)s against %(count)s before")
            % {"change": words, "count": f"{report.before:,}"}
            if report.before
            else _("none in the days before"),
        ),
        Figure(label=_("Brands given"), value=f"{len(given):,}", words=_("in this period")),
        *(
            Figure(
                label=_("Charged in %(currency)s") % {"currency": currency},
                value=display_amount(amount, currency),
                words=_("for these rewards"),
            )
            for currency, amount in sorted(charged.items())
        ),
    ]


def _chart(report: BrandReport) -> BarChart | None:
    """Draw the busiest brands, whatever the currency, and the rest together."""
    counts: dict[str, int] = {}
    for row in report.rows:
        counts[row.name] = counts.get(row.name, 0) + row.issued
    bars = sorted(counts.items(), key=lambda pair: -pair[1])
    if not report.issued:
        return None
    if len(bars) > _MOST_BARS:
        rest = sum(count for _name, count in bars[_MOST_BARS - 1 :])
        bars = [*bars[: _MOST_BARS - 1], (_("Others"), rest)]
    return draw_bars([(_short(name), count) for name, count in bars], tick_every=1)


def _short(name: str) -> str:
    """Cut a name to what fits beneath a bar."""
    return name if len(name) <= len("Twelve chars.") else name[: len("Twelve chars")] + "…"


def _line(row: BrandRow, report: BrandReport, viewer: Viewer) -> BrandLine:
    sums = row.sums
    change, tone = _change(row.issued, row.before)
    each = average_minor(sums.charged_minor, sums.issued) if sums else None
    margin = _margin_minor(row, viewer)
    return BrandLine(
        name=row.name,
        currency=row.currency,
        issued=f"{row.issued:,}",
        share=share_words(row.issued / report.issued if report.issued else None),
        change=change,
        change_tone=tone,
        before=f"{row.before:,}",
        handed_over=share_words(sums.delivered / sums.issued if sums and sums.issued else None),
        average=wait_words(sums.average_wait if sums else None),
        p95=wait_words(sums.p95_wait) if sums and sums.p95_wait is not None else "",
        charged=display_amount(sums.charged_minor, row.currency) if sums else "–",
        each=None if each is None else show_amount(each, row.currency),
        margin=None if margin is None else show_amount(margin, row.currency),
        spark=draw_spark(row.parts),
    )


def _margin_minor(row: BrandRow, viewer: Viewer) -> int | None:
    """Return what the viewer's side earned: of the platform what cards with a known cost did."""
    sums = row.sums
    if sums is None:
        return None
    if viewer.sees_platform:
        return sums.platform_margin_minor if sums.cost_known else None
    return sums.agency_margin_minor if sees_agency_margin(viewer) else None


def _change(now: int, before: int) -> tuple[str, str]:
    """Say how a count changed, and whether to mark it: a loss of a fifth is worth a look."""
    if not before:
        return (_("new") if now else "–"), ""
    percent = (now - before) / before * 100
    sign = "+" if percent > 0 else "−" if percent < 0 else "±"
    return f"{sign}{abs(percent):.0f} %", "warn" if percent <= _MARKED_PERCENT else ""


def _cells(
    row: BrandRow, report: BrandReport, period: Period, viewer: Viewer, *, shows_margin: bool
) -> Cells:
    sums = row.sums
    cells: Cells = {
        "brand": safe_cell(row.name),
        "brand_id": row.brand_id,
        "currency": row.currency,
        "from": period.start.isoformat(),
        "to": period.end.isoformat(),
        "rewards": row.issued,
        "share_percent": percent_cell(row.issued / report.issued if report.issued else None),
        "rewards_before": row.before,
        "handed_over": sums.delivered if sums else 0,
        "average_seconds": f"{sums.average_wait:.3f}"
        if sums and sums.average_wait is not None
        else "",
        "p95_seconds": "" if sums is None or sums.p95_wait is None else sums.p95_wait,
        "charged": format_amount(sums.charged_minor if sums else 0, row.currency),
    }
    if shows_margin:
        margin = _margin_minor(row, viewer)
        cells["margin"] = "" if margin is None else format_amount(margin, row.currency)
    return cells
