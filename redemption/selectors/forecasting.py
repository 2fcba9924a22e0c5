"""How long a stock will last, from what was taken of it each day: numbers in, numbers out.

Note [Forecast]
Ways of looking ahead try each other out on the last weeks: the mean of each weekday, Holt-Winters
(a level, a damped trend and a season of seven days) and Croston's method with Syntetos and
Boylan's correction (for stocks of which something is taken on few days). The weekdays' means are
taken unless another was clearly less wrong about the seven days that followed each day: who takes
the best of many each time takes the luckiest. Before there are three weeks to try anything on, the
weekdays' means are taken untried, and before there are two, the plain rate.

The range holds four of five outcomes. It is a gamma distribution's, so that it never reaches below
nothing and is longer upwards. Its variance is what one day's held-back error was, per card that
was expected and never less than that of people who come one by one; passed on to the days after
as the method's own equations say; and corrected by the held-back errors of whole weeks, which are
few and are therefore drawn to what was expected of them (``_TRUST``). ``check_forecasts`` shows
that four of five is what it comes to, on stocks that no constant here was chosen by.

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
from typing import Final

from redemption.selectors.forecast_methods import (
    HORIZON_DAYS,
    SEASON,
    Average,
    Croston,
    HoltWinters,
    Method,
    WeeklyAverage,
)

HISTORY_DAYS: Final = 84
# Fewer days than this tell nothing; a season takes two weeks.
FEWEST_DAYS: Final = 7
WARM_UP_DAYS: Final = 2 * SEASON
_TESTED_DAYS: Final = 28
_AHEAD_DAYS: Final = SEASON
# Of a normal distribution, four fifths lie this many standard deviations around the middle, and
# four fifths lie below the second.
_BOTH_SIDES: Final = 1.2816
_ONE_SIDE: Final = 0.8416
_TAIL: Final = 0.1
_OUTWARDS: Final = 0.1
# How much less wrong another method must have been to be taken.
_CLEARLY: Final = 0.88
# So many weeks must have been missed to weigh as much as the method's own equations.
_TRUST: Final = 6
# The same for young stocks: days a week apart against what their first days were like; and how
# uneven (variance over the mean's square) days are for no other reason than their weekdays.
_TRUST_OF_YOUNG: Final = 4
_WEEKDAYS: Final = 0.08


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is taken until the end of a day: four of five outcomes lie from ``low`` to ``high``."""

    expected: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected to be taken.

    :param method: which way was taken.
    :param error: by how many cards it was off in the last weeks, on average over what was taken
        by the end of each of seven days; None where there were too few days to try it.
    :param dispersion: the variance of what a day takes, over what is expected of it.
    :param quiet: the share of days on which nothing was taken.
    :param lump: half of what is taken at once, weighed by ``quiet``: where most days take
        nothing, a total can't lie between two lumps.
    """

    method: Method
    error: float | None
    dispersion: float
    quiet: float
    lump: float

    def spans(self, days: int = HORIZON_DAYS) -> Iterator[Span]:
        """Yield what is taken until the end of each coming day."""
        total = low = high = 0.0
        nothing = 1.0
        for taken, widening in zip(self.method.ahead(days), self.method.widening(), strict=False):
            total += taken
            nothing *= self.quiet
            if total:
                # Wilson and Hilferty's cube: the quantiles of a gamma distribution.
                shape = total / (self.dispersion * widening)
                middle, sigma = 1 - 1 / (9 * shape), 1 / (3 * math.sqrt(shape))
                is_likely_nothing = nothing > _TAIL
                above = _ONE_SIDE if is_likely_nothing else _BOTH_SIDES
                high = max(high, total * max(0.0, middle + above * sigma) ** 3)
                if not is_likely_nothing:
                    low = max(low, total * max(0.0, middle - _BOTH_SIDES * sigma) ** 3)
            yield Span(
                expected=total,
                low=max(0.0, min(low, total) - self.lump),
                high=max(high + self.lump, total),
            )

    def totals(self, days: int = HORIZON_DAYS) -> Iterator[tuple[float, int, int]]:
        """Yield what is taken until the end of each coming day, and between how many whole cards
        four of five outcomes lie, both included.
        """
        for span in self.spans(days):
            yield (
                span.expected,
                min(math.ceil(span.low), math.floor(span.expected)),
                max(math.floor(span.high), math.ceil(span.expected)),
            )


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
    return _choose(tuple(history[begin:]))


def days_left(forecast: Forecast, available: int) -> DaysLeft:
    """Return how many whole days it takes until what is available has been taken."""
    if not available:
        return DaysLeft(expected=0, soonest=0, latest=0)
    soonest = expected = latest = None
    before = Span(expected=0.0, low=0.0, high=0.0)
    for day, span in enumerate(forecast.spans()):
        # The range ends within a day, and is drawn to one of that day's ends: to the nearer one,
        # or, near the middle, to the one that makes it wider.
        if soonest is None and span.high >= available:
            soonest = day + (_reached_at(before.high, span.high, available) > 0.5 + _OUTWARDS)
        if expected is None and span.expected >= available:
            expected = day
        if span.low >= available:
            late = _reached_at(before.low, span.low, available) > 0.5 - _OUTWARDS
            latest = day if late else day - 1
            break
        before = span
    if expected is not None:
        soonest = expected if soonest is None else min(soonest, expected)
        latest = None if latest is None else max(latest, expected)
    return DaysLeft(expected=expected, soonest=soonest, latest=latest)


@functools.lru_cache(maxsize=4096)
def _choose(history: tuple[int, ...]) -> Forecast | None:
    # The past of a pool is the same all day, and asked for by many pages.
    days = [float(taken) for taken in history]
    if len(days) < FEWEST_DAYS:
        return None
    if len(days) < WARM_UP_DAYS + _AHEAD_DAYS:
        return _trust_first_days(days)
    plainest, *others = (_try_out(make, days) for make in _METHODS)
    best = min(others, key=lambda tried: tried.error or 0.0)
    return best if (best.error or 0.0) < _CLEARLY * (plainest.error or 0.0) else plainest


# A slow one for stocks that go evenly, one that follows a growth, a quick one for what jumps.
_METHODS: Final[tuple[Callable[[Sequence[float]], Method], ...]] = (
    WeeklyAverage,
    lambda first: HoltWinters(first, alpha=0.05, beta=0.05, gamma=0.05, phi=0.9),
    lambda first: HoltWinters(first, alpha=0.1, beta=0.1, gamma=0.1, phi=0.98),
    lambda first: HoltWinters(first, alpha=0.3, beta=0.05, gamma=0.1, phi=0.9),
    lambda first: Croston(first, alpha=0.1),
)


def _reached_at(before: float, after: float, reached: float) -> float:
    """Return at which part of a day, from 0 to 1, a total that grows through it is reached."""
    return (reached - before) / (after - before)


def _trust_first_days(days: list[float]) -> Forecast:
    """Look ahead from days that are too few to try anything on."""
    mean = sum(days) / len(days)
    uneven = sum((day - mean) ** 2 for day in days) / (len(days) - 1) / mean
    # So few days can't tell a weekday from chance, but days a week apart can, where there are.
    first = 1 + max(0.0, uneven - 1 - mean * _WEEKDAYS)
    apart = sum((late - early) ** 2 for early, late in zip(days, days[SEASON:], strict=False))
    weight = len(days) - SEASON + _TRUST_OF_YOUNG
    dispersion = (apart / 2 / mean + _TRUST_OF_YOUNG * first) / weight
    make = Average if len(days) < WARM_UP_DAYS else WeeklyAverage
    return _forecast(make(days), days, error=None, dispersion=max(1.0, dispersion))


def _try_out(make: Callable[[Sequence[float]], Method], days: list[float]) -> Forecast:
    """Let a method learn the days, asking it on each of the last ones about the next seven."""
    method = make(days[:WARM_UP_DAYS])
    first_asked = max(WARM_UP_DAYS, len(days) - _TESTED_DAYS - _AHEAD_DAYS)
    on_the_way, weeks, expected_of_weeks = [], 0.0, 0.0
    one_day, expected_of_days = 0.0, 0.0
    for day in range(WARM_UP_DAYS, len(days)):
        if first_asked <= day <= len(days) - _AHEAD_DAYS:
            expected = method.ahead(_AHEAD_DAYS)
            came = days[day : day + _AHEAD_DAYS]
            missed = list(itertools.accumulate(map(operator.sub, came, expected)))
            on_the_way.append(sum(map(abs, missed)) / _AHEAD_DAYS)
            weeks += missed[-1] ** 2
            expected_of_weeks += sum(expected)
        else:
            expected = method.ahead(1)
        one_day += (days[day] - expected[0]) ** 2
        expected_of_days += expected[0]
        method.learn(days[day])
    dispersion = max(1.0, one_day / expected_of_days) if expected_of_days else 1.0
    if expected_of_weeks:
        variance = expected_of_weeks * dispersion * method.widening()[_AHEAD_DAYS - 1]
        # Weeks that share days tell little more than those that don't.
        weight = len(on_the_way) / _AHEAD_DAYS + 1
        dispersion *= (weeks / variance * weight + _TRUST) / (weight + _TRUST)
    error = sum(on_the_way) / len(on_the_way)
    return _forecast(method, days, error=error, dispersion=dispersion)


def _forecast(
    method: Method, days: list[float], *, error: float | None, dispersion: float
) -> Forecast:
    quiet = days.count(0.0) / len(days)
    lump = quiet * sum(days) / (len(days) - days.count(0.0)) / 2
    return Forecast(method=method, error=error, dispersion=dispersion, quiet=quiet, lump=lump)
