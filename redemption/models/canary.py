import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from giftcards.models import GiftCard
from redemption.models.attempt import AttemptLog, NetworkField
from redemption.models.campaign import Campaign


class Canary(models.Model):
    """A code that nobody was ever given: whoever tries it at a door has it from a leak.

    Note [Canary codes] in redemption/services/canaries.py. Of the code only the digest is kept,
    by which attempts are known; that of a card is sealed with its card.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # As a door would look it up.
    code_digest = models.BinaryField(max_length=32, unique=True)
    # Among whose redemption codes it lies; or the card whose code it is.
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="canaries"
    )
    card = models.OneToOneField(
        GiftCard, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # Where it was put, for whoever gets the alarm.
    note = models.CharField(max_length=300)
    planted_by = models.CharField(max_length=48)
    planted_at = models.DateTimeField()
    retired_by = models.CharField(max_length=48, blank=True, db_default="")
    retired_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(db_default=0)
    last_tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "canaries"
        ordering = ["-planted_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(campaign=None, card__isnull=False)
                | Q(campaign__isnull=False, card=None),
                name="redemption_canary_lies_in_one_place",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {'retired' if self.retired_at else 'planted'}"


class CanaryTry(models.Model):
    """Somebody tried a canary at a door: each attempt is told once. Never changed.

    After a day one of an hour's repeats is kept (sql/canary_clearing.sql).
    """

    canary = models.ForeignKey(Canary, on_delete=models.PROTECT, related_name="trail")
    # Plain number: attempts are cleared after some days, and this stays.
    attempt_id = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    action = models.CharField(max_length=16, choices=AttemptLog.Action)
    network = NetworkField(max_length=43, null=True)
    caller = models.CharField(max_length=48, blank=True)
    result = models.CharField(max_length=16, choices=AttemptLog.Result)
    request_id = models.CharField(max_length=64, blank=True)
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "canary tries"
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"#{self.pk} {self.result}"
