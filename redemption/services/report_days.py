"""Counting the rewards of the days that are over: Note [Report days]."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import connection

from alerts.transactions import durable, transaction
from redemption.models import ReportChange, ReportDay, ReportMonth

# How long after its end a day is counted: see the triggers in redemption/sql/reports.sql.
_COUNTED_AFTER: Final = timedelta(hours=3)
_FIRST_DAY: Final = """
    SELECT min(first.issued_at) FROM credit_client c CROSS JOIN LATERAL (
        SELECT issued_at FROM redemption_redemption
        WHERE client_id = c.id AND state IN ('issued', 'delivered', 'confirmed') AND NOT is_test
            AND issued_at IS NOT NULL
        ORDER BY issued_at LIMIT 1) first
"""


@dataclasses.dataclass(frozen=True, slots=True)
class CountedSpans:
    """How many days and months were counted."""

    days: int
    months: int


@durable
def count_report_days(*, now: datetime, limit: int) -> CountedSpans:
    """Count the days that are over and not counted, or were changed since; then their months.

    Each is a transaction of its own: what a run that is killed has counted stays counted, and the
    next goes on. Two runs at once wait for each other and count the same.

    :param limit: how many days at most.
    """
    last = (now - _COUNTED_AFTER).astimezone(UTC).date() - timedelta(days=1)
    days = _days_to_count(last)[:limit]
    for day in days:
        _call("SELECT redemption_count_day(%s, %s)", day, now)
    months = sum(
        bool(_call("SELECT redemption_count_month(%s, %s)", month, now))
        for month in _months_to_count()
    )
    return CountedSpans(len(days), months)


def _days_to_count(last: date) -> list[date]:
    """Return the changed days, then those after the last one that was counted."""
    counted = set(ReportDay.objects.values_list("day", flat=True))
    changed = set(ReportChange.objects.filter(day__lte=last).values_list("day", flat=True))
    if counted:
        first = max(counted) + timedelta(days=1)
    else:
        with connection.cursor() as cursor:
            cursor.execute(_FIRST_DAY)
            (at,) = cursor.fetchone()
        if at is None:
            return []
        # The first month is then a whole one too.
        first = at.astimezone(UTC).date().replace(day=1)
    following = {first + timedelta(days=number) for number in range((last - first).days + 1)}
    return sorted(changed | following)


def _months_to_count() -> list[date]:
    days = ReportDay.objects.values_list("day", flat=True)
    counted = set(ReportMonth.objects.values_list("month", flat=True))
    return sorted({day.replace(day=1) for day in days} - counted)


def _call(statement: str, day: date, now: datetime) -> object:
    with transaction(), connection.cursor() as cursor:
        cursor.execute(statement, [day, now])
        (result,) = cursor.fetchone()
        return result
