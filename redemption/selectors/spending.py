"""What a client's rewards have cost, month by month.

Note [Spending]
A reward counts in the month in which it was issued, which is the moment its charge is debited,
and as long as it stands: one that was cancelled or failed got its money back. Months are UTC's,
as in statements. Each month is a range of its own in the index ``redemption_spent``, which holds
all that is summed, so that a million rewards are read without looking at one row of them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, QuerySet, Sum, Value
from django.db.models.fields import DateField

from credit.selectors.organisations import find_client
from credit.selectors.viewers import Viewer
from redemption.models import Redemption

MONTHS_SHOWN: Final = 12


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SpentMonth:
    """Rewards issued in a month that stand, and their charges in minor units.

    :param month: its first day.
    """

    month: date
    redemptions: int = 0
    charged_minor: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What was spent in one currency, oldest month first, the present one last."""

    currency: str
    months: tuple[SpentMonth, ...]

    @property
    def this_month(self) -> SpentMonth:
        return self.months[-1]

    @property
    def last_month(self) -> SpentMonth:
        return self.months[-2]


def spending_by_month(
    *, viewer: Viewer, client_id: UUID, now: datetime, months: int = MONTHS_SHOWN
) -> list[Spending]:
    """Return what a client's rewards cost in each of the last months, quiet ones included.

    One ``Spending`` a currency, since amounts of two currencies have no sum.

    :param months: how many, the present one included; at least two.
    :raises Client.DoesNotExist: there is none, or not for this viewer.
    """
    standing = _standing_rewards(viewer, client_id)
    starts = [_months_before(now, back) for back in range(months - 1, -2, -1)]
    first, *others = [
        _sums_within(standing, start, end).annotate(
            month=Value(start.date(), output_field=DateField())
        )
        for start, end in itertools.pairwise(starts)
    ]
    found: dict[str, dict[date, SpentMonth]] = defaultdict(dict)
    for row in first.union(*others, all=True):
        found[row["currency"]][row["month"]] = SpentMonth(
            month=row["month"],
            redemptions=row["redemptions"],
            charged_minor=row["spent_minor"],
        )
    return [
        Spending(
            currency=currency,
            months=tuple(
                by_month.get(start.date(), SpentMonth(month=start.date())) for start in starts[:-1]
            ),
        )
        for currency, by_month in sorted(found.items())
    ]


def spent_this_month_by_campaign(
    *, viewer: Viewer, client_id: UUID, now: datetime
) -> dict[UUID, SpentMonth]:
    """Return what each campaign's rewards have cost this month; silent ones are left out.

    A campaign's charges are all in the currency of the account that pays for it.

    :raises Client.DoesNotExist: there is none, or not for this viewer.
    """
    start, end = _months_before(now, 0), _months_before(now, -1)
    standing = _standing_rewards(viewer, client_id)
    rows = (
        standing.filter(issued_at__gte=start, issued_at__lt=end)
        .values("campaign_id")
        .annotate(redemptions=Count("*"), spent_minor=Sum("charged_minor", default=0))
    )
    return {
        row["campaign_id"]: SpentMonth(
            month=start.date(), redemptions=row["redemptions"], charged_minor=row["spent_minor"]
        )
        for row in rows
    }


def _standing_rewards(viewer: Viewer, client_id: UUID) -> QuerySet[Redemption]:
    # Who may look is asked once of the client: a join to it would cost as much as the sum.
    client = find_client(viewer=viewer, client_id=client_id)
    return Redemption.objects.filter(
        client=client, is_test=False, state__in=Redemption.STANDING
    ).order_by()


def _sums_within(
    standing: QuerySet[Redemption], start: datetime, end: datetime
) -> QuerySet[Any, Any]:
    return (
        standing.filter(issued_at__gte=start, issued_at__lt=end)
        .values("currency")
        .annotate(redemptions=Count("*"), spent_minor=Sum("charged_minor", default=0))
    )


def _months_before(now: datetime, back: int) -> datetime:
    """Return when the month ``back`` months before the present one began; -1 is the next."""
    today = now.astimezone(UTC)
    years, month = divmod(today.year * 12 + today.month - 1 - back, 12)
    return datetime(years, month + 1, 1, tzinfo=UTC)
