"""What paid checkouts are still owed in points, as their owners see it."""

from __future__ import annotations

import dataclasses

from django.db.models import Count, QuerySet, Sum

from credit.selectors.viewers import Viewer
from loyalty.models import ReconciliationItem


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What is unresolved: how many items, and the points in them.

    :param lost_earnings: points that customers have earned and don't have.
    :param incorrect_redemptions: points that customers have redeemed and still have, on hold.
    """

    unresolved_count: int
    lost_earnings: int
    incorrect_redemptions: int


def items_of(*, viewer: Viewer) -> QuerySet[ReconciliationItem]:
    """Return the items that the viewer may see."""
    return ReconciliationItem.objects.filter(viewer.client_filter())


def sum_owed(items: QuerySet[ReconciliationItem]) -> Owed:
    """Add up what is unresolved among these."""
    sums = items.filter(resolved=False).aggregate(
        count=Count("pk"), earned=Sum("points_earned"), redeemed=Sum("points_redeemed")
    )
    return Owed(
        unresolved_count=sums["count"],
        lost_earnings=int(sums["earned"] or 0),
        incorrect_redemptions=int(sums["redeemed"] or 0),
    )
