"""How pools are used up: their pace, how long they last, and the picture of one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.money import display_amount
from credit.selectors.viewers import Viewer
from giftcards.models import Pool
from giftcards.selectors.pools import PoolCounts, count_cards, find_pool
from redemption.dashboard.agency import Figure
from redemption.dashboard.charts import BarChart, draw_bars
from redemption.dashboard.frame import Link, with_query
from redemption.dashboard.meters import Spark, draw_spark
from redemption.dashboard.report_files import csv_response
from redemption.dashboard.report_filters import REPORT_ROLES, read_filters, report_context
from redemption.dashboard.report_words import Words, pool_kind_words, run_out_words, short_day_words
from redemption.dashboard.stock_charts import StockChart, draw_stock
from redemption.dashboard.trend_files import write_pool_days, write_pool_trends
from redemption.selectors.forecasting import HISTORY_DAYS, Forecast
from redemption.selectors.reward_days import Clients
from redemption.selectors.stock_forecasts import Histories, read_histories

PER_PAGE: Final = 25
_WEEKS: Final = 28
_AHEAD_DAYS: Final = 28


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrendRow:
    """A pool with its pace; ``spark`` is its last twelve weeks."""

    name: str
    url: str
    about: str
    whose: str
    available: str
    given: str
    change: Words
    spark: Spark | None
    run_out: Words


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What was given out of a pool in the last four weeks, and in the four before."""

    now: int
    before: int

    @property
    def change(self) -> float | None:
        """By which share it changed; None where nothing was given out before."""
        return self.now / self.before - 1 if self.before else None


