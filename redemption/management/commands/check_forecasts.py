"""How wrong the run-out forecasts would have been, from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils import timezone

from credit.models import Client
from giftcards.models import Pool
from redemption.management.made_up_stocks import KINDS, SEED, made_up_stocks
from redemption.selectors.forecast_trials import (
    Trial,
    add_trials,
    try_forecast,
    try_forecasts,
)
from redemption.selectors.forecasting import HISTORY_DAYS
from redemption.selectors.reward_days import Clients, count_per_pool_and_day

_AHEAD: Final = (7, 28)
_HEAD: Final = (
    "stock", "days", "forecasts", "missed by", "last 7 days' rate", "last 28 days' rate",
    "all days' rate", "in range", "run-out in range",
)  # fmt: skip


class Command(BaseCommand):
    help = (
        "Asks the run-out forecasts on past days about the days that followed, and prints by how"
        " much they missed: in percent of what was taken, beside plain rates (what a day took on"
        " average), and how often the truth lay in the range that is meant to hold 80 %: of what"
        " was taken, and of the days until a stock was gone."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=365, help="how far back (365)")
        parser.add_argument(
            "--made-up",
            action="store_true",
            help="try stocks that are made up, the same at every run",
        )
        parser.add_argument("--seed", type=int, default=SEED, help=f"make other stocks up ({SEED})")

    def handle(self, *_args: Any, **options: Any) -> None:
        trials = _try_made_up(options["seed"]) if options["made_up"] else _try_own(options["days"])
        rows = [row for name, ahead, trial in trials if (row := _cells(name, ahead, trial))]
        if not rows:
            self.stdout.write(
                f"No pool has given out enough yet: it takes {HISTORY_DAYS} days and a week."
            )
            return
        for row in (_HEAD, ("---",) * len(_HEAD), *rows):
            self.stdout.write("| " + " | ".join(row) + " |")


def _try_made_up(seed: int) -> Iterator[tuple[str, int, Trial]]:
    for kind in KINDS:
        stocks = list(made_up_stocks(kind, seed=seed))
        for ahead in _AHEAD:
            yield (
                kind.name,
                ahead,
                add_trials(try_forecast(known, came, ahead=ahead) for known, came in stocks),
            )


def _try_own(days: int) -> Iterator[tuple[str, int, Trial]]:
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=days)
    pools = list(Pool.objects.order_by("name", "pk"))
    by_pool = count_per_pool_and_day(
        clients=Clients(ids=list(Client.objects.values_list("pk", flat=True)), are_all=True),
        pool_ids=[pool.pk for pool in pools],
        first=first,
        last=today - timedelta(days=1),
    )
    for pool in pools:
        taken = by_pool.get(pool.pk, {})
        history = [taken.get(first + timedelta(days=number), 0) for number in range(days)]
        for ahead in _AHEAD:
            yield pool.name, ahead, try_forecasts(history, ahead=ahead)


def _cells(name: str, ahead: int, trial: Trial) -> tuple[str, ...]:
    if not trial.taken:
        return ()
    by_rates = (trial.missed_by_week, trial.missed_by_weeks, trial.missed_by_all)
    return (
        name,
        str(ahead),
        str(trial.forecasts),
        *(f"{missed / trial.taken:.1%}" for missed in (trial.missed, *by_rates)),
        f"{trial.held / trial.forecasts:.0%}",
        f"{trial.run_outs_held / trial.run_outs:.0%}" if trial.run_outs else "–",
    )
