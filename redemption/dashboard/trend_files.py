"""How pools are used up, as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, Protocol
from uuid import UUID

from alerts.csvfiles import safe_cell
from giftcards.models import Pool
from giftcards.selectors.pools import PoolCounts
from redemption.dashboard.report_files import Cells, days_left_cells, write_cells
from redemption.selectors.forecast_methods import HORIZON_DAYS
from redemption.selectors.forecasting import Forecast
from redemption.selectors.stock_forecasts import Histories

_POOLS: Final = (
    "pool", "pool_id", "brand", "client", "available", "given_out_28_days",
    "given_out_28_days_before", "days_left", "days_left_soonest", "days_left_latest",
    "forecast_by",
)  # fmt: skip
_DAYS: Final = (
    "day", "given_out", "expected", "stock_expected", "stock_low", "stock_high",
)  # fmt: skip


class Given(Protocol):
    """What was given out in the last four weeks, and in the four before."""

    @property
    def now(self) -> int: ...

    @property
    def before(self) -> int: ...


def write_pool_trends(
    pools: Iterable[Pool],
    *,
    counts: Mapping[UUID, PoolCounts],
    paces: Mapping[UUID, Given],
    histories: Histories,
) -> bytes:
    """Return the pools, a line for each."""

    def cells(pool: Pool) -> Cells:
        available = counts[pool.pk].available
        return {
            "pool": safe_cell(pool.name),
            "pool_id": pool.pk,
            "brand": safe_cell(pool.brand.name),
            "client": safe_cell(pool.client.name if pool.client else ""),
            "available": available,
            "given_out_28_days": paces[pool.pk].now,
            "given_out_28_days_before": paces[pool.pk].before,
            **days_left_cells(histories.run_out([pool.pk], available)),
        }

    return write_cells(_POOLS, [cells(pool) for pool in pools])


def write_pool_days(
    history: Sequence[int], *, forecast: Forecast | None, available: int, today: date
) -> bytes:
    """Return a pool's days, a line for each: what was given out, then what is expected."""
    first = today - timedelta(days=len(history))
    lines: list[Cells] = [
        {"day": (first + timedelta(days=number)).isoformat(), "given_out": taken}
        for number, taken in enumerate(history)
    ]
    if forecast is not None:
        ahead = zip(forecast.method.ahead(HORIZON_DAYS), forecast.totals(), strict=True)
        lines += [
            {
                "day": (today + timedelta(days=number)).isoformat(),
                "expected": f"{expected:.2f}",
                "stock_expected": max(0, available - round(taken)),
                "stock_low": max(0, available - high),
                "stock_high": max(0, available - low),
            }
            for number, (expected, (taken, low, high)) in enumerate(ahead)
        ]
    return write_cells(_DAYS, lines)
