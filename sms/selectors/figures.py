"""Figures of the day about messages."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Q

from sms.models import Message

_ARRIVED = [Message.State.DELIVERED, Message.State.MANUALLY_DELIVERED]
_LOST = [Message.State.UNDELIVERED, Message.State.FAILED]


def count_undelivered(*, since: datetime) -> int:
    """Count the messages made since then of which we know that they did not arrive."""
    return Message.objects.filter(created_at__gte=since, state__in=_LOST).count()


def delivery_percent(*, since: datetime) -> int | None:
    """Return the share of the messages made since then that arrived, of those whose end is known.

    Rounded down, so that 100 means all of them; None while no end is known.
    """
    counts = Message.objects.filter(created_at__gte=since).aggregate(
        arrived=Count("pk", filter=Q(state__in=_ARRIVED)),
        ended=Count("pk", filter=Q(state__in=_ARRIVED + _LOST)),
    )
    return counts["arrived"] * 100 // counts["ended"] if counts["ended"] else None
