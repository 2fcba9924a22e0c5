"""The report that puts campaigns side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from alerts.csvfiles import safe_cell
from credit.dashboard.access import page_for
from credit.money import display_amount
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency import Figure
from redemption.dashboard.frame import with_query
from redemption.dashboard.report_asking import Asked, asked_context, read_asked, report_file
from redemption.dashboard.report_files import Cells, amounts_cell, percent_cell, write_cells
from redemption.dashboard.report_filters import REPORT_ROLES
from redemption.dashboard.report_words import average_minor, share_words
from redemption.dashboard.side_charts import SideChart, draw_sides
from redemption.models import Redemption
from redemption.selectors.campaign_comparison import CampaignSums, compare_campaigns

PER_PAGE: Final = 25
_IN_CHART: Final = 8
_DOORS: Final = tuple(Redemption.Door.values)
_COLUMNS: Final = (
    "campaign", "campaign_id", "codes", "came", "redeemed", "redeemed_percent",
    *(f"by_{door}" for door in _DOORS), "charged", "median_hours", "from", "to",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DoorShare:
    """The share of one door, with where it stands in a bar of 100."""

    door: str
    label: str
    start: float
    width: float
    words: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    """A campaign as it stands on the page."""

    name: str
    codes: str
    came: str
    redeemed: str
    rate: str
    percent: int
    doors: tuple[DoorShare, ...]
    charged: tuple[str, ...]
    each: tuple[str, ...]
    wait: str


@require_safe
@page_for(*REPORT_ROLES)
def campaign_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the campaigns beside each other."""
    asked = read_asked(request, viewer)
    sums = _read(asked)
    busy = [row for row in sums if row.came]
    names = asked.filters.scope.campaign_names
    page = Paginator(sums, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "reports/campaigns.html",
        {
            **asked_context(request, viewer, asked, current="report-campaigns"),
            "figures": _figures(sums),
            "chart": _chart(busy[:_IN_CHART], names),
            "cut_at": _IN_CHART if len(busy) > _IN_CHART else None,
            "doors": list(_door_labels().items()),
            "rows": [_row(row, names.get(row.campaign_id, "–")) for row in page],
            "page": page,
            "query": with_query("", **asked.query).removeprefix("?") + "&",
        },
        status=asked.status,
    )


@require_safe
@page_for(*REPORT_ROLES)
def campaign_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the campaigns beside each other, for a spreadsheet."""
    asked = read_asked(request, viewer)
    names = asked.filters.scope.campaign_names

    def cells(row: CampaignSums) -> Cells:
        return {
            "campaign": safe_cell(names.get(row.campaign_id, "")),
            "campaign_id": row.campaign_id,
            "codes": row.codes,
            "came": row.came,
            "redeemed": row.redeemed,
            "redeemed_percent": percent_cell(row.rate),
            **{f"by_{door}": row.by_door.get(door, 0) for door in _DOORS},
            "charged": amounts_cell(row.charged),
            "median_hours": "" if row.median_hours is None else row.median_hours,
            "from": asked.period.start.isoformat(),
            "to": asked.period.end.isoformat(),
        }

    return report_file(
        asked, "campaigns", write_cells(_COLUMNS, [cells(row) for row in _read(asked)])
    )


def _door_labels() -> dict[str, str]:
    """Return the doors as people call them, in the order in which they are shown."""
    return {
        Redemption.Door.WEB: _("Form"),
        Redemption.Door.DESK: _("Call centre"),
        Redemption.Door.CRM: _("CRM"),
        Redemption.Door.API: _("API"),
    }


def _read(asked: Asked) -> list[CampaignSums]:
    scope = asked.filters.scope
    return compare_campaigns(
        clients=scope.clients,
        campaign_id=scope.campaign_id,
        first=asked.period.start,
        last=asked.period.end,
    )


def _figures(sums: list[CampaignSums]) -> list[Figure]:
    codes, came = sum(row.codes for row in sums), sum(row.came for row in sums)
    redeemed = sum(row.redeemed for row in sums)
    return [
        Figure(label=_("Codes"), value=f"{codes:,}", words=_("made until the last day")),
        Figure(label=_("Asked for"), value=f"{came:,}", words=_("in these days")),
        Figure(
            label=_("Redeemed"),
            value=f"{redeemed:,}",
            words=_("%(share)s of what was asked for")
            % {"share": share_words(redeemed / came if came else None)},
        ),
        Figure(
            label=_("Rate"),
            value=share_words(redeemed / codes if codes else None),
            words=_("redeemed of all codes"),
        ),
    ]


def _chart(busy: list[CampaignSums], names: Mapping[UUID, str]) -> SideChart | None:
    if not busy:
        return None
    return draw_sides(
        [(names.get(row.campaign_id, "–"), (row.codes, row.came, row.redeemed)) for row in busy]
    )


def _row(row: CampaignSums, name: str) -> CampaignRow:
    shares, start = [], 0.0
    for door, label in _door_labels().items():
        count = row.by_door.get(door, 0)
        if count:
            width = count * 100 / row.redeemed
            shares.append(
                DoorShare(
                    door=door,
                    label=label,
                    start=round(start, 2),
                    width=round(width, 2),
                    words=f"{label}: {count:,}",
                )
            )
            start += width
    currencies = sorted(row.charged)
    each = average_minor(row.charged[currencies[0]], row.redeemed) if len(currencies) == 1 else None
    return CampaignRow(
        name=name,
        codes=f"{row.codes:,}",
        came=f"{row.came:,}",
        redeemed=f"{row.redeemed:,}",
        rate=share_words(row.rate),
        percent=min(100, int((row.rate or 0) * 100)),
        doors=tuple(shares),
        charged=tuple(display_amount(row.charged[currency], currency) for currency in currencies),
        each=() if each is None else (display_amount(each, currencies[0]),),
        wait=_wait_words(row.median_hours),
    )


def _wait_words(hours: int | None) -> str:
    if hours is None:
        return "–"
    if hours <= 48:
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    days = hours // 24
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
