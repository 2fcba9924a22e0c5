"""Stocks that are made up, to try forecasts on: what was taken of each day by day.

They are another's than those that the forecast's constants were chosen by: a stock depends on the
name of its kind and on the seed, and nothing was chosen by any of these.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Iterator
from typing import Final

from redemption.selectors.forecasting import HISTORY_DAYS

SEED: Final = 2026
# What comes after is known for as long, so that a stock of four weeks is used up in it.
CAME_DAYS: Final = 56
_WEEK: Final = (1.3, 1.2, 1.1, 1.1, 1.0, 0.7, 0.6)
_A_DAY: Final = (5, 15, 40, 120)
_NEW_DAYS: Final = (8, 13)
# What a day takes on average, by day: those before it is asked are below zero.
_Weather = Callable[[int], float]


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stock; ``make`` gives one of them its weather."""

    name: str
    make: Callable[[random.Random], _Weather]
    stocks: int = 300
    known_days: tuple[int, int] = (HISTORY_DAYS, HISTORY_DAYS)


def made_up_stocks(kind: Kind, *, seed: int = SEED) -> Iterator[tuple[list[int], list[int]]]:
    """Yield some stocks of a kind: what was taken before it is asked, and since."""
    # The same stocks at every run; they decide nothing.
    chance = random.Random(f"{kind.name} {seed}")  # noqa: S311
    for _ in range(kind.stocks):
        weather, known = kind.make(chance), chance.randint(*kind.known_days)
        days = [_poisson(chance, weather(day)) for day in range(-known, CAME_DAYS)]
        yield days[:known], days[known:]


def _steady(chance: random.Random) -> _Weather:
    a_day = chance.choice(_A_DAY)
    return lambda _day: a_day


def _weekly(chance: random.Random) -> _Weather:
    a_day, monday = chance.choice(_A_DAY), chance.randrange(7)
    return lambda day: a_day * _WEEK[(day - monday) % 7]


def _spiky(chance: random.Random) -> _Weather:
    week = _weekly(chance)
    return lambda day: (
        week(day) * math.exp(chance.gauss(0, 0.4)) * (4 if chance.random() < 0.1 else 1)
    )


def _new(chance: random.Random) -> _Weather:
    return chance.choice((_steady, _weekly))(chance)


def _uneven(chance: random.Random) -> _Weather:
    week = _weekly(chance)
    return lambda day: week(day) * math.exp(chance.gauss(0, 0.4))


def _few(chance: random.Random) -> _Weather:
    return lambda _day: 8 if chance.random() < 0.125 else 0


def _growing(chance: random.Random) -> _Weather:
    week = _weekly(chance)
    return lambda day: week(day) * 1.01**day


def _jumped(chance: random.Random) -> _Weather:
    week, at = _weekly(chance), -chance.randint(1, 28)
    return lambda day: week(day) * (3 if day >= at else 1)


def _about_to_jump(chance: random.Random) -> _Weather:
    week, at = _weekly(chance), chance.randint(0, 27)
    return lambda day: week(day) * (3 if day >= at else 1)


# The first four are promised to be held: by their range and by how little they miss.
PROMISED: Final = (
    Kind("steady", _steady, 600),
    Kind("weekly pattern", _weekly, 600),
    Kind("spiky: uneven, one day of ten takes four times as much", _spiky, 600),
    Kind("new: 8 to 13 days are known", _new, 600, _NEW_DAYS),
)
KINDS: Final = (
    *PROMISED,
    Kind("uneven days", _uneven),
    Kind("8 on one day of eight", _few),
    Kind("new and spiky", _spiky, known_days=_NEW_DAYS),
    Kind("1 % more each day", _growing),
    Kind("three times as many since 1 to 28 days", _jumped),
    Kind("three times as many from one of the 28 days to come", _about_to_jump),
)


def _poisson(chance: random.Random, mean: float) -> int:
    """Return how many came, where they come by themselves at a rate."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    count, left = 0, chance.random()
    limit = math.exp(-mean)
    while left > limit:
        count += 1
        left *= chance.random()
    return count
