"""How wrong the forecasts would have been: asked on past days about days that are past as well."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Final

from redemption.selectors.forecasting import HISTORY_DAYS, RANGE, choose_forecast

_EVERY_DAYS: Final = 7


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of a number of forecasts, each made from the days before it alone.

    :param taken: how many cards were taken in the days that they were about.
    :param missed: by how many cards they were off, added up without sign.
    :param missed_by_repeating: the same of who says that the last days will repeat.
    :param held: how many of them had the truth within their range.
    """

    forecasts: int = 0
    taken: int = 0
    missed: float = 0.0
    missed_by_repeating: float = 0.0
    held: int = 0


def try_forecasts(history: Sequence[int], *, ahead: int) -> Trial:
    """Make a forecast every seventh day of a history, each about the days that followed.

    :param history: what was taken on each day, the oldest first.
    :param ahead: about how many days together.
    """
    trials = []
    for day in range(HISTORY_DAYS, len(history) - ahead + 1, _EVERY_DAYS):
        before = history[day - HISTORY_DAYS : day]
        forecast = choose_forecast(before)
        if forecast is None:
            continue
        *_, (expected, deviation) = forecast.totals(ahead)
        taken = sum(history[day : day + ahead])
        missed = abs(taken - expected)
        trials.append(
            Trial(
                forecasts=1,
                taken=taken,
                missed=missed,
                missed_by_repeating=abs(taken - sum(before[-ahead:])),
                held=int(missed <= RANGE * deviation),
            )
        )
    return add_trials(trials)


def add_trials(trials: Iterable[Trial]) -> Trial:
    """Return several trials as one."""
    total = Trial()
    for trial in trials:
        total = Trial(
            forecasts=total.forecasts + trial.forecasts,
            taken=total.taken + trial.taken,
            missed=total.missed + trial.missed,
            missed_by_repeating=total.missed_by_repeating + trial.missed_by_repeating,
            held=total.held + trial.held,
        )
    return total
