"""How long a stock will last, from what was taken of it each day: numbers in, numbers out.

Note [Forecast]
Three ways of looking ahead try each other out on the last weeks: Holt-Winters (a level, a damped
trend and a season of seven days), Croston's method with Syntetos and Boylan's correction (for
stocks of which something is taken on few days), and the plain average. Whichever was the least
wrong about the seven days that followed each day is taken. The range holds four of five outcomes
if the days to come are as uneven as those behind: its width grows from the errors of one day as
the method's own equations pass them on, and is widened where the last weeks' errors were larger.
What nobody could know from the past (a campaign that starts, a sale of cards) is not in it, and
a day without stock looks like a day on which nobody wanted any.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

HORIZON_DAYS: Final = 180
HISTORY_DAYS: Final = 84
# Fewer days than this tell nothing; a season takes two weeks.
FEWEST_DAYS: Final = 7
_SEASON: Final = 7
_WARM_UP_DAYS: Final = 2 * _SEASON
_TESTED_DAYS: Final = 28
_AHEAD_DAYS: Final = 7
# Of a normal distribution, four fifths lie this many standard deviations around the middle.
RANGE: Final = 1.2816


class Method(Protocol):
    """A way of looking ahead that learns one day after the other."""

    @property
    def name(self) -> str: ...

    def learn(self, taken: float) -> None:
        """Take in what happened on the next day."""

    def ahead(self, days: int) -> Sequence[float]:
        """Return what is expected on each of the next ``days`` days; never below zero."""

    def passed_on(self, days: int) -> float:
        """Return how much of an error of today moves what is expected ``days`` days from now."""


class HoltWinters:
    """Level, damped trend and a season of seven days, all of them additive."""

    def __init__(
        self, first: Sequence[float], *, alpha: float, beta: float, gamma: float, phi: float
    ) -> None:
        self.name = "Holt-Winters"
        self._alpha, self._beta, self._gamma, self._phi = alpha, beta, gamma, phi
        self._level, self._trend, self._day = sum(first) / len(first), 0.0, len(first)
        self._season = [
            sum(first[day::_SEASON]) / len(first[day::_SEASON]) - self._level
            for day in range(_SEASON)
        ]

        self._damped = _damped(phi)

    def learn(self, taken: float) -> None:
        season = self._day % _SEASON
        level = self._level + self._phi * self._trend
        error = taken - level - self._season[season]
        self._trend = self._phi * self._trend + self._alpha * self._beta * error
        self._level = level + self._alpha * error
        self._season[season] += self._gamma * (1 - self._alpha) * error
        self._day += 1

    def ahead(self, days: int) -> Sequence[float]:
        level, trend, season, first = self._level, self._trend, self._season, self._day
        return [
            max(0.0, level + self._damped[day] * trend + season[(first + day) % _SEASON])
            for day in range(days)
        ]

    def passed_on(self, days: int) -> float:
        season = self._gamma * (1 - self._alpha) if days % _SEASON == 0 else 0.0
        return self._alpha * (1 + self._beta * self._damped[days - 1]) + season


@functools.cache
def _damped(phi: float) -> Sequence[float]:
    """Return the weight of the trend on each day ahead: the sum of phi's powers."""
    return list(itertools.accumulate(phi**day for day in range(1, HORIZON_DAYS + 1)))


class Croston:
    """The size of what is taken at once and the days between, each smoothed on its own."""

    def __init__(self, first: Sequence[float], *, alpha: float) -> None:
        self.name = "Croston"
        self._alpha = alpha
        taken = [amount for amount in first if amount]
        self._size = sum(taken) / len(taken) if taken else 0.0
        self._interval = len(first) / len(taken) if taken else float(len(first))
        self._since = 1

    def learn(self, taken: float) -> None:
        if not taken:
            self._since += 1
            return
        self._size += self._alpha * (taken - self._size) if self._size else taken
        self._interval += self._alpha * (self._since - self._interval)
        self._since = 1

    def ahead(self, days: int) -> Sequence[float]:
        return [(1 - self._alpha / 2) * self._size / self._interval] * days

    def passed_on(self, days: int) -> float:
        return self._alpha


class Average:
    """The mean of all the days."""

    def __init__(self, first: Sequence[float]) -> None:
        self.name = "average"
        self._total, self._days = float(sum(first)), len(first)

    def learn(self, taken: float) -> None:
        self._total += taken
        self._days += 1

    def ahead(self, days: int) -> Sequence[float]:
        return [self._total / self._days] * days

    def passed_on(self, days: int) -> float:
        return 1 / self._days


