"""How each brand does: how many rewards, how that changed, how fast, at what price."""

from __future__ import annotations

import dataclasses
from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
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
from redemption.dashboard.meters import Spark, draw_spark
from redemption.dashboard.periods import Period
from redemption.dashboard.report_asking import (
    Asked,
    asked_context,
    charged_figures,
    read_asked,
    report_file,
)
from redemption.dashboard.report_files import Cells, percent_cell, write_cells
from redemption.dashboard.report_filters import REPORT_ROLES, sees_agency_margin
from redemption.dashboard.report_words import average_minor, share_words, wait_words
from redemption.selectors.brand_report import BrandReport, BrandRow, read_brand_report

PER_PAGE: Final = 50
_MOST_BARS: Final = 8
_LONGEST_NAME: Final = 14
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
    asked = read_asked(request, viewer)
    report = _read(asked)
    page = Paginator(report.rows, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "reports/brands.html",
        {
            **asked_context(request, viewer, asked, current="report-brands"),
            "figures": _figures(report),
            "chart": _chart(report),
            "rows": [_line(row, report, viewer) for row in page],
            "page": page,
            "query": with_query("", **asked.query).removeprefix("?") + "&",
            "parts_are_months": report.parts_are_months,
            "shows_margin": viewer.sees_platform or sees_agency_margin(viewer),
            "sees_platform": viewer.sees_platform,
        },
        status=asked.status,
    )


@require_safe
@page_for(*REPORT_ROLES)
def brand_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the same for a spreadsheet."""
    asked = read_asked(request, viewer)
    report = _read(asked)
    shows_margin = viewer.sees_platform or sees_agency_margin(viewer)
    lines = [
        _cells(row, report, asked.period, viewer, shows_margin=shows_margin) for row in report.rows
    ]
    columns = [
        *("brand", "brand_id", "currency", "from", "to", "rewards", "share_percent"),
        *("rewards_before", "handed_over", "average_seconds", "p95_seconds", "charged"),
        *(("margin",) if shows_margin else ()),
    ]
    return report_file(asked, "brands", write_cells(columns, lines))


def _read(asked: Asked) -> BrandReport:
    return read_brand_report(
        scope=asked.filters.scope, first=asked.period.start, last=asked.period.end
    )


def _figures(report: BrandReport) -> list[Figure]:
    words, _tone = _change(report.issued, report.before)
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
        *charged_figures(row.sums for row in report.rows if row.sums),
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
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


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