@require_safe
@page_for(*REPORT_ROLES)
def pool_trends(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show how the pools in use are used up, the busiest first."""
    now = timezone.now()
    filters = read_filters(request, viewer)
    pools = filters.scope.pools(with_archived=False)
    histories = read_histories(
        clients=filters.scope.everybody, pool_ids=[pool.pk for pool in pools], now=now
    )
    paces = {pool.pk: pace_of(histories.of([pool.pk])) for pool in pools}
    pools.sort(key=lambda pool: -paces[pool.pk].now)
    page = Paginator(pools, PER_PAGE).get_page(request.GET.get("page"))
    counts = _count(page, now)
    return render(
        request,
        "reports/pools.html",
        {
            **report_context(request, viewer, current="report-pools"),
            "filters": filters,
            "rows": [
                _row(pool, counts[pool.pk], paces[pool.pk], histories, filters.kept)
                for pool in page
            ],
            "page": page,
            "query": with_query("", **filters.kept).removeprefix("?") + "&",
            "csv_url": with_query(reverse("report-pools-csv"), **filters.kept),
            "all_url": reverse("report-pools"),
        },
    )


@require_safe
@page_for(*REPORT_ROLES)
def pool_trends_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the pace of all pools in use, for a spreadsheet."""
    now = timezone.now()
    scope = read_filters(request, viewer).scope
    pools = scope.pools(with_archived=False)
    histories = read_histories(
        clients=scope.everybody, pool_ids=[pool.pk for pool in pools], now=now
    )
    paces = {pool.pk: pace_of(histories.of([pool.pk])) for pool in pools}
    return csv_response(
        write_pool_trends(pools, counts=_count(pools, now), paces=paces, histories=histories),
        name=f"pools-{histories.today.isoformat()}.csv",
    )


@require_safe
@page_for(*REPORT_ROLES)
def pool_trend(request: HttpRequest, viewer: Viewer, pool_id: UUID) -> HttpResponse:
    """Show one pool: what was given out of it each day, and how its stock will be used up."""
    now = timezone.now()
    pool, everybody = _find(request, viewer, pool_id)
    histories = read_histories(clients=everybody, pool_ids=[pool.pk], now=now)
    counts = _count([pool], now)[pool.pk]
    history, forecast = histories.of([pool.pk]), histories.forecast([pool.pk])
    context = report_context(request, viewer, current="report-pools")
    return render(
        request,
        "reports/pool.html",
        {
            **context,
            "crumbs": [*context["crumbs"], Link(label=_("Pools"), url=reverse("report-pools"))],
            "pool_name": pool.name,
            "about": _about(pool),
            "whose": pool_kind_words(pool),
            "is_archived": pool.archived_at is not None,
            "figures": _figures(pool, counts, history, histories),
            "days_chart": _draw_days(history, forecast, histories.today),
            "stock_chart": _draw_stock(pool, forecast, counts, histories.today),
            "has_stock": bool(counts.available),
            "is_on_demand": _is_on_demand(pool),
            "csv_url": reverse("report-pool-csv", args=[pool.pk]),
            "pool_url": reverse("admin:giftcards_pool_change", args=[pool.pk])
            if context["may_open_admin"]
            else "",
        },
    )


@require_safe
@page_for(*REPORT_ROLES)
def pool_trend_csv(request: HttpRequest, viewer: Viewer, pool_id: UUID) -> HttpResponse:
    """Hand out the days of one pool, those behind and those ahead, for a spreadsheet."""
    now = timezone.now()
    pool, everybody = _find(request, viewer, pool_id)
    histories = read_histories(clients=everybody, pool_ids=[pool.pk], now=now)
    return csv_response(
        write_pool_days(
            histories.of([pool.pk]),
            forecast=histories.forecast([pool.pk]),
            available=_count([pool], now)[pool.pk].available,
            today=histories.today,
        ),
        name=f"pool-{pool.pk}-{histories.today.isoformat()}.csv",
    )


def pace_of(history: list[int]) -> Pace:
    """Return the pace of the last weeks."""
    return Pace(now=sum(history[-_WEEKS:]), before=sum(history[-2 * _WEEKS : -_WEEKS]))


def _find(request: HttpRequest, viewer: Viewer, pool_id: UUID) -> tuple[Pool, Clients]:
    try:
        pool = find_pool(viewer=viewer, pool_id=pool_id)
    except Pool.DoesNotExist as missing:
        raise Http404 from missing
    return pool, read_filters(request, viewer).scope.everybody


def _count(pools: Iterable[Pool], now: datetime) -> Mapping[UUID, PoolCounts]:
    return count_cards(
        pool_ids=[pool.pk for pool in pools],
        now=now,
        stuck_after=timedelta(seconds=settings.STUCK_AFTER),
    )


def _row(
    pool: Pool, counts: PoolCounts, pace: Pace, histories: Histories, kept: dict[str, str]
) -> TrendRow:
    return TrendRow(
        name=pool.name,
        url=reverse("report-pool", args=[pool.pk]),
        about=_about(pool),
        whose=pool_kind_words(pool),
        available=f"{counts.available:,}",
        given=f"{pace.now:,}",
        change=_change_words(pace),
        spark=draw_spark(_weeks_of(histories.of([pool.pk]))),
        run_out=_run_out(pool, counts, histories),
    )


def _run_out(pool: Pool, counts: PoolCounts, histories: Histories) -> Words:
    if not counts.available and _is_on_demand(pool):
        return Words("–")
    return run_out_words(histories.run_out([pool.pk], counts.available), counts.available)


def _is_on_demand(pool: Pool) -> bool:
    """Tell whether each card is bought when it is asked for, so that nothing runs out."""
    is_bought = pool.purchase_method == Pool.PurchaseMethod.API_ONLY
    return is_bought and pool.kind != Pool.Kind.BUFFER


def _about(pool: Pool) -> str:
    value = display_amount(pool.denomination.value_minor, pool.denomination.currency)
    return f"{pool.brand.name} {value}"


def _change_words(pace: Pace) -> Words:
    before = _("%(count)s in the 28 days before") % {"count": f"{pace.before:,}"}
    if pace.change is None:
        return Words(_("new") if pace.now else "–", before if pace.now else "")
    sign = "▲" if pace.change > 0 else "▼" if pace.change < 0 else "="
    return Words(f"{sign} {abs(pace.change):.0%}", before)


def _figures(
    pool: Pool, counts: PoolCounts, history: list[int], histories: Histories
) -> list[Figure]:
    pace, left = pace_of(history), _run_out(pool, counts, histories)
    change = _change_words(pace)
    run_out = histories.run_out([pool.pk], counts.available)
    methods = {
        "average": (_("Average"), _("the mean of all its days")),
        "weekly average": (_("Weekly average"), _("the mean of each weekday")),
        "Holt-Winters": ("Holt-Winters", _("Holt-Winters: level, trend and week")),
        "Croston": ("Croston", _("Croston's method for few and far between")),
    }
    method, about = methods[run_out.method] if run_out else ("–", "")
    return [
        Figure(label=_("In stock"), value=f"{counts.available:,}", words=_("cards")),
        Figure(
            label=_("Given out in 28 days"),
            value=f"{pace.now:,}",
            words=" · ".join(filter(None, (change.text, change.more))),
        ),
        Figure(label=_("Lasts"), value=left.text, words=left.more, tone=left.tone),
        Figure(label=_("Looks ahead by"), value=method, words=about),
    ]


def _draw_days(history: list[int], forecast: Forecast | None, today: date) -> BarChart | None:
    if not any(history):
        return None
    ahead = [round(taken) for taken in forecast.method.ahead(_AHEAD_DAYS)] if forecast else []
    first = today - timedelta(days=HISTORY_DAYS)
    points = [
        (short_day_words(first + timedelta(days=number)), taken)
        for number, taken in enumerate([*history, *ahead])
    ]
    return draw_bars(points, tick_every=14, ahead=len(ahead))


def _draw_stock(
    pool: Pool, forecast: Forecast | None, counts: PoolCounts, today: date
) -> StockChart | None:
    if forecast is None or not counts.available or pool.archived_at is not None:
        return None
    return draw_stock(forecast, available=counts.available, today=today)


def _weeks_of(history: list[int]) -> list[int]:
    """Return the sums of the last twelve weeks."""
    return [sum(history[day : day + 7]) for day in range(0, HISTORY_DAYS, 7)]
