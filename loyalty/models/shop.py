import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from credit.models import Client


class StockItem(models.Model):
    """An article: its price, how many there are, and how many of them are set aside."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="stock_items", db_index=False
    )
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    price_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    on_hand = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(db_default=0)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["sku"]
        constraints = [
            models.UniqueConstraint(fields=["client", "sku"], name="loyalty_stockitem_sku_unique"),
            models.CheckConstraint(
                condition=Q(reserved__gte=0, on_hand__gte=F("reserved")),
                name="loyalty_stockitem_reserved_within_on_hand",
            ),
            models.CheckConstraint(
                condition=Q(price_minor__gte=0), name="loyalty_stockitem_price_never_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id}"


class RegisterSession(models.Model):
    """A till from its opening to its closing, with what went over it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="register_sessions", db_index=False
    )
    register = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=48)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=48, blank=True, db_default="")
    orders = models.BigIntegerField(db_default=0)
    sales_minor = models.BigIntegerField(db_default=0)
    refunds_minor = models.BigIntegerField(db_default=0)
    points_spent = models.BigIntegerField(db_default=0)
    points_earned = models.BigIntegerField(db_default=0)

    class Meta:
        ordering = ["-opened_at"]
        indexes = [models.Index(fields=["client", "-opened_at"], name="loyalty_session_list")]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "register"],
                condition=Q(closed_at=None),
                name="loyalty_session_one_open_per_register",
            ),
            models.CheckConstraint(
                condition=Q(orders__gte=0, sales_minor__gte=0, refunds_minor__gte=0)
                & Q(points_spent__gte=0, points_earned__gte=0),
                name="loyalty_session_totals_never_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {'closed' if self.closed_at else 'open'}"
