import uuid

from django.db import models
from django.db.models.functions import Lower, Now


class Agency(models.Model):
    """A marketing agency: it runs campaigns for its clients."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "agencies"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("slug"), name="credit_agency_slug_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class Client(models.Model):
    """A company whose customers are rewarded; the tenant that every row of theirs names."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="clients")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60)
    is_active = models.BooleanField(default=True)
    # Shown to its customers; empty falls back to SUPPORT_PHONE_NUMBER and SUPPORT_EMAIL.
    support_phone = models.CharField(max_length=32, blank=True)
    support_email = models.EmailField(blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint("agency", Lower("slug"), name="credit_client_slug_unique"),
        ]

    def __str__(self) -> str:
        return self.name
