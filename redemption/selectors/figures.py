"""Figures of the day, and what was earned, for those who run the platform and its agencies.

Note [Profit]
A reward counts in the period in which it was issued, and as long as it stands (Note [Spending]).
Amounts of two currencies have no sum: there is one row of figures for each. What the platform
paid for a card is the platform's own business: only those who see all of it see costs.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from credit.selectors.viewers import Viewer
from redemption.models import Redemption


@dataclasses.dataclass(frozen=True, slots=True)
class DayCount:
    """How many redemptions were asked for on a day (UTC), whatever became of them."""

    day: date
    redemptions: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Profit:
    """What rewards have earned in one currency, in its minor units.

    :param agency_margin_minor: charged less face value: the agency's.
    :param platform_margin_minor: face value less cost: the platform's; like ``cost_minor`` and
        ``profit_minor`` (charged less cost) None for whom costs are not meant.
    :param cost_unknown: rewards whose cost nobody knows, and which these three leave out.

    A reward whose card the client had bought is charged nothing: it counts with its face value and
    its cost, and has no part in what was earned, which came with the sale.
    """

    currency: str
    redemptions: int
    face_value_minor: int
    charged_minor: int
    agency_margin_minor: int
    cost_minor: int | None
    platform_margin_minor: int | None
    profit_minor: int | None
    cost_unknown: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationProfit:
    """What the rewards of one agency or client have earned in one currency."""

    organisation_id: UUID
    name: str
    profit: Profit


def sum_profit(*, viewer: Viewer, start: datetime, end: datetime) -> list[Profit]:
    """Sum what the rewards issued from ``start`` until before ``end`` have earned, by currency."""
    return [
        _profit_of(row, viewer)
        for row in _sums(_standing_rewards(viewer, start, end), "currency").order_by("currency")
    ]


def profit_by_agency(*, viewer: Viewer, start: datetime, end: datetime) -> list[OrganisationProfit]:
    """Return the same for each agency that has any, by its name."""
    return _by_organisation("client__agency", viewer, start, end)


def profit_by_client(*, viewer: Viewer, start: datetime, end: datetime) -> list[OrganisationProfit]:
    """Return the same for each client that has any, by its name."""
    return _by_organisation("client", viewer, start, end)


def _by_organisation(
    path: str, viewer: Viewer, start: datetime, end: datetime
) -> list[OrganisationProfit]:
    sums = _sums(_standing_rewards(viewer, start, end), f"{path}_id", f"{path}__name", "currency")
    return [
        OrganisationProfit(
            organisation_id=row[f"{path}_id"],
            name=row[f"{path}__name"],
            profit=_profit_of(row, viewer),
        )
        for row in sums.order_by(f"{path}__name", f"{path}_id", "currency")
    ]


def _standing_rewards(viewer: Viewer, start: datetime, end: datetime) -> QuerySet[Redemption]:
    return Redemption.objects.filter(
        viewer.client_filter(),
        is_test=False,
        state__in=Redemption.STANDING,
        issued_at__gte=start,
        issued_at__lt=end,
    ).order_by()


def _sums(rewards: QuerySet[Redemption], *groups: str) -> QuerySet[Any, Any]:
    sums: QuerySet[Any, Any] = rewards.values(*groups).annotate(
        redemptions=Count("*"),
        face_value=Sum("face_value_minor", default=0),
        charged=Sum("charged_minor", default=0),
        agency_margin=Sum("agency_margin_minor", default=0),
        cost=Sum("cost_minor", default=0),
        platform_margin=Sum("platform_margin_minor", default=0),
        # A card that was sold before it was redeemed brought its profit then.
        profit=Sum(F("charged_minor") - F("cost_minor"), filter=Q(charged_minor__gt=0), default=0),
        cost_unknown=Count("pk", filter=Q(cost_minor=None)),
    )
    return sums


def _profit_of(row: dict[str, Any], viewer: Viewer) -> Profit:
    shows_cost = viewer.sees_platform
    return Profit(
        currency=row["currency"],
        redemptions=row["redemptions"],
        # PostgreSQL sums bigint as numeric.
        face_value_minor=int(row["face_value"]),
        charged_minor=int(row["charged"]),
        agency_margin_minor=int(row["agency_margin"]),
        cost_minor=int(row["cost"]) if shows_cost else None,
        platform_margin_minor=int(row["platform_margin"]) if shows_cost else None,
        profit_minor=int(row["profit"]) if shows_cost else None,
        cost_unknown=row["cost_unknown"] if shows_cost else 0,
    )


def count_by_day(*, now: datetime, days: int) -> list[DayCount]:
    """Count redemptions for each of the last ``days`` days, today last, quiet days included."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    counted = dict(
        Redemption.objects.filter(created_at__gte=since)
        .order_by()
        .annotate(day=TruncDate("created_at", tzinfo=UTC))
        .values_list("day")
        .annotate(redemptions=Count("*"))
    )
    return [
        DayCount(day, counted.get(day, 0))
        for day in (first + timedelta(days=number) for number in range(days))
    ]


def count_waiting() -> int:
    """Count the people who wait for a card."""
    return Redemption.objects.filter(state=Redemption.State.WAITING_STOCK).count()
