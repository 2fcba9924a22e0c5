import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value


class Erasure(models.Model):
    """A person who is to be forgotten: the promise, and what was done about it. Never removed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # What is left of them are these rows, which say nobody's name.
    recipient_ids = ArrayField(models.UUIDField())
    # Why, without the person: "asked by e-mail, ticket 4711".
    reason = models.CharField(max_length=500)
    requested_by = models.CharField(max_length=48)
    requested_at = models.DateTimeField()
    # Our own tables are done.
    erased_at = models.DateTimeField(null=True, blank=True)
    # How many rows, by the name of their table.
    counts = models.JSONField(db_default=Value({}, output_field=models.JSONField()))
    # Texts whose words still stand in the provider's records, by the provider's ids.
    provider_ids = ArrayField(models.CharField(max_length=64), default=list, db_default=Value([]))
    # What it waits for, in words for an operator.
    waits_for = models.CharField(max_length=300, blank=True, db_default="")
    # Null once all is done.
    next_attempt_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-requested_at"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="redemption_erasure_due",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(next_attempt_at__isnull=False)
                | Q(erased_at__isnull=False, provider_ids=[]),
                name="redemption_erasure_goes_on_until_done",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {'done' if self.next_attempt_at is None else 'under way'}"
