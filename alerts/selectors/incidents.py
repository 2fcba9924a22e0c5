"""Incidents as they are shown: how soon somebody has to answer, how grave they seem."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.urls import reverse

from alerts.models import Incident
from alerts.runbook import Grade, suggest_grade
from alerts.selectors.impact import Affected

# How soon somebody has to be on it.
RESPONSE_TARGETS: Final = {
    Grade.P0: timedelta(0),
    Grade.P1: timedelta(minutes=30),
    Grade.P2: timedelta(hours=2),
    Grade.P3: timedelta(hours=24),
}
# Revenue that is lost in an hour, in whole units: above the first it is P0, from the second P1.
P0_ABOVE: Final = 10_000
P1_FROM: Final = 1_000
# So few rewards asked for say nothing by all failing.
_ASKED_AT_LEAST: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """How grave an incident seems, and what says so."""

    grade: Grade
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Whether somebody answered in time.

    :param due_at: by when; ``answered_at`` is None while nobody has.
    """

    due_at: datetime
    answered_at: datetime | None
    is_late: bool


def incident_path(incident_id: UUID) -> str:
    """Return the path of an incident's page."""
    return reverse("admin:alerts_incident_change", args=[incident_id])


def grade_by_revenue(per_hour: int) -> Grade:
    """Return how grave a loss is, given in whole units of money an hour."""
    if per_hour > P0_ABOVE:
        return Grade.P0
    return Grade.P1 if per_hour >= P1_FROM else Grade.P2


def suggest_incident_grade(*, incident: Incident, affected: Affected) -> Suggestion:
    """Return the gravest of what the alert's kind, the data and the revenue say."""
    found: list[tuple[Grade, str]] = []
    if incident.alert is not None:
        alert = incident.alert
        grade = suggest_grade(kind=alert.kind, severity=alert.severity)
        severity = alert.get_severity_display().lower()
        found.append((grade, f"an alert of this kind that is {severity}"))
    if affected.asked >= _ASKED_AT_LEAST and not affected.served:
        found.append((Grade.P0, f"none of {affected.asked} rewards asked for was given"))
    if affected.pools and affected.pools == affected.empty_pools:
        words = "the only pool is" if affected.pools == 1 else f"all {affected.pools} pools are"
        found.append((Grade.P0, f"{words} empty"))
    elif affected.empty_pools:
        found.append((Grade.P1, f"{affected.empty_pools} of {affected.pools} pools are empty"))
    if incident.revenue_per_hour is not None:
        grade = grade_by_revenue(incident.revenue_per_hour)
        found.append((grade, f"a loss of {incident.revenue_per_hour:,} an hour"))
    if not found:
        return Suggestion(grade=Grade.P3, reasons=("nothing that says it is graver",))
    gravest = min(grade for grade, _ in found)
    reasons = tuple(words for grade, words in found if grade == gravest)
    return Suggestion(grade=gravest, reasons=reasons)


def find_response(*, incident: Incident, now: datetime) -> Response:
    """Return by when somebody had to be on an incident, and whether they were."""
    due_at = incident.detected_at + RESPONSE_TARGETS[Grade(incident.severity)]
    answered_at = incident.acknowledged_at or incident.mitigated_at or incident.resolved_at
    return Response(
        due_at=due_at,
        answered_at=answered_at,
        # To the minute: nobody answers in no time.
        is_late=(answered_at or now) > due_at + timedelta(minutes=1),
    )


def duration_of(*, incident: Incident, now: datetime) -> timedelta:
    """Return how long an incident took, or has taken so far."""
    return (incident.resolved_at or now) - incident.started_at


def duration_words(duration: timedelta) -> str:
    """Return a span in words: ``2 d 3 h 5 min``, to the minute."""
    minutes = max(0, int(duration.total_seconds() // 60))
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said) or "less than a minute"
