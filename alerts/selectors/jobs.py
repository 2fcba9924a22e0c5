"""How the jobs are: which ran, which should have, and which somebody has switched off."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from alerts.models import JobLease, JobRun
from alerts.selectors.job_schedules import Schedule, read_schedule

# The jobs that look after the others: when they begin anew, so did everything.
WATCHMEN: Final = ("alerts.tasks.recover_jobs", "alerts.tasks.run_monitors")
_SILENCE: Final = timedelta(minutes=15)
_RUNS_FOR_TYPICAL: Final = 50
_TYPICAL: Final = """
    SELECT job, percentile_cont(0.5) WITHIN GROUP (ORDER BY latest.each_ms)
    FROM unnest(%(jobs)s::text[]) AS named (job), LATERAL (
        SELECT duration_ms::float8 / runs AS each_ms FROM alerts_jobrun AS run
        WHERE run.job = named.job AND run.outcome = 'succeeded'
        ORDER BY run.started_at DESC LIMIT %(limit)s
    ) AS latest
    GROUP BY job
"""


class Condition(enum.StrEnum):
    """How a job is."""

    OK = "ok"
    NEW = "new"
    RUNNING = "running"
    LATE = "late"
    FAILED = "failed"
    OFF = "switched off"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job at a moment.

    :param due_at: when it is to run next; None when it is switched off or has no schedule.
    :param missing_since: since when a run of it is expected that has not begun; None: none is.
    :param typical_ms: the median of its last runs.
    """

    key: int
    name: str
    task: str
    schedule: Schedule | None
    is_on: bool
    lease: JobLease
    is_running: bool
    is_late: bool
    due_at: datetime | None
    missing_since: datetime | None
    typical_ms: float | None = None

    @property
    def has_failed(self) -> bool:
        return self.lease.outcome in (JobRun.Outcome.FAILED, JobRun.Outcome.LOST)

    @property
    def condition(self) -> Condition:
        """What to say first of it."""
        if self.is_running:
            return Condition.RUNNING
        if not self.is_on:
            return Condition.OFF
        if self.is_late:
            return Condition.LATE
        if self.has_failed:
            return Condition.FAILED
        return Condition.OK if self.lease.ended_at else Condition.NEW


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """When the jobs as a whole last did something.

    :param is_silent: none has begun for a quarter of an hour, though some should have.
    :param begun_at: since when the jobs have been run without a long pause.
    """

    last_at: datetime | None
    is_silent: bool
    begun_at: datetime | None


def list_switched_off() -> frozenset[str]:
    """Return the jobs that are switched off, by the scheduler's table or by ours.

    The scheduler writes its whole row back when it notes a run, and so may undo a switch that
    was turned at that very moment; ours it doesn't touch.
    """
    off = PeriodicTask.objects.filter(enabled=False).values_list("name", flat=True)
    ours = JobLease.objects.filter(switched_off_at__isnull=False).values_list("job", flat=True)
    return frozenset([*off, *ours])


def read_activity(*, now: datetime) -> Activity:
    """Return when jobs last did something, and since when they have been doing it."""
    leases = JobLease.objects.all()
    last_at = max((lease.started_at for lease in leases if lease.started_at), default=None)
    expected = max((lease.expected_since for lease in leases), default=None)
    watchmen = [lease.steady_since for lease in leases if lease.job in WATCHMEN]
    reference = max(filter(None, [last_at, expected]), default=None)
    frequent = any(
        schedule.pace <= _SILENCE
        for row in _rows(Q(enabled=True))
        if (schedule := read_schedule(row, now=now))
    )
    return Activity(
        last_at=last_at,
        is_silent=frequent and reference is not None and now - reference > _SILENCE,
        begun_at=max(watchmen, default=None),
    )


def list_jobs(*, now: datetime, only: str | None = None) -> list[JobState]:
    """Return how each job is, or the one of that name, in the order of their names.

    While no job runs at all none grows late by itself: that is one trouble, not thirty.
    """
    rows = _rows(Q() if only is None else Q(name=only))
    leases = JobLease.objects.in_bulk([row.name for row in rows])
    activity = read_activity(now=now)
    judged_at = activity.last_at if activity.is_silent and activity.last_at else now
    return [_state(row, leases, activity, judged_at=judged_at, now=now) for row in rows]


def with_typical_times(states: list[JobState]) -> list[JobState]:
    """Add to each job how long a run of it takes as a rule."""
    with connection.cursor() as cursor:
        names = [state.name for state in states]
        cursor.execute(_TYPICAL, {"jobs": names, "limit": _RUNS_FOR_TYPICAL})
        typical = dict(cursor.fetchall())
    return [dataclasses.replace(state, typical_ms=typical.get(state.name)) for state in states]


def list_runs(*, job: str, limit: int, outcome: str = "") -> list[JobRun]:
    """Return a job's runs, the latest first."""
    runs = JobRun.objects.filter(job=job).order_by("-started_at")
    return list((runs.filter(outcome=outcome) if outcome else runs)[:limit])


def _rows(which: Q) -> list[Any]:
    return list(
        PeriodicTask.objects.select_related("interval", "crontab").filter(which).order_by("name")
    )


def _state(
    row: Any,
    leases: Mapping[str, JobLease],
    activity: Activity,
    *,
    judged_at: datetime,
    now: datetime,
) -> JobState:
    schedule = read_schedule(row, now=now)
    # Without a row of ours nobody has run it yet.
    lease = leases.get(row.name) or JobLease(job=row.name, expected_since=row.date_changed)
    is_on = bool(row.enabled) and lease.switched_off_at is None
    is_running = lease.leased_until is not None and lease.leased_until > now
    missing_since = None
    if is_on and schedule is not None and not is_running:
        reference = max(filter(None, [lease.started_at, lease.expected_since, activity.begun_at]))
        if judged_at - reference > schedule.allowed:
            missing_since = schedule.next_after(reference)
    return JobState(
        key=row.pk,
        name=row.name,
        task=row.task,
        schedule=schedule,
        is_on=is_on,
        lease=lease,
        is_running=is_running,
        is_late=missing_since is not None,
        due_at=_due(lease, schedule) if is_on else None,
        missing_since=missing_since,
    )


def _due(lease: JobLease, schedule: Schedule | None) -> datetime | None:
    if schedule is None:
        return None
    return schedule.next_after(lease.clock_started_at or lease.expected_since)
