"""Figures of the day about messages."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from sms.models import Message, MessageTemplate

_ARRIVED = [Message.State.DELIVERED, Message.State.MANUALLY_DELIVERED]
_LOST = [Message.State.UNDELIVERED, Message.State.FAILED]


def count_undelivered(*, since: datetime) -> int:
    """Count the messages made since then of which we know that they did not arrive."""
    return _of_recipients(since).filter(state__in=_LOST).count()


@dataclasses.dataclass(frozen=True, slots=True)
class Arrivals:
    """How many messages arrived, of how many whose end is known."""

    arrived: int
    ended: int


def count_arrivals(*, since: datetime) -> Arrivals:
    """Count the messages made since then that arrived, and those whose end is known."""
    counts = _of_recipients(since).aggregate(
        arrived=Count("pk", filter=Q(state__in=_ARRIVED)),
        ended=Count("pk", filter=Q(state__in=_ARRIVED + _LOST)),
    )
    return Arrivals(counts["arrived"], counts["ended"])


@dataclasses.dataclass(frozen=True, slots=True)
class Handovers:
    """How many messages the carriers took, and how many they refused for good."""

    accepted: int
    refused: int


def count_handovers(*, since: datetime) -> Handovers:
    """Count the messages made since then that a carrier took, and those that none would take."""
    counts = _of_recipients(since).aggregate(
        accepted=Count("pk", filter=Q(accepted_at__isnull=False)),
        refused=Count("pk", filter=Q(accepted_at=None, state__in=_LOST)),
    )
    return Handovers(counts["accepted"], counts["refused"])


def count_message_errors(*, since: datetime) -> dict[tuple[str, str], int]:
    """Count the messages made since then that an error stands beside, by channel and its code."""
    rows = (
        _of_recipients(since)
        .exclude(error_code="")
        .order_by()
        .values("channel", "error_code")
        .annotate(count=Count("pk"))
    )
    return {(row["channel"], row["error_code"]): row["count"] for row in rows}


def delivery_percent(*, since: datetime) -> int | None:
    """Return the share of the messages made since then that arrived, of those whose end is known.

    Rounded down, so that 100 means all of them; None while no end is known.
    """
    counts = count_arrivals(since=since)
    return counts.arrived * 100 // counts.ended if counts.ended else None


def _of_recipients(since: datetime) -> QuerySet[Message]:
    """Return the messages made since then; an operator who tries a template is no recipient."""
    messages = Message.objects.filter(created_at__gte=since)
    return messages.exclude(purpose=MessageTemplate.Purpose.TEST)
