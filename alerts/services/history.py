"""How long it is told what jobs did, what was wrong, and what people were told."""

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
# An incident's alert is part of the incident, and stays with it.
_OLD_ALERT: Final = (
    "alerts_alert.state = 'resolved' AND alerts_alert.resolved_at < %(before)s AND NOT EXISTS"
    " (SELECT 1 FROM alerts_incident incident WHERE incident.alert_id = alerts_alert.id)"
)
# However long notices are kept, those of an alert do not outlive it.
_NOTICES_OF_ALERTS: Final = RetentionRule(
    name="notices_of_alerts",
    setting="ALERTS_KEPT",
    words="notices of alerts that go",
    table="alerts_notice",
    due="alerts_notice.state <> 'queued' AND EXISTS (SELECT 1 FROM alerts_alert"  # noqa: S608
    f" WHERE alerts_alert.id = alerts_notice.alert_id AND {_OLD_ALERT})",
    changes=None,
)
_ALERTS: Final = RetentionRule(
    name="alerts",
    setting="ALERTS_KEPT",
    words="alerts that were resolved",
    table="alerts_alert",
    due=f"{_OLD_ALERT} AND NOT EXISTS"  # noqa: S608
    " (SELECT 1 FROM alerts_notice notice WHERE notice.alert_id = alerts_alert.id)",
    changes=None,
)
# In this order: what points at a row goes before it.
_RULES: Final = (_JOB_RUNS, _NOTICES, _NOTICES_OF_ALERTS, _ALERTS)


@durable
def clear_history(*, now: datetime) -> dict[str, int]:
    """Delete runs, notices and alerts older than they are kept; return how many, by the rule.

    Safe to run twice at once, and to be killed.
    """
    return {rule.name: apply_rule(rule, now=now) for rule in _RULES}