# A slow one for stocks that go evenly, one that follows a growth, a quick one for what jumps.
_METHODS: Final[tuple[Callable[[Sequence[float]], Method], ...]] = (
    lambda first: HoltWinters(first, alpha=0.05, beta=0.05, gamma=0.05, phi=0.9),
    lambda first: HoltWinters(first, alpha=0.1, beta=0.1, gamma=0.1, phi=0.98),
    lambda first: HoltWinters(first, alpha=0.3, beta=0.05, gamma=0.1, phi=0.9),
    lambda first: Croston(first, alpha=0.1),
    Average,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected to be taken.

    :param method: which way was taken.
    :param error: by how many cards it was off in the last weeks, on average over what was taken
        by the end of each of seven days; None where there were too few days to try it.
    """

    method: Method
    error: float | None
    deviation: float

    def totals(self, days: int = HORIZON_DAYS) -> Iterator[tuple[float, float]]:
        """Yield what is taken until the end of each coming day, and its standard deviation."""
        total, variance, weight = 0.0, 0.0, 1.0
        for day, taken in enumerate(self.method.ahead(days), start=1):
            total += taken
            variance += weight**2
            yield total, self.deviation * math.sqrt(variance)
            weight += self.method.passed_on(day)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DaysLeft:
    """For how many whole days a stock lasts; None is longer than ``HORIZON_DAYS``.

    :param soonest: and ``latest``: four of five outcomes lie between them.
    """

    expected: int | None
    soonest: int | None
    latest: int | None


def choose_forecast(history: Sequence[int]) -> Forecast | None:
    """Return the way of looking ahead that the last weeks speak for: Note [Forecast].

    :param history: what was taken on each day, the oldest first, without a gap. Days before the
        first on which anything was taken don't count.
    :returns: None where nothing was taken, or the history is too short to say anything.
    """
    begin = next((day for day, taken in enumerate(history) if taken), len(history))
    days = [float(taken) for taken in history[begin:]]
    if len(days) < FEWEST_DAYS:
        return None
    if len(days) < _WARM_UP_DAYS + _AHEAD_DAYS:
        mean = sum(days) / len(days)
        spread = sum((day - mean) ** 2 for day in days) / (len(days) - 1)
        # Few days may be alike by chance; what comes one by one is never more even than this.
        return Forecast(method=Average(days), error=None, deviation=math.sqrt(max(spread, mean)))
    return min((_try_out(make, days) for make in _METHODS), key=lambda tried: tried.error or 0.0)


def days_left(forecast: Forecast, available: int) -> DaysLeft:
    """Return how many whole days it takes until what is available has been taken."""
    soonest = expected = latest = None
    for day, (total, deviation) in enumerate(forecast.totals()):
        margin = RANGE * deviation
        if soonest is None and total + margin >= available:
            soonest = day
        if expected is None and total >= available:
            expected = day
        if total - margin >= available or not available:
            latest = day
            break
    return DaysLeft(expected=expected, soonest=soonest, latest=latest)


def _try_out(make: Callable[[Sequence[float]], Method], days: list[float]) -> Forecast:
    """Let a method learn the days, asking it on each of the last ones about the next seven."""
    method = make(days[:_WARM_UP_DAYS])
    first_asked = max(_WARM_UP_DAYS, len(days) - _TESTED_DAYS - _AHEAD_DAYS)
    one_day, on_the_way, week = [], [], []
    for day in range(_WARM_UP_DAYS, len(days)):
        if first_asked <= day <= len(days) - _AHEAD_DAYS:
            expected = method.ahead(_AHEAD_DAYS)
            came = days[day : day + _AHEAD_DAYS]
            missed = list(itertools.accumulate(map(operator.sub, came, expected)))
            on_the_way.append(sum(map(abs, missed)) / _AHEAD_DAYS)
            week.append(missed[-1])
        else:
            expected = method.ahead(1)
        one_day.append(days[day] - expected[0])
        method.learn(days[day])
    deviation = _root_mean_square(one_day)
    error = sum(on_the_way) / len(on_the_way)
    forecast = Forecast(method=method, error=error, deviation=deviation)
    *_, (_, of_week) = forecast.totals(_AHEAD_DAYS)
    missed_by = _root_mean_square(week)
    if of_week and missed_by > of_week:
        forecast = dataclasses.replace(forecast, deviation=deviation * missed_by / of_week)
    return forecast


def _root_mean_square(errors: Sequence[float]) -> float:
    return math.sqrt(sum(error**2 for error in errors) / len(errors))
