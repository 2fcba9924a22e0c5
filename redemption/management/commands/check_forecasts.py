"""How wrong the run-out forecasts would have been, from the command line."""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Iterable
from datetime import UTC, timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils import timezone

from credit.models import Client
from giftcards.models import Pool
from redemption.selectors.forecast_trials import Trial, add_trials, try_forecasts
from redemption.selectors.forecasting import HISTORY_DAYS
from redemption.selectors.reward_days import Clients, count_per_pool_and_day

_WEEK: Final = (1.3, 1.2, 1.1, 1.1, 1.0, 0.7, 0.6)
_AHEAD: Final = (7, 28)
_MADE_UP_DAYS: Final = 182
_MADE_UP_STOCKS: Final = 60
_HEAD: Final = ("stock", "days", "forecasts", "missed by", "repeating misses by", "in range")
_Weather = Callable[[random.Random, int], float]


class Command(BaseCommand):
    help = (
        "Asks the run-out forecasts on past days about the days that followed, and prints by how"
        " much they missed: in percent of what was taken, beside who says that the last days will"
        " repeat, and how often the truth lay in the range that is meant to hold 80 %."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=365, help="how far back (365)")
        parser.add_argument(
            "--made-up",
            action="store_true",
            help="try stocks that are made up, each the same at every run",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        stocks = made_up_stocks() if options["made_up"] else _own_stocks(options["days"])
        rows = [
            _cells(name, ahead, add_trials(try_forecasts(days, ahead=ahead) for days in histories))
            for name, histories in stocks
            for ahead in _AHEAD
        ]
        rows = [row for row in rows if row]
        if not rows:
            self.stdout.write(
                f"No pool has given out enough yet: it takes {HISTORY_DAYS} days and a week."
            )
            return
        for row in (_HEAD, ("---",) * len(_HEAD), *rows):
            self.stdout.write("| " + " | ".join(row) + " |")


def _own_stocks(days: int) -> list[tuple[str, list[list[int]]]]:
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=days)
    pools = list(Pool.objects.order_by("name", "pk"))
    by_pool = count_per_pool_and_day(
        clients=Clients(ids=list(Client.objects.values_list("pk", flat=True)), are_all=True),
        pool_ids=[pool.pk for pool in pools],
        first=first,
        last=today - timedelta(days=1),
    )
    stocks = []
    for pool in pools:
        taken = by_pool.get(pool.pk, {})
        history = [taken.get(first + timedelta(days=number), 0) for number in range(days)]
        stocks.append((pool.name, [history]))
    return stocks


def made_up_stocks() -> Iterable[tuple[str, list[list[int]]]]:
    """Yield kinds of stocks by name, each with what was taken of some of them day by day."""
    weathers: dict[str, _Weather] = {
        "40 a day, weekly pattern": lambda _chance, day: 40 * _WEEK[day % 7],
        "400 a day, weekly pattern": lambda _chance, day: 400 * _WEEK[day % 7],
        "5 a day, no pattern": lambda _chance, _day: 5,
        "8 on one day of eight": lambda chance, _day: 8 if chance.random() < 0.125 else 0,
        "30 a day, very uneven": lambda chance, day: (
            30 * _WEEK[day % 7] * math.exp(chance.gauss(0, 0.4))
        ),
        "20 a day, 1 % more each": lambda _chance, day: 20 * 1.01**day * _WEEK[day % 7],
        "20 a day, 60 from one day on": lambda _chance, day: (
            (20 if day < _MADE_UP_DAYS * 2 // 3 else 60) * _WEEK[day % 7]
        ),
    }
    for name, weather in weathers.items():
        # The same weather at every run; it decides nothing.
        chance = random.Random(name)  # noqa: S311
        yield (
            name,
            [
                [_poisson(chance, weather(chance, day)) for day in range(_MADE_UP_DAYS)]
                for _ in range(_MADE_UP_STOCKS)
            ],
        )


def _cells(name: str, ahead: int, trial: Trial) -> tuple[str, ...]:
    if not trial.taken:
        return ()
    return (
        name,
        str(ahead),
        str(trial.forecasts),
        f"{trial.missed / trial.taken:.0%}",
        f"{trial.missed_by_repeating / trial.taken:.0%}",
        f"{trial.held / trial.forecasts:.0%}",
    )


def _poisson(chance: random.Random, mean: float) -> int:
    """Return how many came, where they come by themselves at a rate."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    count, left = 0, chance.random()
    while left > math.exp(-mean):
        count += 1
        left *= chance.random()
    return count
