"""How many points were redeemed and earned on each day."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.db.models.functions import Abs, Coalesce, TruncDate

from loyalty.models import LoyaltyTransaction

_TYPE = LoyaltyTransaction.Type
_REFERENCE = LoyaltyTransaction.Reference


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PointsDay:
    """A day (UTC) in points.

    :param redemptions: how often points were redeemed, at a till or for a gift card.
    :param at_tills: points that took something off a price.
    :param for_cards: points that bought gift cards.
    :param given_back: redeemed points that refunds gave back.
    """

    day: date
    redemptions: int = 0
    customers: int = 0
    at_tills: int = 0
    for_cards: int = 0
    given_back: int = 0
    earned: int = 0
    expired: int = 0

    @property
    def redeemed(self) -> int:
        """Return all points that were redeemed."""
        return self.at_tills + self.for_cards


def count_points_by_day(
    *, first: date, last: date, client_id: UUID | None = None
) -> list[PointsDay]:
    """Return each day from the first to the last one, both included; days without points too."""
    rows = LoyaltyTransaction.objects.filter(
        created_at__gte=_midnight(first), created_at__lt=_midnight(last + timedelta(days=1))
    )
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    spent = Q(type=_TYPE.SPENT)
    counted = (
        rows.order_by()
        .values(day=TruncDate("created_at", tzinfo=UTC))
        .annotate(
            redemptions=Count("pk", filter=spent),
            customers=Count("customer", filter=spent, distinct=True),
            at_tills=_sum(spent & Q(reference_type=_REFERENCE.ORDER)),
            for_cards=_sum(spent & Q(reference_type=_REFERENCE.REWARD)),
            given_back=_sum(Q(reference_type=_REFERENCE.REFUND_SPENT)),
            earned=_sum(Q(type=_TYPE.EARNED)),
            expired=_sum(Q(type=_TYPE.EXPIRED)),
        )
    )
    found = {row["day"]: PointsDay(**row) for row in counted}
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [found.get(day) or PointsDay(day=day) for day in days]


def _sum(which: Q) -> Coalesce:
    """Return how many points some rows are about; taken ones are not counted as negative."""
    return Coalesce(Sum(Abs("points"), filter=which), 0)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
