import uuid

from django.contrib.postgres.fields import ArrayField
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


class ClientLook(models.Model):
    """How the pages for a client's customers look, and on which web sites they may be shown.

    Beside the client and not in it: most who read a client have no use for its picture.
    """

    client = models.OneToOneField(
        Client, on_delete=models.PROTECT, related_name="look", primary_key=True
    )
    # What the client calls its colour, "#rrggbb"; the pages' shades are made from it.
    colour = models.CharField(max_length=7, blank=True, db_default="")
    # A PNG that we have drawn ourselves from what was uploaded. In the database, since there are
    # several web servers and no disk that they share.
    logo = models.BinaryField(null=True, blank=True, editable=False)
    logo_digest = models.CharField(max_length=16, blank=True, db_default="", editable=False)
    logo_width = models.PositiveSmallIntegerField(db_default=0, editable=False)
    logo_height = models.PositiveSmallIntegerField(db_default=0, editable=False)
    # "https://www.example.com", without a path; empty: the form can't be embedded anywhere.
    embed_origins = ArrayField(models.CharField(max_length=200), default=list, blank=True)

    def __str__(self) -> str:
        return f"#{self.client_id}"
