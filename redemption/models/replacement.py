from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from giftcards.models import GiftCard
from redemption.models.redemption import Redemption


class Replacement(models.Model):
    """A card that was exchanged for another of the same worth, at our cost; never changed."""

    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, related_name="replacements"
    )
    # Void from here on.
    old_card = models.OneToOneField(
        GiftCard, on_delete=models.PROTECT, related_name="+", verbose_name="card taken back"
    )
    # It may have come back since, unseen, and stand in for another one.
    new_card = models.ForeignKey(
        GiftCard,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name="card given instead",
    )
    # Somebody may have seen the old one's code, so what it was charged is spent.
    old_was_disclosed = models.BooleanField()
    # What the new one cost, on top; null when that is not known.
    cost_minor = models.BigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    actor = models.CharField(max_length=48)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(old_card=F("new_card")), name="redemption_replacement_by_another"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
