"""How well webhooks arrive."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, Q

from alerts.models import WebhookDelivery

PERIOD: Final = timedelta(hours=24)

State = WebhookDelivery.State


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRate:
    """What became of the events of the last 24 hours.

    :param delivered: that arrived.
    :param failing: that were tried and have not arrived, given up or not.
    :param waiting: that nobody has tried yet.
    """

    delivered: int = 0
    failing: int = 0
    waiting: int = 0

    @property
    def percent(self) -> int | None:
        """The delivered share of what was tried, rounded down; None where nothing was."""
        tried = self.delivered + self.failing
        return self.delivered * 100 // tried if tried else None


def delivery_rates(*, endpoint_ids: Collection[UUID], now: datetime) -> dict[UUID, DeliveryRate]:
    """Return the rate of each endpoint that was promised anything in the last 24 hours."""
    untried = Q(state=State.PENDING, tries=[])
    rows = (
        WebhookDelivery.objects.filter(
            endpoint_id__in=list(endpoint_ids), created_at__gte=now - PERIOD
        )
        .order_by()
        .values("endpoint_id")
        .annotate(
            delivered=Count("pk", filter=Q(state=State.DELIVERED)),
            waiting=Count("pk", filter=untried),
            failing=Count("pk", filter=~Q(state=State.DELIVERED) & ~untried),
        )
    )
    return {
        row["endpoint_id"]: DeliveryRate(
            delivered=row["delivered"], failing=row["failing"], waiting=row["waiting"]
        )
        for row in rows
    }
