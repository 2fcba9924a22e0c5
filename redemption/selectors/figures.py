"""Figures of the day, for those who run the platform."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate

from redemption.models import Redemption


@dataclasses.dataclass(frozen=True, slots=True)
class DayCount:
    """How many redemptions were asked for on a day (UTC), whatever became of them."""

    day: date
    redemptions: int


def count_by_day(*, now: datetime, days: int) -> list[DayCount]:
    """Count redemptions for each of the last ``days`` days, today last, quiet days included."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    counted = dict(
        Redemption.objects.filter(created_at__gte=since)
        .order_by()
        .annotate(day=TruncDate("created_at", tzinfo=UTC))
        .values_list("day")
        .annotate(redemptions=Count("*"))
    )
    return [
        DayCount(day, counted.get(day, 0))
        for day in (first + timedelta(days=number) for number in range(days))
    ]


def count_waiting() -> int:
    """Count the people who wait for a card."""
    return Redemption.objects.filter(state=Redemption.State.WAITING_STOCK).count()
