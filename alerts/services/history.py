"""How long it is told what jobs did, and what people were told."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerts.services.retention import RetentionRule, apply_rule
from alerts.transactions import durable

_JOB_RUNS: Final = RetentionRule(
    name="job_runs",
    setting="JOB_RUNS_KEPT",
    words="runs of jobs",
    table="alerts_jobrun",
    due="started_at < %(before)s",
    changes=None,
)
# Of what is not over they say who knows of it: who is told of its end, and who is not told twice.
_NOTICES: Final = RetentionRule(
    name="notices",
    setting="NOTICES_KEPT",
    words="notices of what is over",
    table="alerts_notice",
    due="alerts_notice.state <> 'queued' AND alerts_notice.created_at < %(before)s"
    " AND NOT EXISTS (SELECT 1 FROM alerts_alert alert WHERE alert.id = alerts_notice.alert_id"
    " AND alert.state <> 'resolved')"
    " AND NOT EXISTS (SELECT 1 FROM alerts_incident incident"
    " WHERE alerts_notice.reference = 'incident:' || incident.id AND incident.state <> 'resolved')",
    changes=None,
)


@durable
def clear_history(*, now: datetime) -> dict[str, int]:
    """Delete runs and notices that are older than they are kept; return how many, by the rule.

    Safe to run twice at once, and to be killed.
    """
    return {rule.name: apply_rule(rule, now=now) for rule in (_JOB_RUNS, _NOTICES)}
