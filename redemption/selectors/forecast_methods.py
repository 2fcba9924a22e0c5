"""Ways of looking ahead from what was taken of a stock on each day: Note [Forecast]."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Final, Protocol

HORIZON_DAYS: Final = 180
SEASON: Final = 7


class Method(Protocol):
    """A way of looking ahead that learns one day after the other."""

    @property
    def name(self) -> str: ...

    def learn(self, taken: float) -> None:
        """Take in what happened on the next day."""

    def ahead(self, days: int) -> Sequence[float]:
        """Return what is expected on each of the next ``days`` days; never below zero."""

    def widening(self) -> Sequence[float]:
        """Return by how much more than days that err on their own the sum of 1, 2, … days varies.

        It grows with the days: who is wrong about the pace is so every day.
        """


class HoltWinters:
    """Level, damped trend and a season of seven days, all of them additive."""

    def __init__(
        self, first: Sequence[float], *, alpha: float, beta: float, gamma: float, phi: float
    ) -> None:
        self.name = "Holt-Winters"
        self._alpha, self._beta, self._gamma, self._phi = alpha, beta, gamma, phi
        self._level, self._trend, self._day = sum(first) / len(first), 0.0, len(first)
        self._season = [
            sum(first[day::SEASON]) / len(first[day::SEASON]) - self._level for day in range(SEASON)
        ]
        self._damped = _damped(phi)

    def learn(self, taken: float) -> None:
        season = self._day % SEASON
        level = self._level + self._phi * self._trend
        error = taken - level - self._season[season]
        self._trend = self._phi * self._trend + self._alpha * self._beta * error
        self._level = level + self._alpha * error
        self._season[season] += self._gamma * (1 - self._alpha) * error
        self._day += 1

    def ahead(self, days: int) -> Sequence[float]:
        level, trend, season, first = self._level, self._trend, self._season, self._day
        return [
            max(0.0, level + self._damped[day] * trend + season[(first + day) % SEASON])
            for day in range(days)
        ]

    def widening(self) -> Sequence[float]:
        return _widening(self._alpha, self._beta, self._gamma, self._phi)


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

    def widening(self) -> Sequence[float]:
        return _widening(self._alpha, 0.0, 0.0, 1.0)


class Average:
    """The plain rate: the mean of all the days, in which each weekday counts the same."""

    def __init__(self, first: Sequence[float]) -> None:
        self.name = "average"
        self._sums = [0.0] * SEASON
        self._days = 0
        for taken in first:
            self.learn(taken)

    def learn(self, taken: float) -> None:
        self._sums[self._days % SEASON] += taken
        self._days += 1

    def ahead(self, days: int) -> Sequence[float]:
        means = self._means()
        return [sum(means) / len(means)] * days

    def widening(self) -> Sequence[float]:
        return [1 + day / self._days for day in range(1, HORIZON_DAYS + 1)]

    def _means(self) -> list[float]:
        return [
            total / ((self._days - weekday + SEASON - 1) // SEASON)
            for weekday, total in enumerate(self._sums[: self._days])
        ]


class WeeklyAverage(Average):
    """The mean of each weekday, drawn to that of all days as far as they differ by chance."""

    def __init__(self, first: Sequence[float]) -> None:
        self._squares = 0.0
        self._profile: list[float] | None = None
        super().__init__(first)
        self.name = "weekly average"

    def learn(self, taken: float) -> None:
        super().learn(taken)
        self._squares += taken * taken
        self._profile = None

    def ahead(self, days: int) -> Sequence[float]:
        if self._profile is None:
            self._profile = self._draw_together()
        today = self._days % SEASON
        week = self._profile[today:] + self._profile[:today]
        return (week * (days // SEASON + 1))[:days]

    def _draw_together(self) -> list[float]:
        """Keep of the weekdays' differences what noise alone would not have made (Stein)."""
        means = self._means()
        middle = sum(means) / SEASON
        between = sum((mean - middle) ** 2 for mean in means) / (SEASON - 1)
        explained = sum(total * mean for total, mean in zip(self._sums, means, strict=True))
        within = max(0.0, self._squares - explained) / max(1, self._days - SEASON)
        noise = within * SEASON / self._days
        kept = max(0.0, 1 - noise / between) if between else 0.0
        level = kept * middle + (1 - kept) * sum(self._sums) / self._days
        return [max(0.0, level + kept * (mean - middle)) for mean in means]


@functools.cache
def _damped(phi: float) -> Sequence[float]:
    """Return the weight of the trend on each day ahead: the sum of phi's powers."""
    return list(itertools.accumulate(phi**day for day in range(1, HORIZON_DAYS + 1)))


@functools.cache
def _widening(alpha: float, beta: float, gamma: float, phi: float) -> Sequence[float]:
    """Return how the method's own equations pass an error of one day on to the days after it."""
    damped = _damped(phi)
    weight, variance, widening = 1.0, 0.0, []
    for day in range(1, HORIZON_DAYS + 1):
        variance += weight**2
        widening.append(variance / day)
        season = gamma * (1 - alpha) if day % SEASON == 0 else 0.0
        weight += alpha * (1 + beta * damped[day - 1]) + season
    return widening
