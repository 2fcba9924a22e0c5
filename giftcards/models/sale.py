import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from credit.models import Client, Transaction
from giftcards.models.pool import Pool


class CardSale(models.Model):
    """Cards of a master pool that a client bought: moved and paid in one transaction, or not."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    master_pool = models.ForeignKey(
        Pool, on_delete=models.PROTECT, related_name="sales", verbose_name="sold from"
    )
    pool = models.ForeignKey(
        Pool, on_delete=models.PROTECT, related_name="purchases", verbose_name="sold into"
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="card_purchases")
    quantity = models.PositiveIntegerField()
    price_per_card_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # How the client paid, and how it got its money back if the sale was reversed.
    transaction = models.OneToOneField(Transaction, on_delete=models.PROTECT, related_name="+")
    refund = models.OneToOneField(
        Transaction, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    idempotency_key = models.CharField(max_length=160)
    actor = models.CharField(max_length=48)
    created_at = models.DateTimeField(db_default=Now())
    reversed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["idempotency_key"], name="giftcards_cardsale_once"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, price_per_card_minor__gt=0),
                name="giftcards_cardsale_sells_something",
            ),
            models.CheckConstraint(
                condition=Q(total_minor=F("quantity") * F("price_per_card_minor")),
                name="giftcards_cardsale_total_is_quantity_times_price",
            ),
            models.CheckConstraint(
                condition=Q(reversed_at=None, refund=None)
                | Q(reversed_at__isnull=False, refund__isnull=False),
                name="giftcards_cardsale_reversal_has_its_refund",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {'reversed' if self.reversed_at else 'sold'}"
