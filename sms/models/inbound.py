from django.db import models
from django.db.models.functions import Now

from credit.models import Client


class InboundMessage(models.Model):
    """A text somebody sent us, kept once however often the provider brings it."""

    class HandledAs(models.TextChoices):
        KEPT = "kept", "Kept for a person to read"
        OPT_OUT = "opt_out", "Opt-out"
        OPT_IN = "opt_in", "Opt-in"
        GRANT = "grant", "Yes to an opt-in request"
        HELP = "help", "Request for help"

    provider_id = models.CharField(max_length=64)
    # Whose conversation it belongs to: the client that texted this number last.
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, blank=True, related_name="inbound_messages"
    )
    from_number = models.CharField(max_length=32)
    to_number = models.CharField(max_length=32)
    body = models.TextField(blank=True, db_default="")
    # The provider's own reading of it.
    opt_out_type = models.CharField(max_length=8, blank=True, db_default="")
    handled_as = models.CharField(max_length=16, choices=HandledAs, db_default=HandledAs.KEPT)
    # What it was answered with; a repeat is answered the same.
    reply = models.TextField(blank=True, db_default="")
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["from_number", "received_at"], name="sms_inbound_from"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["provider_id"], name="sms_inboundmessage_received_once"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.handled_as}"
