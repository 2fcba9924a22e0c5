"""The picture of a stock that is used up: what is expected to be left, and between what."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from redemption.dashboard.charts import HEIGHT, RIGHT, WIDTH, Line, draw_scale
from redemption.dashboard.report_words import short_day_words
from redemption.selectors.forecasting import DaysLeft, Forecast, days_left

_LEAST_DAYS: Final = 14
_MOST_DAYS: Final = 180
_TICKS: Final = 6
_ROWS: Final = 7


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StockPoint:
    """What is left at the end of a day; four of five outcomes lie from ``low`` to ``high``."""

    day: date
    expected: int
    low: int
    high: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A day under the axis."""

    x: float
    label: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StockChart:
    """A line within its range.

    :param band: the outline of the range, ``line`` the expected, as SVG points.
    :param gone_x: where the stock is expected to be gone; None beyond the picture.
    :param rows: one of each week, to read.
    """

    width: int
    height: int
    left: int
    axis_y: float
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    band: str
    line: str
    gone_x: float | None
    gone_on: str
    rows: tuple[StockPoint, ...]


def foresee_stock(
    forecast: Forecast, *, available: int, today: date, days: int
) -> list[StockPoint]:
    """Return what will be left of a stock now and at the end of the coming days, today first."""
    points = [StockPoint(day=today, expected=available, low=available, high=available)]
    for number, (taken, low, high) in enumerate(forecast.totals(days)):
        points.append(
            StockPoint(
                day=today + timedelta(days=number),
                expected=max(0, available - round(taken)),
                low=max(0, available - high),
                high=max(0, available - low),
            )
        )
    return points


def draw_stock(forecast: Forecast, *, available: int, today: date) -> StockChart:
    """Draw how a stock is used up, until it is gone in nine of ten outcomes."""
    left = days_left(forecast, available)
    days = _days_of(left)
    points = foresee_stock(forecast, available=available, today=today, days=days)
    scale = draw_scale(available)
    slot = (WIDTH - scale.left - RIGHT) / days

    def place(number: int, value: float) -> str:
        return f"{scale.left + slot * number:.1f},{scale.y_of(value):.1f}"

    upper = [place(number, point.high) for number, point in enumerate(points)]
    lower = [place(number, point.low) for number, point in enumerate(points)]
    # Whole cards would reach the bottom before the day on which the last one goes.
    taken = [0.0, *(span.expected for span in forecast.spans(days))]
    path = [place(number, max(0.0, available - one)) for number, one in enumerate(taken)]
    gone = None if left.expected is None or left.expected >= days else left.expected
    return StockChart(
        width=WIDTH,
        height=HEIGHT,
        left=scale.left,
        axis_y=scale.axis_y,
        lines=scale.lines,
        ticks=tuple(_ticks(points, slot, scale.left)),
        band=" ".join(upper + lower[::-1]),
        line=" ".join(path),
        gone_x=None if gone is None else round(scale.left + slot * (gone + 1), 1),
        gone_on="" if gone is None else short_day_words(today + timedelta(days=gone)),
        rows=tuple(points[_ROWS::_ROWS]),
    )


def _days_of(left: DaysLeft) -> int:
    """Return how far the picture goes."""
    if left.expected is None:
        return _MOST_DAYS
    last = left.latest if left.latest is not None else left.expected * 2
    return min(_MOST_DAYS, max(_LEAST_DAYS, math.ceil(last * 1.1) + 2))


def _ticks(points: Sequence[StockPoint], slot: float, left: int) -> list[Tick]:
    every = max(1, len(points) // _TICKS)
    return [
        Tick(x=round(left + slot * (number + 1), 1), label=short_day_words(point.day))
        for number, point in enumerate(points[1:])
        if number % every == every - 1
    ]
