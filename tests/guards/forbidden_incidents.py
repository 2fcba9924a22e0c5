"""What is forbidden to incidents, their timeline and who was told."""

from typing import Final

from tests.guards.forbidden import Forbidden, append_only

INCIDENT: Final = "alerts_incident"
_ADD = (
    "INSERT INTO alerts_incident (id, number, title, severity, state, components, started_at,"
    " detected_at, round, round_began_at, resolved_at, alert_id) VALUES (gen_random_uuid(),"
    " '{number}', 't', '{severity}', '{state}', '{{}}', now(), now(), 1, now(), {resolved},"
    " {alert});"
)
_PLAIN = {
    "number": "INC-20260302-001",
    "severity": "P1",
    "state": "open",
    "resolved": "NULL",
    "alert": "NULL",
}
_ALERT = (
    "INSERT INTO alerts_alert (id, kind, severity, subject, message, data, dedupe_key, state,"
    " count) VALUES (gen_random_uuid(), 'k', 'critical', 's', '', '{}', 'key', 'open', 1);"
)
_ITS_ALERT = "(SELECT id FROM alerts_alert WHERE dedupe_key = 'key')"
_ENTRY = (
    "INSERT INTO alerts_timelineentry (incident_id, at, kind, words, source)"
    " SELECT id, now(), 'note', 'w', 'alert:1' FROM alerts_incident LIMIT 1;"
)
_CONTACT = (
    'INSERT INTO alerts_escalationcontact (name, role, email, "order", is_active)'
    " VALUES ('Ona', '{}', 'ona@example.com', 1, true);"
)
_TELL = (
    "INSERT INTO alerts_escalationstep (incident_id, contact_id, role, round, reason, at)"
    " SELECT i.id, c.id, 'on_call', 1, 'at_once', now()"
    " FROM alerts_incident i, alerts_escalationcontact c LIMIT 1;"
)


def _add(**changes: str) -> str:
    return _ADD.format(**{**_PLAIN, **changes})


# Rows that the statements of those that are append-only change.
INCIDENT_PREPARATION: Final = _add() + _ENTRY + _CONTACT.format("on_call") + _TELL

INCIDENTS: Final = [
    Forbidden("alerts_incident_number_once", INCIDENT, _add()),
    Forbidden("alerts_incident_number_says_its_day", INCIDENT, _add(number="INC-1")),
    Forbidden(
        "alerts_incident_one_per_alert",
        INCIDENT,
        _ALERT
        + _add(number="INC-20260302-002", alert=_ITS_ALERT)
        + _add(number="INC-20260302-003", alert=_ITS_ALERT),
    ),
    Forbidden(
        "alerts_incident_severity_known",
        INCIDENT,
        _add(number="INC-20260302-002", severity="P4"),
    ),
    Forbidden(
        "alerts_incident_resolved_has_its_time",
        INCIDENT,
        _add(number="INC-20260302-002", state="resolved"),
    ),
    Forbidden(
        "alerts_incident_resolved_has_its_time",
        INCIDENT,
        _add(number="INC-20260302-002", resolved="now()"),
    ),
    Forbidden(
        "alerts_incident_over_after_it_began",
        INCIDENT,
        _add(number="INC-20260302-002", state="resolved", resolved="now() - interval '1 day'"),
    ),
    Forbidden("alerts_timelineentry_source_once", "alerts_timelineentry", _ENTRY),
    *append_only("alerts_timelineentry", "words"),
    Forbidden(
        "alerts_escalationcontact_role_known",
        "alerts_escalationcontact",
        _CONTACT.format("friend"),
    ),
    Forbidden("alerts_escalationstep_once", "alerts_escalationstep", _TELL),
    *append_only("alerts_escalationstep", "reason"),
]
