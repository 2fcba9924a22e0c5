"""Figures of the day about messages."""

from __future__ import annotations

from datetime import datetime

from sms.models import Message


def count_undelivered(*, since: datetime) -> int:
    """Count the messages made since then of which we know that they did not arrive."""
    return Message.objects.filter(
        created_at__gte=since, state__in=[Message.State.UNDELIVERED, Message.State.FAILED]
    ).count()
