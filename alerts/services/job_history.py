"""How long runs of jobs are told of."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerts.services.retention import RetentionRule, apply_rule
from alerts.transactions import durable

RULE: Final = RetentionRule(
    name="job_runs",
    setting="JOB_RUNS_KEPT",
    words="runs of jobs",
    table="alerts_jobrun",
    due="started_at < %(before)s",
    changes=None,
)


@durable
def clear_job_runs(*, now: datetime) -> int:
    """Delete runs that are older than they are kept; return how many rows it were.

    Safe to run twice at once, and to be killed.
    """
    return apply_rule(RULE, now=now)
