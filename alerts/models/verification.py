import uuid

from django.db import models
from django.db.models import Q


class Verification(models.Model):
    """One proof of the whole database: who asked for it, how far it is, what it has found."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # "schedule", "command", "user:<id>".
    asked_by = models.CharField(max_length=48)
    asked_at = models.DateTimeField()
    # When a worker took it up, and when that one was last heard of.
    started_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Every sealed column is opened, not only a sample.
    is_whole = models.BooleanField(default=False)
    # The invariants to be proven, by name.
    names = models.JSONField(default=list)
    # One for each that was: name, how many break it, the first ids, seconds. Ids alone, no codes.
    proofs = models.JSONField(default=list)

    class Meta:
        ordering = ["-asked_at"]
        indexes = [models.Index(fields=["-asked_at"], name="alerts_verification_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(started_at__isnull=False),
                name="alerts_verification_ends_after_it_starts",
            ),
            # Who presses the button twice waits for one.
            models.UniqueConstraint(
                fields=["is_whole"],
                condition=Q(started_at=None),
                name="alerts_verification_asked_once",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {'finished' if self.finished_at else 'under way'}"
