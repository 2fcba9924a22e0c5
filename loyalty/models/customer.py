import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from credit.models import Client


class Customer(models.Model):
    """Somebody who collects a client's points; the points are what the transactions say."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="customers", db_index=False
    )
    first_name = models.CharField(max_length=80, blank=True, db_default="")
    last_name = models.CharField(max_length=80, blank=True, db_default="")
    # E.164, "" for none.
    phone = models.CharField(max_length=16, blank=True, db_default="")
    email = models.CharField(max_length=254, blank=True, db_default="")
    points_balance = models.BigIntegerField(db_default=0)
    # Set aside for checkouts and rewards whose end is not known yet.
    points_held = models.BigIntegerField(db_default=0)
    # Earned and not taken back: what a tier is reached by.
    lifetime_points = models.BigIntegerField(db_default=0)
    # How many transactions there are; the number of the last one.
    transactions = models.BigIntegerField(db_default=0)
    # The name of the tier, "" below the first.
    tier = models.CharField(max_length=40, blank=True, db_default="")
    is_active = models.BooleanField(db_default=True)
    created_at = models.DateTimeField(db_default=Now())
    # Forgotten: nothing says any more who it was, and nobody uses the account again.
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["client", "-created_at"], name="loyalty_customer_list"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "phone"],
                condition=~Q(phone=""),
                name="loyalty_customer_phone_unique",
            ),
            models.CheckConstraint(
                condition=Q(points_held__gte=0, points_balance__gte=F("points_held")),
                name="loyalty_customer_held_within_balance",
            ),
            models.CheckConstraint(
                condition=Q(lifetime_points__gte=0, transactions__gte=0),
                name="loyalty_customer_counts_never_negative",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None)
                | Q(first_name="", last_name="", phone="", email="", is_active=False),
                name="loyalty_customer_forgotten_says_nothing",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(points_held=0),
                name="loyalty_customer_forgotten_holds_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id}"


class LoyaltyTransaction(models.Model):
    """A change of a customer's points; a fact that is never changed."""

    class Type(models.TextChoices):
        EARNED = "earned", "Earned"
        SPENT = "spent", "Spent"
        ADJUSTED = "adjusted", "Adjusted"
        EXPIRED = "expired", "Expired"
        REVERSED = "reversed", "Reversed"

    class Reference(models.TextChoices):
        ORDER = "order", "Checkout"
        REFUND_EARNED = "refund_earned", "Refund: earned points taken back"
        REFUND_SPENT = "refund_spent", "Refund: spent points given back"
        REWARD = "reward", "Gift card"
        LOT = "lot", "Points that were earned long ago"
        ADJUSTMENT = "adjustment", "Adjustment"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="points", db_index=False
    )
    # The customer's, repeated so that the tenant of a row needs no join.
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    # 1, 2, 3 … of each customer, without a gap.
    number = models.BigIntegerField()
    points = models.BigIntegerField()
    type = models.CharField(max_length=16, choices=Type)
    reference_type = models.CharField(max_length=16, choices=Reference)
    reference_id = models.UUIDField()
    balance_before = models.BigIntegerField()
    balance_after = models.BigIntegerField()
    description = models.CharField(max_length=200, blank=True, db_default="")
    actor = models.CharField(max_length=48)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["customer", "-number"]
        indexes = [
            models.Index(fields=["client", "-created_at"], name="loyalty_points_by_client"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["reference_type", "reference_id", "type"],
                name="loyalty_points_applied_once",
            ),
            models.UniqueConstraint(
                fields=["customer", "number"], name="loyalty_points_number_unique"
            ),
            models.CheckConstraint(
                condition=Q(balance_after=F("balance_before") + F("points")),
                name="loyalty_points_add_up",
            ),
            models.CheckConstraint(
                condition=Q(balance_before__gte=0, balance_after__gte=0),
                name="loyalty_points_never_negative",
            ),
            models.CheckConstraint(
                condition=Q(type="earned", points__gt=0)
                | Q(type__in=["spent", "expired"], points__lt=0)
                | Q(type__in=["adjusted", "reversed"]) & ~Q(points=0),
                name="loyalty_points_sign_fits_type",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.type}"
