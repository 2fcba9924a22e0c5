"""How long the cards of pools will last, from what was given out of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from redemption.selectors.forecasting import (
    HISTORY_DAYS,
    DaysLeft,
    Forecast,
    choose_forecast,
    days_left,
)
from redemption.selectors.reward_days import Clients, count_per_pool_and_day


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunOut:
    """When a stock is used up; the dates are None beyond the days that are looked ahead.

    :param method: which of the methods of Note [Forecast] was the best.
    """

    left: DaysLeft
    today: date
    method: str

    @property
    def expected_on(self) -> date | None:
        return self._day(self.left.expected)

    @property
    def soonest_on(self) -> date | None:
        return self._day(self.left.soonest)

    @property
    def latest_on(self) -> date | None:
        return self._day(self.left.latest)

    def _day(self, days: int | None) -> date | None:
        return None if days is None else self.today + timedelta(days=days)


@dataclasses.dataclass(frozen=True, slots=True)
class Histories:
    """What was given out of each pool on each of the last whole days."""

    today: date
    by_pool: Mapping[UUID, Mapping[date, int]]

    def of(self, pool_ids: Iterable[UUID]) -> list[int]:
        """Return what was given out of some pools together, the oldest day first."""
        pools = [self.by_pool[pool_id] for pool_id in pool_ids if pool_id in self.by_pool]
        days = [self.today - timedelta(days=back) for back in range(HISTORY_DAYS, 0, -1)]
        return [sum(pool.get(day, 0) for pool in pools) for day in days]

    def forecast(self, pool_ids: Iterable[UUID]) -> Forecast | None:
        """Return what is expected to be given out; None where the past says nothing."""
        return choose_forecast(self.of(pool_ids))

    def run_out(self, pool_ids: Sequence[UUID], available: int) -> RunOut | None:
        """Return when what is available is used up; None where the past says nothing."""
        forecast = self.forecast(pool_ids)
        if forecast is None:
            return None
        return RunOut(
            left=days_left(forecast, available), today=self.today, method=forecast.method.name
        )


def read_histories(*, clients: Clients, pool_ids: Collection[UUID], now: datetime) -> Histories:
    """Return the last weeks of some pools, as far as they served the clients.

    Today is left out: what is given out until the evening is not known yet.
    """
    today = now.astimezone(UTC).date()
    by_pool = count_per_pool_and_day(
        clients=clients,
        pool_ids=pool_ids,
        first=today - timedelta(days=HISTORY_DAYS),
        last=today - timedelta(days=1),
    )
    return Histories(today, by_pool)
