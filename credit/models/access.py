import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models.organisation import Agency, Client


class ApiKey(models.Model):
    """A partner's key, stored as a digest; of one client, one agency or the platform."""

    class Owner(models.TextChoices):
        PLATFORM = "platform", "Platform"
        AGENCY = "agency", "Agency"
        CLIENT = "client", "Client"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    owner_kind = models.CharField(max_length=16, choices=Owner)
    agency = models.ForeignKey(
        Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="api_keys"
    )
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, blank=True, related_name="api_keys"
    )
    # The first characters of the key, so that a person can tell two keys apart.
    prefix = models.CharField(max_length=12)
    # SHA-256: the key has 256 random bits, so a slow hash would only slow us down.
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    # Addresses from which alone the key is good, as CIDR; none: from anywhere.
    allowed_networks = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    # When it was last shown from elsewhere, and from where.
    refused_at = models.DateTimeField(null=True, blank=True)
    refused_address = models.GenericIPAddressField(null=True, blank=True)
    # The key that took over; this one goes on until it expires.
    replaced_by = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaces"
    )

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(owner_kind="platform", agency__isnull=True, client__isnull=True)
                    | Q(owner_kind="agency", agency__isnull=False, client__isnull=True)
                    | Q(owner_kind="client", agency__isnull=True, client__isnull=False)
                ),
                name="credit_apikey_owner_fits_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.prefix}…"


class IdempotencyRecord(models.Model):
    """What a caller's Idempotency-Key stands for, written in the transaction of its effect.

    It keeps which object was made and its first state, so that the answer can be printed anew:
    an answer itself would hold a card's code.
    """

    # Of the organisation, not of the key: a rotated key keeps its history.
    owner = models.CharField(max_length=48)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    error_code = models.CharField(max_length=8, blank=True, db_default="")
    object_id = models.UUIDField(null=True)
    state = models.CharField(max_length=24, blank=True, db_default="")
    details = models.JSONField(db_default=models.Value({}, output_field=models.JSONField()))
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Also the lock: of two calls with one key the second waits on this index.
            models.UniqueConstraint(fields=["owner", "key"], name="credit_idempotency_key_unique"),
        ]
        # For the nightly clearing only, and written in order: a block range index costs a
        # request nothing.
        indexes = [BrinIndex(fields=["created_at"], name="credit_idempotency_created")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.status}"
