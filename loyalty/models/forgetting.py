import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value

from loyalty.models.customer import Customer


class CustomerErasure(models.Model):
    """A customer who was forgotten, and what a provider of texts still has to be asked for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # What is left of them: a row that says nobody's name.
    customer = models.OneToOneField(Customer, on_delete=models.PROTECT, related_name="erasure")
    # Why, without the person: "asked by e-mail, ticket 4711".
    reason = models.CharField(max_length=500)
    requested_by = models.CharField(max_length=48)
    erased_at = models.DateTimeField()
    # Texts whose words still stand in the provider's records, by the provider's ids.
    provider_ids = ArrayField(models.CharField(max_length=64), default=list, db_default=Value([]))
    # Null once all is done.
    next_attempt_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-erased_at"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="loyalty_erasure_due",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(next_attempt_at__isnull=False) | Q(provider_ids=[]),
                name="loyalty_erasure_goes_on_until_done",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {'done' if self.next_attempt_at is None else 'under way'}"
