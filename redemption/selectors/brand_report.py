"""Rewards by brand over a period, beside the period before, and how they came by day or month."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import connection

from giftcards.models import Brand
from redemption.selectors.message_report import MessageScope
from redemption.selectors.reward_days import (
    RewardSums,
    count_per_brand_and_day,
    read_sums,
    sum_rewards,
)
from redemption.selectors.spans import ONE_DAY, days_between, midnight

# From so many days on there is a figure for each month instead of each day.
_MANY_DAYS: Final = 92
# As Note [Report days] has it for all; the rewards of one campaign are counted from themselves.
_REWARDS: Final = """
    FROM redemption_redemption r JOIN giftcards_giftcard c ON c.id = r.card_id
    WHERE r.client_id = ANY (%(clients)s) AND r.campaign_id = %(campaign)s
        AND r.issued_at >= %(start)s AND r.issued_at < %(end)s
        AND r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
"""
_OF_CAMPAIGN: Final = """
    SELECT c.brand_id, r.currency, count(*), count(r.delivered_at),
        coalesce(sum(greatest(extract(epoch FROM r.delivered_at - r.issued_at), 0)), 0),
        percentile_disc(0.95) WITHIN GROUP (
            ORDER BY redemption_wait_seconds(r.delivered_at - r.issued_at)),
        coalesce(sum(r.face_value_minor), 0), coalesce(sum(r.charged_minor), 0),
        coalesce(sum(r.agency_margin_minor), 0), count(r.cost_minor),
        coalesce(sum(r.cost_minor), 0), coalesce(sum(r.platform_margin_minor), 0),
        coalesce(sum(r.charged_minor - r.cost_minor) FILTER (WHERE r.charged_minor > 0), 0)
    {rewards} GROUP BY 1, 2
"""
_DAYS_OF_CAMPAIGN: Final = """
    SELECT c.brand_id, (r.issued_at AT TIME ZONE 'UTC')::date, count(*) {rewards} GROUP BY 1, 2
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrandRow:
    """A brand's rewards in one currency.

    :param sums: of the period; None where there were none.
    :param before: how many were given in as many days right before.
    :param parts: of the brand in all currencies, by day or month, quiet ones included.
    """

    brand_id: UUID
    name: str
    currency: str
    sums: RewardSums | None
    before: int
    parts: tuple[int, ...]

    @property
    def issued(self) -> int:
        return self.sums.issued if self.sums else 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrandReport:
    """The brands that were given in the period or before it, the busiest first.

    :param parts: the days, or the first days of the months, that ``BrandRow.parts`` are of.
    """

    rows: tuple[BrandRow, ...]
    parts: tuple[date, ...]
    parts_are_months: bool
    first_before: date

    @property
    def issued(self) -> int:
        return sum(row.issued for row in self.rows)

    @property
    def before(self) -> int:
        return sum(row.before for row in self.rows)


def read_brand_report(*, scope: MessageScope, first: date, last: date) -> BrandReport:
    """Return the rewards issued from the first to the last day (UTC), by brand and currency."""
    length = last - first + ONE_DAY
    now = _sums(scope, first, last)
    before = {key: row.issued for key, row in _sums(scope, first - length, first - ONE_DAY).items()}
    by_month = length.days > _MANY_DAYS
    parts = tuple(
        dict.fromkeys(day.replace(day=1) if by_month else day for day in days_between(first, last))
    )
    counts = _by_part(_days(scope, first, last), by_month=by_month)
    names = dict(Brand.objects.order_by().values_list("pk", "name"))
    rows = [
        BrandRow(
            brand_id=brand_id,
            name=names.get(brand_id, ""),
            currency=currency,
            sums=now.get((brand_id, currency)),
            before=before.get((brand_id, currency), 0),
            parts=tuple(counts[brand_id].get(part, 0) for part in parts),
        )
        for brand_id, currency in {**now, **before}
    ]
    rows.sort(key=lambda row: (-row.issued, row.name, row.currency))
    return BrandReport(
        rows=tuple(rows), parts=parts, parts_are_months=by_month, first_before=first - length
    )


def _sums(scope: MessageScope, first: date, last: date) -> dict[tuple[UUID, str], RewardSums]:
    if scope.campaign_id is None:
        rows = sum_rewards(clients=scope.clients, group="brand", first=first, last=last)
    else:
        rows = [read_sums(row) for row in _ask(_OF_CAMPAIGN, scope, first, last)]
    return {(row.key, row.currency): row for row in rows if row.key is not None}


def _days(scope: MessageScope, first: date, last: date) -> Mapping[UUID, Mapping[date, int]]:
    if scope.campaign_id is None:
        return count_per_brand_and_day(clients=scope.clients, first=first, last=last)
    found: dict[UUID, dict[date, int]] = {}
    for brand_id, day, count in _ask(_DAYS_OF_CAMPAIGN, scope, first, last):
        found.setdefault(brand_id, {})[day] = count
    return found


def _by_part(
    days: Mapping[UUID, Mapping[date, int]], *, by_month: bool
) -> dict[UUID, dict[date, int]]:
    counts: dict[UUID, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for brand_id, of_day in days.items():
        for day, count in of_day.items():
            counts[brand_id][day.replace(day=1) if by_month else day] += count
    return counts


def _ask(statement: str, scope: MessageScope, first: date, last: date) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(rewards=_REWARDS),
            {
                "clients": list(scope.clients.ids),
                "campaign": scope.campaign_id,
                "start": midnight(first),
                "end": midnight(last + ONE_DAY),
            },
        )
        return list(cursor.fetchall())
