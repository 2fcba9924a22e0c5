"""Days (UTC) and how they follow one another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

ONE_DAY: Final = timedelta(days=1)
# What an address may ask for: far enough from the first and the last day that Python knows, so
# that those before and after a period are days as well.
FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2100, 12, 31)


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield the days from the first to the last, both included."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def runs_of(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Yield the first and the last of days that follow one another; the days are in order."""
    for _, run in itertools.groupby(enumerate(days), lambda pair: pair[1].toordinal() - pair[0]):
        together = [day for _, day in run]
        yield together[0], together[-1]


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins."""
    return datetime.combine(day, time.min, tzinfo=UTC)
