import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client
from redemption.models.campaign import Campaign
from redemption.models.upload import RecipientBatch


class Recipient(models.Model):
    """A person a campaign may reward, and the redemption code they were given."""

    class Approval(models.TextChoices):
        NOT_NEEDED = "not_needed", "Not needed"
        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    id = models.UUIDField(
        primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="recipients", db_index=False
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="recipients")
    first_name = models.CharField(max_length=80, blank=True, db_default="")
    last_name = models.CharField(max_length=80, blank=True, db_default="")
    phone = models.CharField(max_length=16, blank=True, db_default="")
    email = models.CharField(max_length=254, blank=True, db_default="")
    city = models.CharField(max_length=80, blank=True, db_default="")
    region = models.CharField(max_length=80, blank=True, db_default="")
    postal_code = models.CharField(max_length=16, blank=True, db_default="")
    country = models.CharField(max_length=2, blank=True, db_default="")
    external_crm_id = models.CharField(max_length=120, null=True, blank=True)
    # A redemption code is worth a card until it is used: found by its keyed digest, kept
    # encrypted so that it can be printed for the mail house.
    code_digest = models.BinaryField(max_length=32, unique=True)
    code_encrypted = models.TextField()
    code_last4 = models.CharField(max_length=4)
    approval = models.CharField(max_length=16, choices=Approval, db_default=Approval.NOT_NEEDED)
    is_test = models.BooleanField(db_default=False)
    # With which file they came, and on which of its lines.
    batch = models.ForeignKey(
        RecipientBatch,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="recipients",
        db_index=False,
    )
    line = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    # When the person was forgotten: nothing above says any more who they were.
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["batch", "line"],
                condition=Q(batch__isnull=False),
                name="redemption_recipient_batch",
            ),
            models.Index(fields=["campaign", "created_at"], name="redemption_recipient_list"),
            models.Index(
                fields=["phone"], condition=~Q(phone=""), name="redemption_recipient_phone"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "external_crm_id"],
                condition=Q(external_crm_id__isnull=False),
                name="redemption_recipient_crm_id_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id}"


class StagedRecipient(models.Model):
    """A row of an upload on its way in: COPY fills it, one INSERT … SELECT empties it."""

    batch_id = models.UUIDField()
    line = models.PositiveIntegerField()
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    phone = models.CharField(max_length=16)
    email = models.CharField(max_length=254)
    city = models.CharField(max_length=80)
    region = models.CharField(max_length=80)
    postal_code = models.CharField(max_length=16)
    country = models.CharField(max_length=2)
    external_crm_id = models.CharField(max_length=120, null=True)
    code_digest = models.BinaryField(max_length=32)
    code_encrypted = models.TextField()
    code_last4 = models.CharField(max_length=4)

    class Meta:
        indexes = [models.Index(fields=["batch_id", "code_digest"], name="redemption_staged")]

    def __str__(self) -> str:
        return f"#{self.pk}"
