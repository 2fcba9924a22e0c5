"""Whether points, articles, tills and cards for points add up: what is found must be nothing.

The database's triggers refuse what would be found, so this looks for what went past them: a
restored table, an owner's hand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime

from django.db.models import Sum
from django.db.models.functions import Coalesce

from alerts.scope import EVERYTHING, seeing
from alerts.selectors.invariants import Broken, Invariant, find_broken
from alerts.transactions import snapshot
from loyalty.models import Customer
from loyalty.selectors.invariants import INVARIANTS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An invariant of points, and what breaks it."""

    invariant: Invariant
    broken: Broken


@seeing(EVERYTHING)
def check_points(*, now: datetime) -> list[Check]:
    """Ask every invariant of points of all there is, each as of one moment; all may work on."""
    checks = []
    for invariant in INVARIANTS:
        with snapshot():
            broken = find_broken(invariant, now=now, whole=True)
        checks.append(Check(invariant=invariant, broken=broken))
    return checks


def compare_balances(*, customer_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return by customer the balance that is stated, and the sum of what was written."""
    customers = Customer.objects.filter(pk__in=customer_ids).annotate(
        counted=Coalesce(Sum("points__points"), 0)
    )
    return {str(one.pk): (one.points_balance, one.counted) for one in customers}
