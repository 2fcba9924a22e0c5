import uuid

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client


class LoyaltyProgram(models.Model):
    """How a client's customers earn points and what a point is worth to them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.OneToOneField(Client, on_delete=models.PROTECT, related_name="loyalty_program")
    currency = models.CharField(max_length=3)
    # 100 for dollars and cents, 1 for yen: the database has no table of currencies.
    minor_per_unit = models.PositiveIntegerField(default=100)
    # For each whole unit of the currency that was actually paid.
    points_per_currency_unit = models.DecimalField(max_digits=10, decimal_places=4)
    # What one point takes off a price, in minor units: 1 means that 100 points are worth 1.00.
    point_value_minor = models.DecimalField(max_digits=12, decimal_places=4)
    # Fewer points than this cannot be redeemed at once.
    minimum_redemption = models.BigIntegerField(default=1, validators=[MinValueValidator(1)])
    # So many months after they were earned; 0: never.
    expiry_months = models.PositiveSmallIntegerField(default=0)
    # Off: checkouts go on without points.
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(points_per_currency_unit__gte=0),
                name="loyalty_program_earning_never_negative",
            ),
            models.CheckConstraint(
                condition=Q(point_value_minor__gt=0), name="loyalty_program_point_worth_something"
            ),
            models.CheckConstraint(
                condition=Q(minor_per_unit__in=[1, 10, 100, 1000, 10000]),
                name="loyalty_program_minor_per_unit_known",
            ),
            models.CheckConstraint(
                condition=Q(minimum_redemption__gte=1), name="loyalty_program_minimum_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {'on' if self.is_enabled else 'off'}"


class Tier(models.Model):
    """A rank of a programme, reached by points earned in a lifetime."""

    program = models.ForeignKey(LoyaltyProgram, on_delete=models.CASCADE, related_name="tiers")
    # The program's, repeated so that the tenant of a tier needs no join.
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=40)
    from_lifetime_points = models.BigIntegerField(validators=[MinValueValidator(0)])
    earn_multiplier = models.DecimalField(max_digits=5, decimal_places=2, default=1)

    class Meta:
        ordering = ["from_lifetime_points"]
        constraints = [
            models.UniqueConstraint(fields=["program", "name"], name="loyalty_tier_name_unique"),
            models.UniqueConstraint(
                fields=["program", "from_lifetime_points"], name="loyalty_tier_step_unique"
            ),
            models.CheckConstraint(
                condition=Q(from_lifetime_points__gte=0, earn_multiplier__gt=0),
                name="loyalty_tier_earns_something",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"
