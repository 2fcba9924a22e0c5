"""Who is told of an incident: the one on call at once, others the longer it goes on.

Note [Escalation]
Each person is told once in each round of an incident (it is a new round when it is reopened): a
unique constraint says so. The step and the notice are written in one transaction, in which the
incident's row is locked, and a run leaves incidents alone that another run has in hand.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from alerts.models import (
    Alert,
    EscalationContact,
    EscalationStep,
    Incident,
    Notice,
    TimelineEntry,
)
from alerts.scope import EVERYTHING, seeing
from alerts.selectors.impact import count_impact
from alerts.selectors.incidents import incident_path
from alerts.services.incident_timeline import pull_events, record_in_timeline
from alerts.services.notices import queue_notice
from alerts.transactions import durable, transaction, transaction_required

log = structlog.get_logger()

Role = EscalationContact.Role
Reason = EscalationStep.Reason
LEAD_AFTER: Final = timedelta(hours=1)
CTO_AFTER: Final = timedelta(hours=4)
# As channels know it: what is told at once of a P0 is critical on all of them.
_LOUDNESS: Final = {
    "P0": Alert.Severity.CRITICAL,
    "P1": Alert.Severity.CRITICAL,
    "P2": Alert.Severity.WARNING,
    "P3": Alert.Severity.INFO,
}
_RANKS: Final = {Role.ON_CALL: 1, Role.TECHNICAL_LEAD: 2, Role.CTO: 3}
_WHY: Final = {
    Reason.AT_ONCE: "it was opened",
    Reason.UNRESOLVED: "it is not resolved yet",
    Reason.WIDESPREAD: "it touches many customers",
}


@seeing(EVERYTHING)
@durable
def escalate_incidents(*, now: datetime) -> int:
    """Look after every unresolved incident; return how many people were told.

    Counts whom it harmed, brings its timeline up to date and tells whoever is due. One that
    another worker has in hand is left to it, one that fails stops no other. A retry tells nobody
    twice.

    :raises Exception: what the first one failed of, once all the others are looked after.
    """
    told = 0
    failure: Exception | None = None
    unresolved = Incident.objects.filter(state__in=Incident.UNRESOLVED)
    for incident_id in unresolved.order_by("severity", "detected_at").values_list("pk", flat=True):
        try:
            told += _look_after(incident_id, now)
        except Exception as error:
            log.exception("[INCIDENT] Not looked after", incident_id=str(incident_id))
            failure = failure or error
    if failure is not None:
        raise failure
    return told


def _look_after(incident_id: UUID, now: datetime) -> int:
    with transaction():
        incident = (
            Incident.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("alert")
            .filter(pk=incident_id, state__in=Incident.UNRESOLVED)
            .order_by("pk")
            .first()
        )
        if incident is None:
            return 0
        count_customers(incident=incident, now=now)
        pull_events(incident=incident, now=now)
        return tell_who_is_due(incident=incident, now=now)


@transaction_required
def count_customers(*, incident: Incident, now: datetime) -> None:
    """Count anew whom an incident has harmed, from its start to its end or to now."""
    affected = count_impact(
        since=incident.started_at,
        until=incident.resolved_at or now,
        client_id=incident.client_id,
    )
    incident.customers_affected = affected.customers
    incident.failed = affected.failed
    incident.waiting = affected.waiting
    incident.undelivered = affected.undelivered
    incident.counted_at = now
    incident.save(
        update_fields=["customers_affected", "failed", "waiting", "undelivered", "counted_at"]
    )


@transaction_required
def tell_who_is_due(*, incident: Incident, now: datetime) -> int:
    """Tell those of the chain whose turn it is and who have not been told; return how many."""
    told = 0
    for role, reason in due_roles(incident=incident, now=now).items():
        contacts = EscalationContact.objects.filter(role=role, is_active=True)
        before = EscalationStep.objects.filter(incident=incident, round=incident.round)
        new = list(contacts.exclude(pk__in=before.values("contact")).order_by("order", "pk"))
        if new:
            _tell(incident, role, reason, new, now)
            told += len(new)
    return told


def due_roles(*, incident: Incident, now: datetime) -> dict[EscalationContact.Role, Reason]:
    """Return whose turn it is by now, and why, in the order of the chain."""
    due = {Role.ON_CALL: Reason.AT_ONCE}
    since = now - incident.round_began_at
    if since >= LEAD_AFTER:
        due[Role.TECHNICAL_LEAD] = Reason.UNRESOLVED
    if since >= CTO_AFTER:
        due[Role.CTO] = Reason.UNRESOLVED
    elif (incident.customers_affected or 0) > settings.INCIDENT_WIDESPREAD:
        due[Role.CTO] = Reason.WIDESPREAD
    return due


def _tell(
    incident: Incident,
    role: EscalationContact.Role,
    reason: Reason,
    contacts: list[EscalationContact],
    now: datetime,
) -> None:
    EscalationStep.objects.bulk_create(
        EscalationStep(
            incident=incident,
            contact=contact,
            role=role,
            round=incident.round,
            reason=reason,
            at=now,
        )
        for contact in contacts
    )
    title = role.label.partition(":")[0]
    names = ", ".join(contact.name for contact in contacts)
    record_in_timeline(
        incident=incident,
        kind=TimelineEntry.Kind.ESCALATION,
        words=f"{title} told, since {_WHY[reason]}: {names}",
        at=now,
    )
    queue_notice(
        event=Notice.Event.STEP,
        severity=_LOUDNESS[incident.severity],
        subject=f"{incident.severity} {incident.number}: {incident.title}",
        text=_words_of(incident, title, reason, now),
        reference=f"incident:{incident.pk}",
        # Of one round and role a place hears once, whoever joins the role later.
        occurrence=10 * incident.round + _RANKS[role],
        path=incident_path(incident.pk),
        client_id=incident.client_id,
        emails=[contact.email for contact in contacts],
        now=now,
    )
    log.warning("[INCIDENT] Told", incident=incident.number, role=str(role), reason=str(reason))


def _words_of(incident: Incident, title: str, reason: Reason, now: datetime) -> str:
    minutes = max(0, round((now - incident.round_began_at).total_seconds() / 60))
    lines = [
        f"You are told as {title.lower() if title != 'CTO' else title}, since {_WHY[reason]}.",
        f"State: {incident.get_state_display().lower()}, for {minutes} minutes.",
    ]
    if incident.customers_affected is not None:
        lines.append(f"Customers affected so far: {incident.customers_affected:,}.")
    return "\n".join(lines)
