from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.incident import Incident


class EscalationContact(models.Model):
    """Somebody who is told of incidents, and at which step of the chain."""

    class Role(models.TextChoices):
        ON_CALL = "on_call", "On call: at once"
        TECHNICAL_LEAD = "technical_lead", "Technical lead: after an hour"
        CTO = "cto", "CTO: after four hours, or when it is widespread"

    name = models.CharField(max_length=100)
    role = models.CharField(max_length=16, choices=Role)
    email = models.EmailField()
    phone = models.CharField(max_length=32, blank=True, db_default="")
    order = models.PositiveSmallIntegerField(default=1, help_text="Of several in one role.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["order", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=["on_call", "technical_lead", "cto"]),
                name="alerts_escalationcontact_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.role}"


class EscalationStep(models.Model):
    """Somebody was told of an incident: once in each of its rounds."""

    class Reason(models.TextChoices):
        AT_ONCE = "at_once", "It was opened"
        UNRESOLVED = "unresolved", "It goes on"
        WIDESPREAD = "widespread", "It touches many"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="steps")
    contact = models.ForeignKey(EscalationContact, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=16, choices=EscalationContact.Role)
    round = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=16, choices=Reason)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "contact", "round"], name="alerts_escalationstep_once"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.role}"
