"""Incidents in tests: an alert to make one of, people to tell, what its timeline says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alerts.models import Alert, EscalationContact, EscalationStep, Incident, Notice
from alerts.runbook import Grade
from alerts.services.alerts import raise_alert
from alerts.services.incidents import open_incident
from credit.models import User
from tests.staff import make_platform_admin
from tests.world import NOW


def make_operator() -> User:
    return make_platform_admin()


def make_alert(*, kind: str = "out_of_stock", now: datetime = NOW, **changes: Any) -> Alert:
    facts = {
        "kind": kind,
        "severity": Alert.Severity.CRITICAL,
        "subject": "Out of cards",
        "dedupe_key": f"{kind}:1",
        "now": now,
    }
    return raise_alert(**{**facts, **changes})


def make_incident(*, now: datetime = NOW, **changes: Any) -> Incident:
    return open_incident(**{"title": "Texts are late", "severity": Grade.P1, "now": now, **changes})


def make_chain() -> list[EscalationContact]:
    """Make one contact of each role."""
    return [
        EscalationContact.objects.create(
            name=name, role=role, email=f"{role.replace('_', '-')}@example.com"
        )
        for name, role in (("Ona", "on_call"), ("Tilda", "technical_lead"), ("Cato", "cto"))
    ]


def timeline(incident: Incident) -> list[tuple[str, str]]:
    """Return what the timeline says, in its order."""
    return list(incident.timeline.values_list("kind", "words"))


def told(incident: Incident) -> list[tuple[str, int, str]]:
    """Return who was told, in which round and why."""
    steps = EscalationStep.objects.filter(incident=incident)
    return list(steps.values_list("contact__name", "round", "reason"))


def notices(incident: Incident) -> list[tuple[str, str, str]]:
    """Return what was promised to tell of an incident: where, how loud and its subject."""
    rows = Notice.objects.filter(reference=f"incident:{incident.pk}").order_by("pk")
    return list(rows.values_list("target", "severity", "subject"))
