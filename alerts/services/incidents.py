"""Incidents: opened from an alert or by hand, gone through, closed, learnt from.

Note [Incident numbers]
A day's number comes from a row of that day, which an upsert locks until the incident is there: of
twenty at once each gets the next, none is left out, and a transaction that is rolled back gives
its number back. The unique constraint would refuse a number that came about in any other way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import structlog
from django.db import IntegrityError, connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.models import Alert, Incident, TimelineEntry
from alerts.runbook import Component, Grade, find_problem, suggest_grade
from alerts.scope import EVERYTHING, seeing
from alerts.services.escalation import count_customers, tell_who_is_due
from alerts.services.incident_timeline import pull_events, record_in_timeline
from alerts.transactions import durable, savepoint, transaction, transaction_required

log = structlog.get_logger()

State = Incident.State
# What the form of the template changes, and nothing else.
TEMPLATE_FIELDS: Final = (
    "title",
    "severity",
    "components",
    "started_at",
    "detected_at",
    "revenue_per_hour",
    "reputation",
    "cause",
    "resolution",
    "lessons",
    "public_title",
)
_NEXT_NUMBER: Final = """
    INSERT INTO alerts_incidentday AS given (day, last_number) VALUES (%s, 1)
    ON CONFLICT (day) DO UPDATE SET last_number = given.last_number + 1
    RETURNING last_number
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class IncidentStateError(ServiceError):
    """The incident's state does not allow this step; somebody else may have taken it."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    incident_id: UUID


@seeing(EVERYTHING)
@durable
def open_incident(
    *,
    title: str,
    severity: Grade,
    now: datetime,
    user_id: UUID | None = None,
    components: Sequence[Component] = (),
    client_id: UUID | None = None,
    started_at: datetime | None = None,
) -> Incident:
    """Open an incident that no alert tells of, and tell who is on call.

    :param started_at: when it began, if that was before ``now``.
    :raises ValidationFailedError: GC-012, it has no title or begins in the future.
    """
    if not title.strip():
        raise ValidationFailedError(errors={"title": ["Say in a line what is wrong."]})
    if started_at is not None and started_at > now:
        raise ValidationFailedError(errors={"started_at": ["This is in the future."]})
    with transaction():
        incident = Incident.objects.create(
            number=_next_number(now),
            title=title.strip()[:200],
            severity=severity,
            components=list(components),
            client_id=client_id,
            started_at=started_at or now,
            detected_at=now,
            round_began_at=now,
            opened_by=user_id,
        )
        _begin(incident, "Incident opened", user_id, now)
    return incident


@seeing(EVERYTHING)
@durable
def open_incident_from_alert(
    *, alert_id: UUID, user_id: UUID | None, now: datetime
) -> tuple[Incident, bool]:
    """Make an incident of an alert, and tell who is on call; return it and whether it is new.

    Pressed twice, or by two people, it is the same incident.
    """
    with transaction():
        alert = Alert.objects.get(pk=alert_id)
        try:
            with savepoint():
                incident = _create_from(alert, user_id, now)
        except IntegrityError:
            # Of two at once the index refuses the second, whose number is given back; the alert
            # is not locked, since a redemption may be raising it.
            return Incident.objects.get(alert=alert), False
        _begin(incident, "Incident opened from the alert", user_id, now)
    return incident, True


@seeing(EVERYTHING)
@durable
def acknowledge_incident(*, incident_id: UUID, user_id: UUID, now: datetime) -> None:
    """Record that somebody is on it; the first to say so stays named.

    :raises IncidentStateError: GC-115, it is resolved.
    """
    with transaction():
        incident = _lock(incident_id, Incident.UNRESOLVED)
        if incident.state != State.OPEN:
            return
        _change(incident, state=State.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=user_id)
        _record(incident, "Acknowledged", user_id, now)


@seeing(EVERYTHING)
@durable
def mitigate_incident(*, incident_id: UUID, user_id: UUID, words: str, now: datetime) -> None:
    """Record that nobody is harmed any more, and by what.

    :raises IncidentStateError: GC-115, it is mitigated or resolved already.
    """
    with transaction():
        incident = _lock(incident_id, (State.OPEN, State.ACKNOWLEDGED))
        if incident.state == State.OPEN:
            _change(incident, acknowledged_at=now, acknowledged_by=user_id)
        _change(incident, state=State.MITIGATED, mitigated_at=now)
        _record(incident, _with("Mitigated", words), user_id, now)


@seeing(EVERYTHING)
@durable
def resolve_incident(*, incident_id: UUID, user_id: UUID, words: str, now: datetime) -> None:
    """Close an incident: whom it harmed is counted, its timeline completed, nobody told any more.

    :param words: how it was resolved; kept as its resolution where that says nothing yet.
    :raises IncidentStateError: GC-115, it is resolved already.
    """
    with transaction():
        incident = _lock(incident_id, Incident.UNRESOLVED)
        _change(incident, state=State.RESOLVED, resolved_at=max(now, incident.started_at))
        if words.strip() and not incident.resolution:
            _change(incident, resolution=words.strip())
        count_customers(incident=incident, now=now)
        pull_events(incident=incident, now=now)
        _record(incident, _with("Resolved", words), user_id, now)


@seeing(EVERYTHING)
@durable
def reopen_incident(*, incident_id: UUID, user_id: UUID, words: str, now: datetime) -> None:
    """Open a resolved incident again: it is a new round, in which everybody is told anew.

    :raises IncidentStateError: GC-115, it is not resolved.
    """
    with transaction():
        incident = _lock(incident_id, (State.RESOLVED,))
        _change(
            incident,
            state=State.OPEN,
            acknowledged_at=None,
            acknowledged_by=None,
            mitigated_at=None,
            resolved_at=None,
            round=incident.round + 1,
            round_began_at=now,
        )
        _record(incident, _with("Reopened", words), user_id, now)
        tell_who_is_due(incident=incident, now=now)


@seeing(EVERYTHING)
@durable
def note_incident(*, incident_id: UUID, user_id: UUID, words: str, now: datetime) -> None:
    """Write a note into the timeline, also after the end.

    :raises ValidationFailedError: GC-012, it says nothing.
    """
    if not words.strip():
        raise ValidationFailedError(errors={"words": ["Write down what you saw or did."]})
    with transaction():
        incident = _lock(incident_id, tuple(State))
        record_in_timeline(
            incident=incident,
            kind=TimelineEntry.Kind.NOTE,
            words=words.strip(),
            at=now,
            actor=f"user:{user_id}",
        )


@seeing(EVERYTHING)
@durable
def describe_incident(
    *, incident_id: UUID, user_id: UUID, changes: Mapping[str, Any], now: datetime
) -> None:
    """Fill in fields of the template; a changed severity is written into the timeline.

    :param changes: by the names of ``TEMPLATE_FIELDS``.
    :raises ValidationFailedError: GC-012, its times contradict each other.
    """
    unknown = sorted(set(changes) - set(TEMPLATE_FIELDS))
    if unknown:
        raise ValidationFailedError(errors={name: ["There is no such field."] for name in unknown})
    with transaction():
        incident = _lock(incident_id, tuple(State))
        before = incident.severity
        started_at = changes.get("started_at", incident.started_at)
        detected_at = changes.get("detected_at", incident.detected_at)
        if started_at > min(detected_at, incident.resolved_at or detected_at, now):
            raise ValidationFailedError(
                errors={"started_at": ["It began before it was noticed, and before its end."]}
            )
        _change(incident, **changes)
        if incident.severity != before:
            words = f"Severity changed from {before} to {incident.severity}"
            _record(incident, words, user_id, now)
        if "started_at" in changes:
            count_customers(incident=incident, now=now)


@transaction_required
def _create_from(alert: Alert, user_id: UUID | None, now: datetime) -> Incident:
    problem = find_problem(alert.kind)
    return Incident.objects.create(
        number=_next_number(now),
        title=alert.subject,
        severity=suggest_grade(kind=alert.kind, severity=alert.severity),
        alert=alert,
        kind=alert.kind,
        components=list(problem.touches) if problem else [],
        client_id=alert.client_id,
        started_at=alert.first_seen_at,
        detected_at=alert.first_seen_at,
        round_began_at=now,
        opened_by=user_id,
    )


@transaction_required
def _begin(incident: Incident, words: str, user_id: UUID | None, now: datetime) -> None:
    _record(incident, f"{words} as {incident.severity}", user_id, now)
    count_customers(incident=incident, now=now)
    pull_events(incident=incident, now=now)
    tell_who_is_due(incident=incident, now=now)
    log.warning("[INCIDENT] Opened", incident=incident.number, severity=incident.severity)


@transaction_required
def _next_number(now: datetime) -> str:
    # Note [Incident numbers]
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_NUMBER, [now.date()])
        (number,) = cursor.fetchone()
    return f"INC-{now:%Y%m%d}-{number:03}"


@transaction_required
def _lock(incident_id: UUID, states: Sequence[str]) -> Incident:
    incident = Incident.objects.select_for_update().get(pk=incident_id)
    if incident.state not in states:
        raise IncidentStateError(incident_id=incident_id)
    return incident


def _change(incident: Incident, **values: Any) -> None:
    for name, value in values.items():
        setattr(incident, name, value)
    incident.save(update_fields=list(values))


def _record(incident: Incident, words: str, user_id: UUID | None, now: datetime) -> None:
    record_in_timeline(
        incident=incident,
        kind=TimelineEntry.Kind.STEP,
        words=words,
        at=now,
        actor=f"user:{user_id}" if user_id else "system",
    )


def _with(step: str, words: str) -> str:
    return f"{step}: {words.strip()}" if words.strip() else step
