"""What is the same in each report about a client, a campaign and a period."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from credit.money import display_amount
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency import Figure
from redemption.dashboard.frame import with_query
from redemption.dashboard.message_filters import MessageFilters, read_message_filters
from redemption.dashboard.periods import Period
from redemption.dashboard.report_files import csv_response
from redemption.dashboard.report_filters import period_links, read_report_period, report_context
from redemption.selectors.reward_days import RewardSums


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for.

    :param own: the report's own fields of the address, which stay as well.
    """

    filters: MessageFilters
    period: Period
    own: dict[str, str]

    @property
    def query(self) -> dict[str, str]:
        return {**self.filters.kept, **self.period.query, **self.own}

    @property
    def status(self) -> int:
        return 400 if self.period.errors else 200


def read_asked(request: HttpRequest, viewer: Viewer, **own: str) -> Asked:
    """Return what the address asks for; what is not there for the viewer is a 404."""
    return Asked(
        filters=read_message_filters(request, viewer),
        period=read_report_period(request.GET, now=timezone.now()),
        own={name: value for name, value in own.items() if value},
    )


def asked_context(
    request: HttpRequest, viewer: Viewer, asked: Asked, *, current: str
) -> dict[str, Any]:
    """Return what each of these reports' templates needs; ``current`` names its address."""
    address = reverse(current)
    return {
        **report_context(request, viewer, current=current),
        "filters": asked.filters,
        "period": asked.period,
        "periods": period_links(address, asked.period, {**asked.filters.kept, **asked.own}),
        "csv_url": with_query(reverse(f"{current}-csv"), **asked.query),
        "all_url": with_query(address, **asked.own, **asked.period.query),
    }


def charged_figures(sums: Iterable[RewardSums]) -> list[Figure]:
    """Return what rewards were charged, a figure for each currency."""
    charged: dict[str, int] = {}
    for row in sums:
        charged[row.currency] = charged.get(row.currency, 0) + row.charged_minor
    return [
        Figure(
            label=_("Charged in %(currency)s") % {"currency": currency},
            value=display_amount(amount, currency),
            words=_("for these rewards"),
        )
        for currency, amount in sorted(charged.items())
    ]


def report_file(asked: Asked, name: str, content: bytes) -> HttpResponse:
    """Hand out a report for a spreadsheet."""
    if asked.period.errors:
        raise Http404
    days = f"{asked.period.start.isoformat()}-to-{asked.period.end.isoformat()}"
    return csv_response(content, name=f"{name}-{days}.csv")
