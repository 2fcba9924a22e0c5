"""How wrong the forecasts would have been: asked on past days about days that are past as well."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from redemption.selectors.forecasting import (
    HISTORY_DAYS,
    DaysLeft,
    Forecast,
    choose_forecast,
    days_left,
)

_EVERY_DAYS: Final = 7
_WEEK: Final = 7
_WEEKS: Final = 28


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of a number of forecasts, each made from the days before it alone.

    :param taken: how many cards were taken in the days that they were about.
    :param missed: by how many cards they were off, added up without sign.
    :param missed_by_week: the same of the plain rate, what a day took on average, of the last
        seven days; ``missed_by_weeks`` of the last 28, ``missed_by_all`` of all that were known.
    :param held: how many of them had the truth within their range.
    :param run_outs: how many told when a stock would be gone, and ``run_outs_held`` in how many
        it was gone on a day of their range.
    """

    forecasts: int = 0
    taken: int = 0
    missed: float = 0.0
    missed_by_week: float = 0.0
    missed_by_weeks: float = 0.0
    missed_by_all: float = 0.0
    held: int = 0
    run_outs: int = 0
    run_outs_held: int = 0


def try_forecasts(history: Sequence[int], *, ahead: int) -> Trial:
    """Make a forecast every seventh day of a history, each about the days that followed.

    :param history: what was taken on each day, the oldest first.
    :param ahead: about how many days together.
    """
    return add_trials(
        try_forecast(history[day - HISTORY_DAYS : day], history[day:], ahead=ahead)
        for day in range(HISTORY_DAYS, len(history) - ahead + 1, _EVERY_DAYS)
    )


def try_forecast(
    known: Sequence[int], came: Sequence[int], *, ahead: int, width: float = 1
) -> Trial:
    """Make one forecast and compare it with what came.

    The stock whose last day is told is what the days ahead would take at the mean of all days.

    :param known: what was taken on each day before.
    :param came: what was taken on the days since, at least ``ahead`` of them.
    :param width: makes the range so many times as wide, to see that it matters.
    """
    forecast = choose_forecast(known)
    if forecast is None:
        return Trial()
    *_, (expected, low, high) = forecast.totals(ahead)
    low, high = (round(expected + (end - expected) * width) for end in (low, high))
    taken = sum(came[:ahead])
    begin = next(day for day, cards in enumerate(known) if cards)
    # Days that end before most such stocks do would tell of the early ones alone.
    run_out = (
        _try_run_out(forecast, _stock_for(ahead, known), came, width)
        if len(came) >= 2 * ahead
        else None
    )
    return Trial(
        forecasts=1,
        taken=taken,
        missed=abs(taken - expected),
        missed_by_week=abs(taken - ahead * _mean(known[-_WEEK:])),
        missed_by_weeks=abs(taken - ahead * _mean(known[begin:][-_WEEKS:])),
        missed_by_all=abs(taken - ahead * _mean(known[begin:])),
        held=int(low <= taken <= high),
        run_outs=int(run_out is not None),
        run_outs_held=int(bool(run_out)),
    )


def add_trials(trials: Iterable[Trial]) -> Trial:
    """Return several trials as one."""
    rows = list(trials)
    return Trial(
        **{
            field.name: sum(getattr(row, field.name) for row in rows)
            for field in dataclasses.fields(Trial)
        }
    )


def _try_run_out(forecast: Forecast, available: int, came: Sequence[int], width: float) -> bool:
    """Tell whether a stock was gone on a day of the range, or at least not before it."""
    gone = next(
        (day for day, taken in enumerate(itertools.accumulate(came)) if taken >= available),
        len(came),
    )
    soonest, latest = _narrow(days_left(forecast, available), width)
    return soonest <= gone and (latest is None or gone <= latest)


def _stock_for(days: int, known: Sequence[int]) -> int:
    # And part of a day more, as chance will have it: stocks don't end with the day.
    return max(1, round((days + sum(known) % 100 / 100) * _mean(known)))


def _narrow(left: DaysLeft, width: float) -> tuple[int, int | None]:
    expected, soonest, latest = left.expected, left.soonest, left.latest
    if expected is None or soonest is None:
        return soonest or 0, latest
    return (
        round(expected + (soonest - expected) * width),
        None if latest is None else round(expected + (latest - expected) * width),
    )


def _mean(days: Sequence[int]) -> float:
    return sum(days) / len(days)
