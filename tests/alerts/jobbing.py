"""Jobs to run in tests: in the scheduler's table, rung by whom one likes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from alerts.models import JobLease, RungBy
from alerts.services.job_leases import Ring, claim_lease

JOB = "a job"
HOUR = timedelta(hours=1)


def make_job(name: str = JOB, *, seconds: int = 5, task: str = "a.task") -> Any:
    """Put a job into the scheduler's table."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
    return PeriodicTask.objects.create(name=name, task=task, interval=interval)


def ring(rung_by: RungBy = RungBy.CLOCK, job: str = JOB, asked_by: UUID | None = None) -> Ring:
    """Return a ring for a job."""
    return Ring(job=job, task="a.task", rung_by=rung_by, host="celery@here", asked_by=asked_by)


def claim(
    rung_by: RungBy = RungBy.CLOCK,
    *,
    rest: timedelta | None = None,
    limit: timedelta = HOUR,
    job: str = JOB,
) -> UUID | None:
    """Take a job's lease."""
    return claim_lease(ring=ring(rung_by, job), rest=rest, limit=limit, pause=HOUR)


def lease(job: str = JOB) -> JobLease:
    """Return a job's lease."""
    return JobLease.objects.get(job=job)


def age(job: str = JOB, *, by: timedelta) -> None:
    """Let so much time pass for a job: all its times move back."""
    values: dict[str, Any] = {"by": by, "job": job}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_joblease SET leased_until = leased_until - %(by)s,"
            " limit_at = limit_at - %(by)s, started_at = started_at - %(by)s,"
            " clock_started_at = clock_started_at - %(by)s, ended_at = ended_at - %(by)s,"
            " succeeded_at = succeeded_at - %(by)s, failed_at = failed_at - %(by)s,"
            " steady_since = steady_since - %(by)s, expected_since = expected_since - %(by)s,"
            " wanted_at = wanted_at - %(by)s WHERE job = %(job)s",
            values,
        )
