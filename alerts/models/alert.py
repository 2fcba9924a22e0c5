import uuid

from django.db import models
from django.db.models.functions import Now


class Alert(models.Model):
    """Something an operator should know; repeats of an open one count up instead of piling up."""

    class Severity(models.TextChoices):
        CRITICAL = "critical", "Critical"
        WARNING = "warning", "Warning"
        INFO = "info", "Info"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=64)
    # Which monitor looks whether it still holds; empty where an event raised it.
    monitor = models.CharField(max_length=64, blank=True, db_default="")
    severity = models.CharField(max_length=16, choices=Severity)
    subject = models.CharField(max_length=200)
    message = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    dedupe_key = models.CharField(max_length=200)
    # Plain ids, without a key: this app stands below the one that owns clients and users.
    client_id = models.UUIDField(null=True, blank=True)
    acknowledged_by = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    count = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    # Since when it is as grave as it is, and the call that made it so (alerts/services/alerts.py).
    severity_since = models.DateTimeField(null=True, blank=True)
    risen_by = models.UUIDField(null=True, blank=True, editable=False)
    # How often somebody was reminded that nobody has taken it on, and when last.
    reminders = models.PositiveSmallIntegerField(default=0, db_default=0)
    reminded_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-last_seen_at"]
        indexes = [
            models.Index(fields=["-last_seen_at"], name="alerts_alert_newest"),
            models.Index(fields=["kind", "first_seen_at"], name="alerts_alert_of_kind"),
            models.Index(
                fields=["monitor"],
                name="alerts_alert_of_monitor",
                condition=models.Q(state__in=["open", "acknowledged"]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key"],
                condition=models.Q(state__in=["open", "acknowledged"]),
                name="alerts_alert_one_unresolved_per_key",
            ),
            models.CheckConstraint(
                condition=models.Q(severity__in=["critical", "warning", "info"]),
                name="alerts_alert_severity_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state="resolved", resolved_at__isnull=False)
                | models.Q(state__in=["open", "acknowledged"], resolved_at__isnull=True),
                name="alerts_alert_resolved_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"
