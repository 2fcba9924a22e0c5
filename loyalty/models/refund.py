import uuid

from django.db import models
from django.db.models import Q

from credit.models import Client
from loyalty.models.checkout import Checkout


class Refund(models.Model):
    """Money given back for a checkout, with the points that went back both ways."""

    class State(models.TextChoices):
        # The gateway was asked and has not answered for good.
        PENDING = "pending", "Being refunded"
        DONE = "done", "Refunded"
        FAILED = "failed", "Refused by the gateway"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    checkout = models.ForeignKey(Checkout, on_delete=models.PROTECT, related_name="refunds")
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    state = models.CharField(max_length=8, choices=State)
    amount_minor = models.BigIntegerField()
    of_subtotal_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # [{sku, quantity}], [] where an amount was named.
    lines = models.JSONField(default=list)
    points_taken_back = models.BigIntegerField()
    points_returned = models.BigIntegerField()
    # Earned points that were spent meanwhile, so that they could not be taken back.
    shortfall_points = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    gateway_reference = models.CharField(max_length=120, blank=True, db_default="")
    error = models.CharField(max_length=120, blank=True, db_default="")
    tries = models.PositiveIntegerField(db_default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    actor = models.CharField(max_length=48)
    request_id = models.CharField(max_length=64, blank=True, db_default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["client", "-created_at"], name="loyalty_refund_list"),
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state="pending"),
                name="loyalty_refund_due",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gte=0, of_subtotal_minor__gt=0)
                & Q(points_taken_back__gte=0, points_returned__gte=0, shortfall_points__gte=0),
                name="loyalty_refund_never_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"
