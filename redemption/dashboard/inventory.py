"""The inventory: what is in stock in every pool now, and how long it will last."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Final

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
from giftcards.selectors.buffers import measure_buffer
from giftcards.selectors.pools import PoolCounts, count_cards
from redemption.dashboard.frame import Link, with_query
from redemption.dashboard.report_filters import (
    REPORT_ROLES,
    Choice,
    read_filters,
    report_context,
)
from redemption.dashboard.report_words import (
    Level,
    Words,
    level_words,
    pool_kind_words,
    run_out_words,
)
from redemption.selectors.stock_forecasts import Histories, read_histories

PER_PAGE: Final = 25
_LEVELS: Final = ("empty", "red", "amber", "green", "on_demand")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StockRow:
    """A pool with what is in it; ``percent`` is the available share of all it ever had."""

    name: str
    url: str
    trend_url: str
    about: str
    whose: str
    is_reserved: bool
    available: int
    total: int
    percent: int
    level: Words
    run_out: Words
    claimed: int
    stuck: int
    expired: int


@require_safe
@page_for(*REPORT_ROLES)
def inventory(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the pools in use, those that need somebody first."""
    now = timezone.now()
    filters = read_filters(request, viewer)
    kind = _one_of(request.GET.get("kind", ""), [value for value, _words in Pool.Kind.choices])
    level = _one_of(request.GET.get("level", ""), _LEVELS)
    pools = [
        pool for pool in filters.scope.pools(with_archived=False) if not kind or pool.kind == kind
    ]
    counts = count_cards(
        pool_ids=[pool.pk for pool in pools],
        now=now,
        stuck_after=timedelta(seconds=settings.STUCK_AFTER),
    )
    chosen = [pool for pool in pools if not level or _level_of(pool, counts[pool.pk]) == level]
    chosen.sort(key=lambda pool: _urgency(pool, counts[pool.pk]))
    page = Paginator(chosen, PER_PAGE).get_page(request.GET.get("page"))
    histories = read_histories(
        clients=filters.scope.everybody, pool_ids=[pool.pk for pool in page], now=now
    )
    context = report_context(request, viewer, current="report-inventory")
    address = reverse("report-inventory")
    kept = {**filters.kept, **({"kind": kind} if kind else {})}
    return render(
        request,
        "reports/inventory.html",
        {
            **context,
            "filters": filters,
            "kinds": _kind_choices(kind, viewer),
            "levels": _level_links(
                address, kept, level, [_level_of(pool, counts[pool.pk]) for pool in pools]
            ),
            "level": level,
            "rows": [
                _row(pool, counts[pool.pk], histories, may_open=context["may_open_admin"])
                for pool in page
            ],
            "page": page,
            "pool_count": len(pools),
            "query": with_query("", **kept, level=level).removeprefix("?") + "&",
            "all_url": address,
            "is_narrowed": filters.is_narrowed or bool(kind or level),
            "card_search_url": reverse("admin:giftcards_giftcard_changelist"),
        },
    )


def _row(pool: Pool, counts: PoolCounts, histories: Histories, *, may_open: bool) -> StockRow:
    denomination = pool.denomination
    value = display_amount(denomination.value_minor, denomination.currency)
    return StockRow(
        name=pool.name,
        url=reverse("admin:giftcards_pool_change", args=[pool.pk]) if may_open else "",
        trend_url=reverse("report-pool", args=[pool.pk]),
        about=f"{pool.brand.name} {value}",
        whose=pool_kind_words(pool),
        is_reserved=pool.reserved,
        available=counts.available,
        total=counts.total,
        percent=int(counts.available_percent),
        level=level_words(_level_of(pool, counts)),
        run_out=run_out_words(histories.run_out([pool.pk], counts.available), counts.available)
        if _level_of(pool, counts) != "on_demand"
        else Words("–"),
        claimed=counts.claimed,
        stuck=counts.stuck,
        expired=counts.expired,
    )


def _level_of(pool: Pool, counts: PoolCounts) -> Level:
    """Say how a pool stands: by its threshold, or as near to its target as a buffer is kept."""
    if pool.kind == Pool.Kind.BUFFER and counts.available:
        return measure_buffer(pool, counts.available).colour
    if counts.available:
        return counts.colour
    is_bought = pool.purchase_method == Pool.PurchaseMethod.API_ONLY
    return "on_demand" if is_bought and pool.kind != Pool.Kind.BUFFER else "empty"


def _urgency(pool: Pool, counts: PoolCounts) -> tuple[int, float]:
    """Return what sorts the pools: by level, then by how much of the threshold is left."""
    return _LEVELS.index(_level_of(pool, counts)), counts.available / max(counts.threshold, 1)


def _kind_choices(chosen: str, viewer: Viewer) -> list[Choice]:
    # Only the platform has pools of more than one kind to see.
    if not viewer.sees_platform:
        return []
    labels = {
        Pool.Kind.MASTER: _("The platform's"),
        Pool.Kind.CLIENT: _("Clients'"),
        Pool.Kind.BUFFER: _("Bought ahead"),
    }
    return [
        Choice(value=str(value), label=label, is_chosen=value == chosen)
        for value, label in labels.items()
    ]


def _level_links(
    address: str, kept: dict[str, str], chosen: str, levels: list[Level]
) -> list[Link]:
    labels: dict[Level, str] = {
        "empty": _("Empty"),
        "red": _("Low"),
        "amber": _("Getting low"),
        "green": _("Enough"),
        "on_demand": _("Bought on the spot"),
    }
    links = [
        Link(
            label=_("All (%(count)d)") % {"count": len(levels)},
            url=with_query(address, **kept),
            is_current=not chosen,
        )
    ]
    for level, label in labels.items():
        count = levels.count(level)
        links.append(
            Link(
                label=f"{label} ({count})",
                url=with_query(address, **kept, level=level),
                is_current=level == chosen,
            )
        )
    return links


def _one_of(asked: str, known: list[str] | tuple[str, ...]) -> str:
    """Return what was asked for; what is not known is no page of ours."""
    if asked and asked not in known:
        raise Http404
    return asked
