from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client
from giftcards.models import Brand, Pool


class ReportDay(models.Model):
    """A day (UTC) whose rewards have been counted; see Note [Report days]."""

    day = models.DateField(primary_key=True)
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.day}"


class ReportMonth(models.Model):
    """A month of which every day has been counted, and the days added up."""

    # Its first day.
    month = models.DateField(primary_key=True)
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.month}"


class ReportChange(models.Model):
    """A mark that a reward of a day is no longer what it was when the day was counted."""

    day = models.DateField(db_index=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"#{self.pk} {self.day}"


class RewardCount(models.Model):
    """What became of the rewards that a client, a pool or both gave on a day or in a month."""

    class Span(models.TextChoices):
        DAY = "day", "Day"
        MONTH = "month", "Month"

    class Level(models.TextChoices):
        POOL = "pool", "A pool, whoever it served"
        CLIENT = "client", "A client, whatever served it"
        BOTH = "both", "A client and a pool"

    span = models.CharField(max_length=8, choices=Span)
    level = models.CharField(max_length=8, choices=Level)
    first_day = models.DateField()
    # Written from rows that name them, so that no key has to be checked again.
    client = models.ForeignKey(
        Client,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    pool = models.ForeignKey(
        Pool,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    brand = models.ForeignKey(
        Brand,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    currency = models.CharField(max_length=3)
    issued = models.BigIntegerField()
    delivered = models.BigIntegerField()
    # Seconds from claim to hand-over: their sum, and how often each rounded one occurred.
    wait_total = models.DecimalField(max_digits=30, decimal_places=6)
    waits = ArrayField(models.IntegerField())
    wait_counts = ArrayField(models.BigIntegerField())
    # Sums of minor units may be wider than the columns they are of.
    face_value_minor = models.DecimalField(max_digits=30, decimal_places=0)
    charged_minor = models.DecimalField(max_digits=30, decimal_places=0)
    agency_margin_minor = models.DecimalField(max_digits=30, decimal_places=0)
    cost_known = models.BigIntegerField()
    cost_minor = models.DecimalField(max_digits=30, decimal_places=0)
    platform_margin_minor = models.DecimalField(max_digits=30, decimal_places=0)
    profit_minor = models.DecimalField(max_digits=30, decimal_places=0)

    class Meta:
        indexes = [
            models.Index(fields=["span", "level", "first_day"], name="redemption_count_by_day"),
            models.Index(
                fields=["client", "span", "first_day"],
                condition=Q(client__isnull=False),
                name="redemption_count_by_client",
            ),
            models.Index(
                fields=["brand", "span", "first_day"],
                condition=Q(level="both"),
                name="redemption_count_by_brand",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.level} {self.first_day}"
