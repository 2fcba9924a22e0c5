"""The report about how people get their rewards: by text, by e-mail, or neither."""

from __future__ import annotations

import dataclasses
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency import Figure
from redemption.dashboard.report_asking import Asked, asked_context, read_asked, report_file
from redemption.dashboard.report_files import Cells, percent_cell, write_cells
from redemption.dashboard.report_filters import REPORT_ROLES
from redemption.dashboard.report_words import share_words, wait_words
from redemption.dashboard.side_charts import draw_sides
from redemption.selectors.delivery_methods import DeliveryMethod, MethodSums, sum_methods

_COLUMNS: Final = (
    "method", "chosen", "chosen_percent", "handed_over", "median_seconds", "p95_seconds",
    "messages", "accepted", "confirmed_delivered", "arrival_median_seconds",
    "arrival_p95_seconds", "from", "to",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MethodRow:
    """A way as it stands on the page; what can't be told of it is a dash."""

    name: str
    chosen: str
    share: str
    percent: int
    delivered: str
    delivered_share: str
    wait: str
    p95: str
    messages: str
    accepted: str
    accepted_share: str
    confirmed: str
    confirmed_share: str
    arrival: str
    arrival_p95: str


@require_safe
@page_for(*REPORT_ROLES)
def delivery_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show which way people chose, and how well each works."""
    asked = read_asked(request, viewer)
    sums = _read(asked)
    total = sum(row.chosen for row in sums)
    words = method_words()
    return render(
        request,
        "reports/delivery.html",
        {
            **asked_context(request, viewer, asked, current="report-delivery"),
            "figures": _figures(sums, total),
            "chart": draw_sides([(words[row.method], (row.chosen, row.delivered)) for row in sums])
            if total
            else None,
            "rows": [_row(row, total) for row in sums] if total else [],
        },
        status=asked.status,
    )


@require_safe
@page_for(*REPORT_ROLES)
def delivery_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the report about the ways, for a spreadsheet."""
    asked = read_asked(request, viewer)
    sums = _read(asked)
    total = sum(row.chosen for row in sums)

    def cells(row: MethodSums) -> Cells:
        messages = row.messages
        return {
            "method": row.method,
            "chosen": row.chosen,
            "chosen_percent": percent_cell(row.chosen / total if total else None),
            "handed_over": row.delivered,
            "median_seconds": "" if row.median_wait is None else row.median_wait,
            "p95_seconds": "" if row.p95_wait is None else row.p95_wait,
            "messages": messages.messages if messages else 0,
            "accepted": messages.accepted if messages else 0,
            "confirmed_delivered": messages.delivered if messages else 0,
            "arrival_median_seconds": ""
            if messages is None or messages.median_wait is None
            else messages.median_wait,
            "arrival_p95_seconds": ""
            if messages is None or messages.p95_wait is None
            else messages.p95_wait,
            "from": asked.period.start.isoformat(),
            "to": asked.period.end.isoformat(),
        }

    return report_file(
        asked, "delivery-methods", write_cells(_COLUMNS, [cells(row) for row in sums])
    )


def method_words() -> dict[DeliveryMethod, str]:
    """Return the ways as people call them."""
    return {"sms": _("Text message"), "email": _("E-mail"), "none": _("On the spot")}


def _read(asked: Asked) -> list[MethodSums]:
    scope = asked.filters.scope
    return sum_methods(
        clients=scope.clients,
        campaign_id=scope.campaign_id,
        first=asked.period.start,
        last=asked.period.end,
    )


def _figures(sums: list[MethodSums], total: int) -> list[Figure]:
    words = method_words()
    return [
        Figure(
            label=words[row.method],
            value=share_words(row.chosen / total if total else None),
            words=_("%(count)s rewards") % {"count": f"{row.chosen:,}"},
        )
        for row in sums
    ]


def _row(row: MethodSums, total: int) -> MethodRow:
    messages = row.messages
    # Nobody confirms that an e-mail has arrived.
    confirms = messages is not None and row.method == "sms"
    return MethodRow(
        name=method_words()[row.method],
        chosen=f"{row.chosen:,}",
        share=share_words(row.chosen / total if total else None),
        percent=round(row.chosen * 100 / total) if total else 0,
        delivered=f"{row.delivered:,}",
        delivered_share=share_words(row.delivered / row.chosen if row.chosen else None),
        wait=wait_words(row.median_wait),
        p95=wait_words(row.p95_wait) if row.p95_wait is not None else "",
        messages=f"{messages.messages:,}" if messages else "–",
        accepted=f"{messages.accepted:,}" if messages else "–",
        accepted_share=share_words(messages.accepted / messages.messages)
        if messages and messages.messages
        else "",
        confirmed=f"{messages.delivered:,}" if messages and confirms else "–",
        confirmed_share=share_words(messages.delivered / messages.messages)
        if messages and confirms and messages.messages
        else "",
        arrival=wait_words(messages.median_wait) if messages and confirms else "–",
        arrival_p95=wait_words(messages.p95_wait)
        if messages and confirms and messages.p95_wait is not None
        else "",
    )
