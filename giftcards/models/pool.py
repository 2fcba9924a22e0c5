import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client
from giftcards.models.catalogue import Brand, Denomination


class Pool(models.Model):
    """Cards of one brand and value from which redemptions claim."""

    class Kind(models.TextChoices):
        MASTER = "master", "Master (the platform's)"
        CLIENT = "client", "Client's own"
        BUFFER = "buffer", "Buffer (bought ahead)"

    class PurchaseMethod(models.TextChoices):
        CSV_ONLY = "csv_only", "Uploaded cards only"
        CSV_WITH_FALLBACK = "csv_with_fallback", "Uploaded cards, then the provider"
        API_ONLY = "api_only", "Provider only"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="pools")
    denomination = models.ForeignKey(Denomination, on_delete=models.PROTECT, related_name="pools")
    kind = models.CharField(max_length=16, choices=Kind)
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, blank=True, related_name="pools"
    )
    purchase_method = models.CharField(
        max_length=24, choices=PurchaseMethod, default=PurchaseMethod.CSV_ONLY
    )
    api_provider = models.CharField(max_length=32, blank=True, db_default="")
    cost_per_card_minor = models.BigIntegerField(null=True, blank=True)
    low_stock_threshold = models.PositiveIntegerField(default=20)
    warning_percent = models.PositiveSmallIntegerField(default=20)
    critical_percent = models.PositiveSmallIntegerField(default=10)
    # Only conditions that name it may draw from it.
    reserved = models.BooleanField(default=False)
    # A buffer's: how many cards the job keeps there, and what it may spend on them in a day (UTC).
    target_level = models.PositiveIntegerField(null=True, blank=True)
    daily_budget_minor = models.BigIntegerField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        indexes = [
            # How a redemption finds the pools that may serve it.
            models.Index(
                fields=["denomination", "client"],
                condition=Q(archived_at__isnull=True, reserved=False),
                name="giftcards_pool_waterfall",
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="client", client__isnull=False)
                | Q(kind__in=["master", "buffer"], client__isnull=True),
                name="giftcards_pool_client_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(cost_per_card_minor__gte=0) | Q(cost_per_card_minor=None),
                name="giftcards_pool_cost_never_negative",
            ),
            models.CheckConstraint(
                condition=Q(daily_budget_minor__gte=0) | Q(daily_budget_minor=None),
                name="giftcards_pool_budget_never_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name
