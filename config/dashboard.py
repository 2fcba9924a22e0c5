"""The admin's first page: how today goes, in figures that lead to their lists."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from alerts.admin.cells import SEVERITY_COLOURS
from alerts.selectors.alerts import list_unresolved
from config.job_pages import list_off
from credit.models import Account, Client
from credit.money import display_amount
from credit.selectors.balances import list_accounts
from credit.selectors.viewers import SYSTEM
from giftcards.selectors.inventory import count_stuck, list_stock
from giftcards.selectors.levels import list_lowest
from redemption.dashboard.charts import draw_bars
from redemption.selectors.figures import (
    Profit,
    count_by_day,
    count_waiting,
    profit_by_agency,
    sum_profit,
)
from sms.selectors.figures import count_undelivered, delivery_percent

_DAYS: Final = 30
_POOLS_SHOWN: Final = 8
_ALERTS_SHOWN: Final = 6


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure with what it says and where it leads; ``tone`` is calm, worry or alarm."""

    title: str
    value: int | str
    words: str
    url: str
    icon: str
    tone: str = "calm"


def fill_index(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add today's figures, the chart, the alerts and the pools to the page's context."""
    now = timezone.now()
    by_day = count_by_day(now=now, days=_DAYS)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    month = today.replace(day=1)
    alerts = list(list_unresolved())
    context.update(
        {
            "tiles": [
                Tile(
                    title="Redemptions today",
                    value=by_day[-1].redemptions,
                    words=f"{by_day[-2].redemptions:,} yesterday",
                    url=_list("redemption_redemption", created_at__gte=today.isoformat()),
                    icon="redeem",
                ),
                _waiting_tile(count_waiting()),
                _alert_tile(alerts),
                _undelivered_tile(
                    count_undelivered(since=now - timedelta(hours=24)),
                    delivery_percent(since=now - timedelta(hours=24)),
                ),
                _stuck_tile(
                    count_stuck(now=now, after=timedelta(seconds=settings.STUCK_AFTER)), now
                ),
                *map(_profit_tile, sum_profit(viewer=SYSTEM, start=month, end=now)),
            ],
            "chart": draw_bars(
                [(f"{day.day:%b} {day.day.day}", day.redemptions) for day in by_day],
                tick_every=7,
            ),
            "alerts": [
                {
                    "subject": alert.subject,
                    "severity": alert.get_severity_display(),
                    "colour": SEVERITY_COLOURS[alert.severity],
                    "is_acknowledged": alert.state == alert.State.ACKNOWLEDGED,
                    "count": alert.count,
                    "last_seen_at": alert.last_seen_at,
                    "url": reverse("admin:alerts_alert_change", args=[alert.pk]),
                }
                for alert in alerts[:_ALERTS_SHOWN]
            ],
            "alerts_url": _list("alerts_alert"),
            "pools": [
                {
                    "name": pool.name,
                    "owner": pool.client.name if pool.client else "All clients",
                    "level": level,
                    "url": reverse("admin:giftcards_pool_change", args=[pool.pk]),
                }
                for pool, level in list_lowest(now=now, limit=_POOLS_SHOWN)
            ],
            "stock": [
                {
                    "brand": row.brand,
                    "value": display_amount(row.value_minor, row.currency),
                    "uploaded": row.uploaded,
                    "buffered": row.buffered,
                    "colours": row.pools_by_colour,
                }
                for row in list_stock(now=now)
            ],
            "agencies": _agencies(month, now),
            "jobs_off": list_off(now=now),
            "accounts_url": _list("credit_account"),
            "pools_url": _list("giftcards_pool"),
            "add_pool_url": reverse("admin:giftcards_pool_add"),
        }
    )
    return context


def _waiting_tile(waiting: int) -> Tile:
    return Tile(
        title="Waiting for cards",
        value=waiting,
        words="served by itself when cards come" if waiting else "nobody waits",
        url=_list("redemption_pendingreward", served="no"),
        icon="hourglass_top",
        tone="alarm" if waiting else "calm",
    )


def _alert_tile(alerts: list[Any]) -> Tile:
    critical = sum(alert.severity == "critical" for alert in alerts)
    return Tile(
        title="Open alerts",
        value=len(alerts),
        words=f"{critical} critical" if alerts else "all is well",
        url=_list("alerts_alert", state__in="open,acknowledged"),
        icon="notifications",
        tone="alarm" if critical else "worry" if alerts else "calm",
    )


def _agencies(month: datetime, now: datetime) -> list[dict[str, Any]]:
    used = {
        (row.organisation_id, row.profit.currency): row.profit
        for row in profit_by_agency(viewer=SYSTEM, start=month, end=now)
    }
    clients = dict(
        Client.objects.filter(is_active=True)
        .order_by()
        .values_list("agency_id")
        .annotate(count=Count("pk"))
    )
    rows = []
    for account in list_accounts(viewer=SYSTEM):
        if account.level != Account.Level.AGENCY or account.agency_id is None:
            continue
        profit = used.get((account.agency_id, account.currency))
        rows.append(
            {
                "name": account.name,
                "url": reverse("agency-page", args=[account.agency_id]),
                "clients": clients.get(account.agency_id, 0),
                "balance": display_amount(account.balance_minor or 0, account.currency),
                "is_low": account.is_low,
                "used": display_amount(profit.charged_minor if profit else 0, account.currency),
                "redemptions": profit.redemptions if profit else 0,
            }
        )
    return rows


def _profit_tile(profit: Profit) -> Tile:
    words = f"from {profit.redemptions:,} redemptions this month"
    if profit.cost_unknown:
        words += f"; {profit.cost_unknown:,} without a known cost are left out"
    return Tile(
        title=f"Profit in {profit.currency}",
        value=display_amount(profit.profit_minor or 0, profit.currency),
        words=words,
        url=_list("redemption_redemption"),
        icon="savings",
        tone="worry" if (profit.profit_minor or 0) < 0 else "calm",
    )


def _stuck_tile(stuck: int, now: datetime) -> Tile:
    before = (now - timedelta(seconds=settings.STUCK_AFTER)).isoformat()
    return Tile(
        title="Stuck cards",
        value=stuck,
        words="claimed and delivered to nobody" if stuck else "every card is on its way",
        url=_list("giftcards_giftcard", status="claimed", claimed_at__lt=before),
        icon="hourglass_disabled",
        tone="worry" if stuck else "calm",
    )


def _undelivered_tile(undelivered: int, percent: int | None) -> Tile:
    arrived = "none has ended yet" if percent is None else f"{percent} % arrived"
    return Tile(
        title="Not delivered",
        value=undelivered,
        words=f"messages in the last 24 hours; {arrived}",
        url=_list("sms_message", state__in="undelivered,failed"),
        icon="sms_failed",
        tone="worry" if undelivered else "calm",
    )


def _list(model: str, **filters: str) -> str:
    url = reverse(f"admin:{model}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url
