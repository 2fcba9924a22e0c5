"""Counting the messages of the days that are over: Note [Message days]."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Min

from alerts.transactions import durable, transaction
from redemption.models import MessageChange, MessageDay
from sms.models import Message

# How long after its end a day is counted: see the triggers in redemption/sql/message_reports.sql.
_COUNTED_AFTER: Final = timedelta(hours=3)


@durable
def count_message_days(*, now: datetime, limit: int) -> int:
    """Count the days that are over and not counted, or were changed since; return how many.

    Each is a transaction of its own: what a run that is killed has counted stays counted, and the
    next goes on. Two runs at once wait for each other and count the same.

    :param limit: how many days at most.
    """
    last = (now - _COUNTED_AFTER).astimezone(UTC).date() - timedelta(days=1)
    days = _days_to_count(last)[:limit]
    for day in days:
        with transaction(), connection.cursor() as cursor:
            cursor.execute("SELECT redemption_count_message_day(%s, %s)", [day, now])
    return len(days)


def _days_to_count(last: date) -> list[date]:
    """Return the changed days, then those after the last one that was counted."""
    counted = set(MessageDay.objects.values_list("day", flat=True))
    changed = set(MessageChange.objects.filter(day__lte=last).values_list("day", flat=True))
    if counted:
        first = max(counted) + timedelta(days=1)
    else:
        at = Message.objects.aggregate(at=Min("created_at"))["at"]
        if at is None:
            return []
        first = at.astimezone(UTC).date()
    following = {first + timedelta(days=number) for number in range((last - first).days + 1)}
    return sorted(changed | following)
