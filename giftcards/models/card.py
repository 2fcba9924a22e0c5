import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client
from giftcards.models.catalogue import Brand
from giftcards.models.pool import Pool
from giftcards.models.sale import CardSale

HELD = ["claimed", "delivered", "redeemed", "quarantined"]


class CardBatch(models.Model):
    """One upload of cards into a pool, with what was refused and why."""

    class State(models.TextChoices):
        # A large file on its way; a small one is imported or refused at once.
        RECEIVING = "receiving", "Being received"
        CHECKING = "checking", "Being checked"
        PREVIEWED = "previewed", "Waits to be confirmed"
        IMPORTING = "importing", "Being imported"
        IMPORTED = "imported", "Imported"
        REFUSED = "refused", "Refused"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"
        UNDONE = "undone", "Undone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="batches")
    file_name = models.CharField(max_length=255)
    file_hash = models.BinaryField(max_length=32)
    state = models.CharField(max_length=16, choices=State)
    rows = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    # [{line, field, message}], never the row itself: it holds codes.
    rejects = models.JSONField(default=list, blank=True)
    actor = models.CharField(max_length=48)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "card batches"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "file_hash"],
                condition=Q(state="imported"),
                name="giftcards_cardbatch_file_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class GiftCard(models.Model):
    """A bearer code worth money; what may happen to it is held by the table's triggers."""

    class Status(models.TextChoices):
        AVAILABLE = "available", "Available"
        CLAIMED = "claimed", "Claimed"
        DELIVERED = "delivered", "Delivered"
        REDEEMED = "redeemed", "Redeemed"
        EXPIRED = "expired", "Expired"
        QUARANTINED = "quarantined", "Quarantined"
        # A canary, under a word that gives nothing away to whoever reads the list: Note [Canary].
        HELD_BACK = "held_back", "Held back"
        VOID = "void", "Void"

    class Source(models.TextChoices):
        UPLOAD = "upload", "Uploaded"
        API = "api", "Bought on the spot"
        MANUAL = "manual", "Added by hand"
        BUFFER = "buffer", "Bought ahead"

    id = models.UUIDField(
        primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False
    )
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="cards", db_index=False)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="cards", db_index=False)
    # The pool's client, repeated so that the tenant of a card needs no join.
    client = models.ForeignKey(
        Client,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cards",
        db_index=False,
    )
    batch = models.ForeignKey(
        CardBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="cards"
    )
    # The sale by which its client has paid for it already.
    sale = models.ForeignKey(
        CardSale,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cards",
        db_index=False,
    )
    code_encrypted = models.TextField()
    code_digest = models.BinaryField(max_length=32)
    last4 = models.CharField(max_length=4)
    pin_encrypted = models.TextField(blank=True, db_default="")
    number_encrypted = models.TextField(blank=True, db_default="")
    security_code_encrypted = models.TextField(blank=True, db_default="")
    url_encrypted = models.TextField(blank=True, db_default="")
    value_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    cost_minor = models.BigIntegerField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status, db_default=Status.AVAILABLE)
    source = models.CharField(max_length=16, choices=Source)
    provider_reference = models.CharField(max_length=120, blank=True, db_default="")
    expires_on = models.DateField(null=True, blank=True)
    # Year and month of the expiry as a number (202612), 999912 without one: the earliest month
    # is claimed first.
    expiry_bucket = models.IntegerField(db_default=999912)
    # Where claims start is random, so that they do not all meet at the head of the index.
    claim_key = models.IntegerField()
    # What holds it (a redemption, a reward); a card knows no recipient.
    holder_kind = models.CharField(max_length=16, null=True, blank=True)
    holder_id = models.UUIDField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    # Committed before anyone is shown the code: from then on it never goes back to stock.
    disclosed_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    redeemed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["pool", "expiry_bucket", "claim_key"],
                condition=Q(status="available"),
                name="giftcards_card_claim",
            ),
            models.Index(fields=["pool", "status"], name="giftcards_card_counts"),
            models.Index(
                fields=["claimed_at"],
                condition=Q(status="claimed"),
                name="giftcards_card_stuck",
            ),
            models.Index(fields=["last4"], name="giftcards_card_last4"),
            models.Index(
                fields=["sale"], condition=Q(sale__isnull=False), name="giftcards_card_sale"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "code_digest"], name="giftcards_card_code_unique_in_brand"
            ),
            # A void card keeps its holder as history; every other state binds it alone.
            models.UniqueConstraint(
                fields=["holder_kind", "holder_id"],
                condition=Q(status__in=HELD),
                name="giftcards_card_one_per_holder",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status__in=["available", "expired"], holder_kind=None, holder_id=None)
                    & Q(claimed_at=None, disclosed_at=None, delivered_at=None)
                    | Q(status__in=HELD)
                    & Q(holder_kind__isnull=False, holder_id__isnull=False)
                    & Q(claimed_at__isnull=False)
                    | Q(status="held_back", holder_kind=None, holder_id=None)
                    & Q(claimed_at=None, delivered_at=None, sale=None)
                    | Q(status="void")
                ),
                name="giftcards_card_held_exactly_when_claimed",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["delivered", "redeemed"]) | Q(delivered_at__isnull=False),
                name="giftcards_card_delivered_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(value_minor__gt=0), name="giftcards_card_value_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.status}"


class CardEvent(models.Model):
    """One transition of a card's status; written by the table's trigger, never changed."""

    # Written by the card's own trigger, which needs no check that the card exists.
    card = models.ForeignKey(
        GiftCard, on_delete=models.PROTECT, related_name="events", db_constraint=False
    )
    from_status = models.CharField(max_length=16)
    to_status = models.CharField(max_length=16)
    actor = models.CharField(max_length=48)
    reason = models.CharField(max_length=200, blank=True, db_default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"#{self.pk} {self.from_status} → {self.to_status}"


class StagedCard(models.Model):
    """A row of an upload on its way into stock: sealed like a card, filled by COPY."""

    batch_id = models.UUIDField()
    line = models.PositiveIntegerField()
    code_encrypted = models.TextField()
    code_digest = models.BinaryField(max_length=32)
    last4 = models.CharField(max_length=4)
    pin_encrypted = models.TextField(blank=True, db_default="")
    number_encrypted = models.TextField(blank=True, db_default="")
    expires_on = models.DateField(null=True)
    expiry_bucket = models.IntegerField()
    claim_key = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["batch_id", "line"], name="giftcards_staged_line")]

    def __str__(self) -> str:
        return f"#{self.pk}"
