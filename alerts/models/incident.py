import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from alerts.models.alert import Alert


class Incident(models.Model):
    """Something that went wrong for customers: what it did, who was on it, what was learnt."""

    class Severity(models.TextChoices):
        P0 = "P0", "P0: at once"
        P1 = "P1", "P1: within 30 minutes"
        P2 = "P2", "P2: within 2 hours"
        P3 = "P3", "P3: within 24 hours"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        # Nobody is harmed any more; the cause is still there.
        MITIGATED = "mitigated", "Mitigated"
        RESOLVED = "resolved", "Resolved"

    class Reputation(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"

    UNRESOLVED = (State.OPEN, State.ACKNOWLEDGED, State.MITIGATED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=20, editable=False)
    title = models.CharField(max_length=200)
    severity = models.CharField(max_length=2, choices=Severity)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    # The alert it was made from, and of which kind that is, for the runbook.
    alert = models.ForeignKey(
        Alert, on_delete=models.PROTECT, null=True, blank=True, related_name="incidents"
    )
    kind = models.CharField(max_length=64, blank=True, db_default="")
    # The parts of the system that the status page shows as troubled (alerts/runbook.py).
    components = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    # A plain id, as an alert's own; unset, it touches more than one client.
    client_id = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField()
    detected_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.UUIDField(null=True, blank=True)
    mitigated_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    opened_by = models.UUIDField(null=True, blank=True)
    # One more each time it is reopened: then the chain of those who are told begins anew.
    round = models.PositiveSmallIntegerField(default=1)
    round_began_at = models.DateTimeField()
    # Counted from the data of its time; empty until they have been.
    customers_affected = models.PositiveIntegerField(null=True, blank=True)
    failed = models.PositiveIntegerField(null=True, blank=True)
    waiting = models.PositiveIntegerField(null=True, blank=True)
    undelivered = models.PositiveIntegerField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    # What an operator estimates, in whole units of the currency.
    revenue_per_hour = models.PositiveBigIntegerField(null=True, blank=True)
    reputation = models.CharField(
        max_length=8, choices=Reputation, blank=True, default="", db_default=""
    )
    cause = models.TextField(blank=True, db_default="")
    resolution = models.TextField(blank=True, db_default="")
    lessons = models.TextField(blank=True, db_default="")
    # What the status page says of it; nothing is public that nobody has written here.
    public_title = models.CharField(max_length=160, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-detected_at", "-number"]
        indexes = [
            models.Index(fields=["-detected_at"], name="alerts_incident_newest"),
            models.Index(
                fields=["severity"],
                name="alerts_incident_unresolved",
                condition=Q(state__in=["open", "acknowledged", "mitigated"]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["number"], name="alerts_incident_number_once"),
            models.UniqueConstraint(
                fields=["alert"],
                condition=Q(alert__isnull=False),
                name="alerts_incident_one_per_alert",
            ),
            models.CheckConstraint(
                condition=Q(number__regex=r"^INC-[0-9]{8}-[0-9]{3,}$"),
                name="alerts_incident_number_says_its_day",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["P0", "P1", "P2", "P3"]),
                name="alerts_incident_severity_known",
            ),
            models.CheckConstraint(
                condition=Q(state="resolved", resolved_at__isnull=False)
                | Q(state__in=["open", "acknowledged", "mitigated"], resolved_at__isnull=True),
                name="alerts_incident_resolved_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True) | Q(resolved_at__gte=F("started_at")),
                name="alerts_incident_over_after_it_began",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class IncidentDay(models.Model):
    """How many incidents a day has had: the row that hands out their numbers."""

    day = models.DateField(primary_key=True)
    last_number = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.day} {self.last_number}"


class TimelineEntry(models.Model):
    """One thing that happened in an incident; a mistake is put right by another entry."""

    class Kind(models.TextChoices):
        STEP = "step", "Step"
        NOTE = "note", "Note"
        ALERT = "alert", "Alert"
        NOTICE = "notice", "Notice"
        ESCALATION = "escalation", "Escalation"
        REDEMPTIONS = "redemptions", "Redemptions"
        ACTION = "action", "Action item"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="timeline")
    at = models.DateTimeField()
    kind = models.CharField(max_length=16, choices=Kind)
    words = models.TextField()
    actor = models.CharField(max_length=48, blank=True, db_default="")
    # Of what it was made: nothing comes into a timeline twice.
    source = models.CharField(max_length=160, blank=True, db_default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "source"],
                condition=~Q(source=""),
                name="alerts_timelineentry_source_once",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind}"


class ActionItem(models.Model):
    """What is to be done so that it does not happen again, by whom and by when."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="action_items")
    words = models.CharField(max_length=300)
    owner = models.CharField(max_length=100)
    due_on = models.DateField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["due_on", "pk"]

    def __str__(self) -> str:
        return f"#{self.pk}"
