"""When jobs are due, by the tables of the scheduler (django-celery-beat)."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any, Final

from django_celery_beat.models import PeriodicTask

# Two beats ring for the same minute of a crontab within this.
_SAME_MINUTE: Final = timedelta(seconds=30)
# Rings are not exactly an interval apart; two beats' are at most half of one.
_REST: Final = 0.75
_LEAST_GRACE: Final = timedelta(minutes=15)
_MOST_GRACE: Final = timedelta(hours=2)
_LEAST_LIMIT: Final = timedelta(hours=1)
_FREQUENT: Final = timedelta(minutes=10)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How often a job is due.

    :param pace: the time between two runs; of a crontab, of the two that come next.
    """

    words: str
    pace: timedelta
    crontab: Any = None

    @property
    def is_frequent(self) -> bool:
        return self.pace < _FREQUENT

    @property
    def allowed(self) -> timedelta:
        """How long after a start the next one is not late: an interval, and time to catch up.

        The grace is two more intervals, but no less than 15 minutes, since a worker that is being
        updated is no emergency, and no more than 2 hours, since a nightly job that did not run
        should not be noticed three nights later.
        """
        return self.pace + min(max(2 * self.pace, _LEAST_GRACE), _MOST_GRACE)

    @property
    def limit(self) -> timedelta:
        """How long a run keeps its lease at the most, however alive its worker is."""
        return max(_LEAST_LIMIT, self.pace / 4)

    def next_after(self, at: datetime) -> datetime:
        """Return when the next run is due after one that began at ``at``."""
        if self.crontab is None:
            return at + self.pace
        return _next(self.crontab, at + _SAME_MINUTE)

    def rest_after(self, at: datetime | None) -> timedelta:
        """Return how long after a run by the clock another ring of the clock says nothing new."""
        if at is None:
            return timedelta(0)
        return _REST * (self.next_after(at) - at)


def read_schedule(job: Any, *, now: datetime) -> Schedule | None:
    """Return when a row of the scheduler's is due; None when it has no interval or crontab."""
    if job.interval is not None:
        pace = timedelta(**{job.interval.period: job.interval.every})
        return Schedule(words=f"every {say_span(pace).removeprefix('1 ')}", pace=pace)
    if job.crontab is not None:
        following = _next(job.schedule, now)
        return Schedule(
            words=str(job.crontab),
            pace=_next(job.schedule, following + _SAME_MINUTE) - following,
            crontab=job.schedule,
        )
    return None


def find_job(name: str) -> Any | None:
    """Return the scheduler's row of a job, with what it is due by."""
    rows = PeriodicTask.objects.select_related("interval", "crontab").filter(name=name)
    return next(iter(rows), None)


def say_span(span: timedelta) -> str:
    """Print a time: ``"5 seconds"``, ``"1 hour"``, ``"90 minutes"``."""
    seconds = span.total_seconds()
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return _plural(seconds / size, name)
    return _plural(seconds, "second")


def _plural(number: float, name: str) -> str:
    return f"{number:g} {name}{'' if number == 1 else 's'}"


def _next(crontab: Any, at: datetime) -> datetime:
    last, delta, _ = crontab.remaining_delta(at)
    found: datetime = last + delta
    return found
