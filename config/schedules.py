"""The periodic jobs: from the settings into the tables that beat reads and the admin edits.

Note [Whose schedule]
Two people may set how often a job runs: who starts the process, by a setting, and the operator,
in the admin. What we applied last is remembered in the job's description. As long as the job
still runs at that pace nobody has touched it, and a changed setting takes effect at the next
start; once the paces differ the operator has spoken, and the setting no longer does. A job that
is switched off stays off either way. A job without our words in its description is not ours.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from alerts.transactions import transaction

# Two starts at once would each make the schedule that the other lacks.
_LOCK: Final = 7_426_002
_REMEMBERED: Final = re.compile(r"Applied from the settings: every ([0-9.]+) seconds?\.")
_WORDS: Final = (
    "Applied from the settings: every {seconds:g} second{plural}. Give it another interval here "
    "and the setting no longer counts; switch it off and it stays off."
)
# A ring that no worker has heard for an hour is not worth hearing: the next one says the same.
_EXPIRES_AFTER_SECONDS: Final = 3600


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What became of the jobs, by their names; ``kept`` are the ones an operator has changed."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...]


def sync_jobs(*, seconds_by_task: Mapping[str, float]) -> SyncResult:
    """Bring beat's tables in line with the settings; see Note [Whose schedule].

    :param seconds_by_task: the pace of each job by its Celery name, more than 0 seconds.
    """
    outcomes: dict[str, list[str]] = {"created": [], "changed": [], "kept": [], "removed": []}
    with transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        jobs = {job.name: job for job in PeriodicTask.objects.select_related("interval")}
        for name, seconds in seconds_by_task.items():
            outcome = _sync(name, seconds, jobs.get(name))
            if outcome:
                outcomes[outcome].append(name)
        for name, job in jobs.items():
            if name not in seconds_by_task and _remembered_seconds(job) is not None:
                job.delete()
                outcomes["removed"].append(name)
    return SyncResult(**{outcome: tuple(names) for outcome, names in outcomes.items()})


def _sync(name: str, seconds: float, job: Any) -> str:
    words = _WORDS.format(seconds=seconds, plural="" if seconds == 1 else "s")
    if job is None:
        PeriodicTask.objects.create(
            name=name,
            task=name,
            interval=_interval(seconds),
            description=words,
            expire_seconds=_EXPIRES_AFTER_SECONDS,
        )
        return "created"
    remembered = _remembered_seconds(job)
    if remembered is None or remembered != _current_seconds(job):
        return "kept"
    if remembered == seconds:
        return ""
    job.interval = _interval(seconds)
    job.description = words
    job.save()  # which also tells a running beat
    return "changed"


def _interval(seconds: float) -> Any:
    every, period = (
        (int(seconds), IntervalSchedule.SECONDS)
        if seconds.is_integer()
        else (round(seconds * 1_000_000), IntervalSchedule.MICROSECONDS)
    )
    rows = IntervalSchedule.objects.filter(every=every, period=period).order_by("pk")
    return rows.first() or IntervalSchedule.objects.create(every=every, period=period)


def _remembered_seconds(job: Any) -> float | None:
    found = _REMEMBERED.search(job.description)
    return float(found[1]) if found else None


def _current_seconds(job: Any) -> float | None:
    if job.interval is None:
        return None
    pace = timedelta(**{job.interval.period: job.interval.every})
    return pace.total_seconds()
