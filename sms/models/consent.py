from django.db import models
from django.db.models.functions import Now

from credit.models import Client


class OptIn(models.Model):
    """Whether a client may text a number, and how we know."""

    class State(models.TextChoices):
        NONE = "none", "Not asked"
        REQUESTED = "requested", "Asked"
        GRANTED = "granted", "Granted"
        REVOKED = "revoked", "Revoked"

    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="opt_ins", db_index=False
    )
    phone = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State)
    # The proof: what they read, in which way they answered, who did it, and why if not they.
    text_shown = models.TextField(blank=True, db_default="")
    way = models.CharField(max_length=32, blank=True, db_default="")
    actor = models.CharField(max_length=48, blank=True, db_default="")
    reason = models.CharField(max_length=300, blank=True, db_default="")
    requested_at = models.DateTimeField(null=True, blank=True)
    # The digest of the link's token in the request; the token itself is kept nowhere.
    link_digest = models.BinaryField(max_length=32, null=True, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "phone"], name="sms_optin_one_per_number"),
        ]
        indexes = [
            models.Index(fields=["phone"], name="sms_optin_phone"),
            # Derived from the two above, so unique without a second constraint, with which two
            # requests at once would trip over each other.
            models.Index(
                fields=["link_digest"],
                condition=models.Q(link_digest__isnull=False),
                name="sms_optin_link",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.state}"


class ConsentEvent(models.Model):
    """What an opt-in was at some time; written by the database with every change of one."""

    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="consent_events", db_index=False
    )
    phone = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=OptIn.State)
    text_shown = models.TextField(blank=True, db_default="")
    way = models.CharField(max_length=32, blank=True, db_default="")
    actor = models.CharField(max_length=48, blank=True, db_default="")
    reason = models.CharField(max_length=300, blank=True, db_default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["phone", "client"], name="sms_consentevent_phone")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.state}"
