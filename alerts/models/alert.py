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
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-last_seen_at"]
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
