"""The admin's first page: how today goes, in figures that lead to their lists."""

from __future__ import annotations

import dataclasses
from datetime import UTC, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from alerts.admin.alerts import SEVERITY_COLOURS
from alerts.selectors.alerts import list_unresolved
from redemption.dashboard.charts import draw_bars
from giftcards.selectors.levels import list_lowest
from redemption.selectors.figures import count_by_day, count_waiting
from sms.selectors.figures import count_undelivered

_DAYS: Final = 30
_POOLS_SHOWN: Final = 8
_ALERTS_SHOWN: Final = 6


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure with what it says and where it leads; ``tone`` is calm, worry or alarm."""

    title: str
    value: int
    words: str
    url: str
    icon: str
    tone: str = "calm"


def fill_index(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add today's figures, the chart, the alerts and the pools to the page's context."""
    now = timezone.now()
    by_day = count_by_day(now=now, days=_DAYS)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
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
                _undelivered_tile(count_undelivered(since=now - timedelta(hours=24))),
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


def _undelivered_tile(undelivered: int) -> Tile:
    return Tile(
        title="Not delivered",
        value=undelivered,
        words="messages in the last 24 hours",
        url=_list("sms_message", state__in="undelivered,failed"),
        icon="sms_failed",
        tone="worry" if undelivered else "calm",
    )


def _list(model: str, **filters: str) -> str:
    url = reverse(f"admin:{model}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url
