import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client
from redemption.models.campaign import Campaign


class RecipientBatch(models.Model):
    """One upload of people into a campaign, with what was refused and why."""

    class State(models.TextChoices):
        IMPORTED = "imported", "Imported"
        REFUSED = "refused", "Refused"
        UNDONE = "undone", "Undone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="batches", db_index=False
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+", db_index=False)
    file_name = models.CharField(max_length=255)
    file_hash = models.BinaryField(max_length=32)
    state = models.CharField(max_length=16, choices=State)
    rows = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    # [{line, field, message}], never the row itself: it says who somebody is.
    rejects = models.JSONField(default=list, blank=True)
    actor = models.CharField(max_length=48)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "recipient batches"
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["-created_at"], name="redemption_recipientbatch_new"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "file_hash"],
                condition=Q(state="imported"),
                name="redemption_recipientbatch_file_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"
