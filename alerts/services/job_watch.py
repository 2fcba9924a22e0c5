"""The monitor of the jobs: those that do not run, those that fail, those that are switched off.

Note [Late]
A run is late when none has begun for an interval and a grace (``Schedule.allowed``): two more
intervals, but 15 minutes at least and 2 hours at most. After a pause of everything, such as a
night without a worker, each job gets that time anew, counted from when the watchmen run again:
whoever starts the system sees it work, not thirty alerts of what it is about to catch up on. And
while nothing runs at all there is one alert, that nothing runs. The worker can't find that out
about itself; whoever asks ``POST /api/v1/monitoring/runs/`` from outside, or presses the button
in the admin, does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from alerts.models import Alert, JobRun
from alerts.selectors.job_schedules import say_span
from alerts.selectors.jobs import JobState, list_jobs, read_activity
from alerts.services.monitors import Finding, register_monitor

_FAILURES_UNTIL_CRITICAL: Final = 3


@register_monitor("jobs")
def watch_jobs(*, now: datetime) -> Iterator[Finding]:
    """Find jobs that did not run on time, that failed the last time, or that somebody stopped."""
    activity = read_activity(now=now)
    if activity.is_silent:
        since = f" since {activity.last_at:%Y-%m-%d %H:%M} UTC" if activity.last_at else ""
        yield Finding(
            kind="job_silence",
            severity=Alert.Severity.CRITICAL,
            subject="No job runs",
            message=f"No job has begun{since}. Are the worker and the beat running?",
            dedupe_key="jobs:stopped",
            data={"last_at": activity.last_at},
        )
    for state in list_jobs(now=now):
        if not state.is_on:
            yield _off(state)
        elif state.is_late:
            yield _late(state)
        elif state.has_failed:
            # Also while it is tried again: only a run that is right ends it.
            yield _failed(state)


def _key(state: JobState) -> str:
    # A job's name is as long as a key may be.
    return f"job:{state.name}"[:200]


def _off(state: JobState) -> Finding:
    lease = state.lease
    since = f" since {lease.switched_off_at:%Y-%m-%d %H:%M} UTC" if lease.switched_off_at else ""
    reason = f" The reason given: {lease.switch_reason}" if lease.switch_reason else ""
    return Finding(
        kind="job_off",
        severity=Alert.Severity.INFO,
        subject=f"{state.name} is switched off",
        message=f"It has been off{since}.{reason}",
        # Not the key of its troubles: what was critical would stay so.
        dedupe_key=f"job_off:{state.name}"[:200],
        data={"job": state.name, "switched_off_by": lease.switched_off_by},
    )


def _late(state: JobState) -> Finding:
    words = state.schedule.words if state.schedule else ""
    began = state.lease.started_at
    last = f"It last began at {began:%Y-%m-%d %H:%M:%S} UTC." if began else "It never ran."
    return Finding(
        kind="job_late",
        severity=Alert.Severity.CRITICAL,
        subject=f"{state.name} did not run on time",
        message=f"It runs {words}. {last}",
        dedupe_key=_key(state),
        data={"job": state.name, "last_began_at": began, "missing_since": state.missing_since},
    )


def _failed(state: JobState) -> Finding:
    lease = state.lease
    is_lost = lease.outcome == JobRun.Outcome.LOST
    times = lease.losses_in_a_row if is_lost else lease.failures_in_a_row
    what = "was lost: its worker ended or froze" if is_lost else "failed"
    often = f", {times} times in a row" if times > 1 else ""
    error = "" if is_lost else f" {lease.error_type} {lease.error_words}."
    every = (
        f" Its next run is due within {say_span(state.schedule.pace)}." if state.schedule else ""
    )
    return Finding(
        kind="job_failed",
        severity=Alert.Severity.CRITICAL
        if times >= _FAILURES_UNTIL_CRITICAL
        else Alert.Severity.WARNING,
        subject=f"{state.name} {'was lost' if is_lost else 'failed'}",
        message=f"Its last run {what}{often}.{error}{every}",
        dedupe_key=_key(state),
        data={"job": state.name, "failed_at": lease.failed_at, "error_type": lease.error_type},
    )
