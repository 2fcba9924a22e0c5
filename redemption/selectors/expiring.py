"""Cards in stock that will expire, and those of them that nobody is expected to take in time."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from alerts.scope import EVERYTHING, seeing
from giftcards.models import Pool
from redemption.selectors.card_report import ReportScope
from redemption.selectors.stock_forecasts import Histories

WINDOWS: Final = (30, 60, 90)

_EXPIRING: Final = """
    SELECT pool_id, expires_on, count(*), coalesce(sum(value_minor), 0)
    FROM giftcards_giftcard
    WHERE status = 'available' AND pool_id = ANY (%(pools)s)
        AND expiry_bucket BETWEEN %(first_month)s AND %(last_month)s
        AND expires_on BETWEEN %(today)s AND %(last)s
    GROUP BY pool_id, expires_on ORDER BY expires_on
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringDay:
    """The cards of a pool that can be claimed for the last time on a day."""

    expires_on: date
    cards: int
    value_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringPool:
    """A pool with the cards that expire within the longest window, the earliest day first.

    :param within: how many expire within each of ``WINDOWS``, in days from today.
    """

    pool: Pool
    days: tuple[ExpiringDay, ...]
    within: Mapping[int, int]

    @property
    def value_minor(self) -> int:
        """What all of them are worth, in minor units of the pool's currency."""
        return sum(day.value_minor for day in self.days)


def list_expiring(*, scope: ReportScope, now: datetime) -> list[ExpiringPool]:
    """Return the pools in use with cards that expire within the longest window, earliest first."""
    today = now.astimezone(UTC).date()
    pools = scope.pools(with_archived=False)
    found = _expiring_days([pool.pk for pool in pools], today)
    rows = []
    for pool in pools:
        days = found.get(pool.pk)
        if days:
            rows.append(
                ExpiringPool(
                    pool=pool,
                    days=tuple(days),
                    within={
                        window: sum(
                            day.cards
                            for day in days
                            if day.expires_on <= today + timedelta(days=window)
                        )
                        for window in WINDOWS
                    },
                )
            )
    rows.sort(key=lambda row: (row.days[0].expires_on, row.pool.name))
    return rows


def count_left_over(row: ExpiringPool, histories: Histories) -> int | None:
    """Return how many of a pool's expiring cards will not be taken in time.

    Those that expire first are given out first.

    :returns: None where the past says nothing.
    """
    forecast = histories.forecast([row.pool.pk])
    if forecast is None:
        return None
    taken = [span.expected for span in forecast.spans()]
    expiring, left_over = 0, 0.0
    for day in row.days:
        expiring += day.cards
        left_over = max(left_over, expiring - taken[(day.expires_on - histories.today).days])
    return round(left_over)


# The pools are those of the scope; asked of each card, whose it is would cost more than the rest.
@seeing(EVERYTHING)
def _expiring_days(pool_ids: Sequence[UUID], today: date) -> dict[UUID, list[ExpiringDay]]:
    last = today + timedelta(days=WINDOWS[-1])
    found: dict[UUID, list[ExpiringDay]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            _EXPIRING,
            {
                "pools": list(pool_ids),
                "today": today,
                "last": last,
                "first_month": today.year * 100 + today.month,
                "last_month": last.year * 100 + last.month,
            },
        )
        for pool_id, expires_on, cards, value_minor in cursor.fetchall():
            found[pool_id].append(
                ExpiringDay(expires_on=expires_on, cards=cards, value_minor=int(value_minor))
            )
    return found
