import uuid

from django.db import models
from django.db.models import F, Q

from credit.models import Client
from loyalty.models.customer import Customer
from loyalty.models.shop import RegisterSession, StockItem


class Checkout(models.Model):
    """An order at a till: what was bought, how it was paid, and the points both ways."""

    class State(models.TextChoices):
        # From the beginning, until the gateway has answered for good.
        PAYMENT_UNKNOWN = "payment_unknown", "Payment unknown"
        COMPLETED = "completed", "Completed"
        DECLINED = "declined", "Declined"
        PARTLY_REFUNDED = "partly_refunded", "Refunded in part"
        REFUNDED = "refunded", "Refunded"

    class Loyalty(models.TextChoices):
        NONE = "none", "Without points"
        # Held until the payment is known, or until a failed posting is replayed.
        PENDING = "pending", "Points are still to come"
        APPLIED = "applied", "Points applied"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Keys to the hottest rows are held by the function that writes this one: see ADR 8.
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="checkouts",
        db_index=False,
    )
    register_session = models.ForeignKey(
        RegisterSession,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="checkouts",
        db_constraint=False,
    )
    order_number = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State)
    loyalty = models.CharField(max_length=8, choices=Loyalty)
    currency = models.CharField(max_length=3)
    subtotal_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    points_redeemed = models.BigIntegerField()
    points_earned = models.BigIntegerField()
    # Of the subtotal, so that money and points are given back in the same share.
    refunded_of_subtotal_minor = models.BigIntegerField(db_default=0)
    refunded_minor = models.BigIntegerField(db_default=0)
    # [{name, status, milliseconds}], in the order in which they were taken.
    steps = models.JSONField(default=list)
    actor = models.CharField(max_length=48)
    request_id = models.CharField(max_length=64, blank=True, db_default="")
    created_at = models.DateTimeField()
    # When the payment was known.
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["client", "-created_at"], name="loyalty_checkout_list"),
            models.Index(fields=["customer", "-created_at"], name="loyalty_checkout_customer"),
            # What still holds points.
            models.Index(
                fields=["customer"],
                condition=Q(loyalty="pending", points_redeemed__gt=0),
                name="loyalty_checkout_holds",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(state="payment_unknown"),
                name="loyalty_checkout_unknown",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "order_number"],
                condition=~Q(state="declined"),
                name="loyalty_checkout_order_number_unique",
            ),
            models.CheckConstraint(
                condition=Q(total_minor=F("subtotal_minor") - F("discount_minor")),
                name="loyalty_checkout_total_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(discount_minor__gte=0, points_redeemed__gte=0, points_earned__gte=0),
                name="loyalty_checkout_never_negative",
            ),
            # So the total is not negative either.
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("total_minor"))
                & Q(refunded_of_subtotal_minor__gte=0)
                & Q(refunded_of_subtotal_minor__lte=F("subtotal_minor")),
                name="loyalty_checkout_refunded_within_paid",
            ),
            models.CheckConstraint(
                condition=Q(state="payment_unknown", settled_at=None)
                | ~Q(state="payment_unknown") & Q(settled_at__isnull=False),
                name="loyalty_checkout_settled_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(loyalty="none") | Q(points_redeemed=0, points_earned=0),
                name="loyalty_checkout_points_have_a_state",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class CheckoutLine(models.Model):
    """One article of a checkout, at the price of that moment."""

    checkout = models.ForeignKey(
        Checkout, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    stock_item = models.ForeignKey(
        StockItem, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    position = models.PositiveSmallIntegerField()
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    quantity = models.PositiveIntegerField()
    price_minor = models.BigIntegerField()
    refunded = models.PositiveIntegerField(db_default=0)

    class Meta:
        ordering = ["checkout", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["checkout", "position"], name="loyalty_checkoutline_position_unique"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, refunded__lte=F("quantity")),
                name="loyalty_checkoutline_refunded_within_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Payment(models.Model):
    """What a gateway was asked to take for a checkout, under an id that was stored first."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", "Not known yet"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    checkout = models.OneToOneField(Checkout, on_delete=models.PROTECT, related_name="payment")
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    gateway = models.CharField(max_length=16)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State)
    # The gateway's own name for it: a payment intent, the number on a terminal's slip.
    gateway_reference = models.CharField(max_length=120, blank=True, db_default="")
    # Why it was declined, or is not known: the gateway's word.
    error = models.CharField(max_length=120, blank=True, db_default="")
    tries = models.PositiveIntegerField(db_default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state="unknown", next_attempt_at__isnull=False),
                name="loyalty_payment_due",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gte=0), name="loyalty_payment_amount_never_negative"
            ),
            models.CheckConstraint(
                condition=Q(state="unknown", settled_at=None)
                | ~Q(state="unknown") & Q(settled_at__isnull=False),
                name="loyalty_payment_settled_has_its_time",
            ),
            # One slip or intent pays one checkout.
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"],
                condition=~Q(gateway="manual") & ~Q(gateway_reference=""),
                name="loyalty_payment_reference_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class ReconciliationItem(models.Model):
    """Points that a paid checkout still owes: replayed until they are applied, once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    checkout = models.OneToOneField(
        Checkout, on_delete=models.PROTECT, related_name="reconciliation"
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    points_earned = models.BigIntegerField()
    points_redeemed = models.BigIntegerField()
    order_total_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    error = models.CharField(max_length=300)
    attempts = models.PositiveIntegerField(db_default=0)
    created_at = models.DateTimeField()
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    resolved = models.BooleanField(db_default=False)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=48, blank=True, db_default="")
    resolution_note = models.CharField(max_length=500, blank=True, db_default="")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(resolved=False, next_attempt_at__isnull=False),
                name="loyalty_reconciliation_due",
            ),
            models.Index(fields=["client", "-created_at"], name="loyalty_reconciliation_list"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(resolved=False, resolved_at=None)
                | Q(resolved=True, resolved_at__isnull=False),
                name="loyalty_reconciliation_resolved_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {'resolved' if self.resolved else 'open'}"
