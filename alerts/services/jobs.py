"""Running a job, whoever rang for it.

Note [What is recorded]
Every run that the clock, a person or the recovery asks for is counted. It has a row of its own,
unless its job runs more often than every ten minutes and the run found nothing, or failed just
as the one before: those of an hour share a row that says how many they were. A sweep of five
seconds so leaves 24 rows a day instead of 17,280, and none is left out.

The bell is another matter. It rings for one thing that has just been committed, a hundred times
a second on a busy day, and somebody waits for the text. Such a run takes no lease: were it to
wait for a slow run that holds one, the text would be late for no reason, and were it dropped
instead, the text might be one that the slow run has already passed over. Two at once do no harm
and share the work, row by row. It writes nothing either, but when it fails: then one row an hour
for each error. All it asks is whether its job was switched off, out of a memory a few seconds old.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from alerts.models import JobLease, JobRun, RungBy
from alerts.selectors.job_schedules import find_job, read_schedule
from alerts.selectors.jobs import list_switched_off
from alerts.services.job_endings import count_result, describe_error
from alerts.services.job_leases import (
    Ending,
    Ring,
    claim_lease,
    end_lease,
    write_bell_failure,
)
from alerts.services.lease_keeper import KEEPER

log = structlog.get_logger()

T = TypeVar("T")

OFF_KNOWN_FOR_SECONDS: Final = 5.0
_DEFAULT_LIMIT: Final = timedelta(hours=1)
_LEAST_PAUSE: Final = timedelta(minutes=15)


class _Memory:
    """Which jobs are switched off, as of some seconds ago."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        self.read_at = float("-inf")

    def has(self, job: str) -> bool:
        if time.monotonic() - self.read_at > OFF_KNOWN_FOR_SECONDS:
            self.names = list_switched_off()
            self.read_at = time.monotonic()
        return job in self.names


OFF: Final = _Memory()


def run_job(*, ring: Ring, work: Callable[[], T]) -> T | None:
    """Do a job's work, or nothing: it is switched off, has its run, or just had it.

    A run that a person asks for is done even when the job is switched off.
    """
    if ring.rung_by == RungBy.BELL:
        return _run_for_bell(ring=ring, work=work)
    now = datetime.now(UTC)
    job = find_job(ring.job)
    schedule = read_schedule(job, now=now) if job is not None else None
    rest: timedelta | None = None
    if ring.rung_by == RungBy.CLOCK:
        lease = next(iter(JobLease.objects.filter(job=ring.job)), None)
        # A ring that was under way when somebody switched the job off.
        if (job is not None and not job.enabled) or (lease and lease.switched_off_at):
            return None
        if schedule is not None and lease is not None:
            rest = schedule.rest_after(lease.clock_started_at)
    holder = claim_lease(
        ring=ring,
        rest=rest,
        limit=schedule.limit if schedule else _DEFAULT_LIMIT,
        pause=max(_LEAST_PAUSE, 3 * schedule.pace) if schedule else _LEAST_PAUSE,
    )
    if holder is None:
        return None
    may_fold = ring.rung_by == RungBy.CLOCK and schedule is not None and schedule.is_frequent
    return _run_with_lease(ring=ring, holder=holder, may_fold=may_fold, work=work)


def _run_with_lease(*, ring: Ring, holder: UUID, may_fold: bool, work: Callable[[], T]) -> T:
    with KEEPER.keep(holder):
        try:
            result = work()
        except BaseException as error:
            # Also SystemExit: the worker is told to stop at once.
            ending = _failure(error, fold="failed" if may_fold else "")
            _end(ring=ring, holder=holder, ending=ending)
            raise
        counts = count_result(result)
        ending = Ending(
            outcome=JobRun.Outcome.SUCCEEDED,
            counts=counts,
            fold="empty" if may_fold and not counts else None,
        )
        _end(ring=ring, holder=holder, ending=ending)
        return result


def _run_for_bell(*, ring: Ring, work: Callable[[], T]) -> T | None:
    if OFF.has(ring.job):
        return None
    started_at = datetime.now(UTC)
    try:
        return work()
    except Exception as error:
        ending = _failure(error, fold="bell failed")
        try:
            connection.close_if_unusable_or_obsolete()
            write_bell_failure(ring=ring, started_at=started_at, ending=ending)
        except DatabaseError as trouble:
            log.warning("[JOB] Run not recorded", job=ring.job, error=type(trouble).__name__)
        raise


def _failure(error: BaseException, *, fold: str) -> Ending:
    error_type, words = describe_error(error)
    return Ending(
        outcome=JobRun.Outcome.FAILED,
        error_type=error_type,
        error_words=words,
        fold=f"{fold} {error_type}"[:250] if fold else None,
    )


def _end(*, ring: Ring, holder: UUID, ending: Ending) -> None:
    try:
        # What the run did may have been the end of its connection.
        connection.close_if_unusable_or_obsolete()
        is_ours = end_lease(job=ring.job, holder=holder, ending=ending)
    except DatabaseError as trouble:
        # It will be marked lost: what became of it nobody can say.
        log.warning("[JOB] Run not recorded", job=ring.job, error=type(trouble).__name__)
        return
    if ending.outcome == JobRun.Outcome.FAILED:
        log.error("[JOB] Failed", job=ring.job, error=ending.error_type, words=ending.error_words)
    if not is_ours:
        log.warning("[JOB] Ended after it was taken for lost", job=ring.job)


def job_of(task: str) -> str:
    """Return the job whose switch holds for a task that the bell rings."""
    return str(settings.JOBS_OF_BELLS.get(task, task))
