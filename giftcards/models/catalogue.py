import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now


class Brand(models.Model):
    """A shop or card network whose gift cards are handed out."""

    class CardFormat(models.TextChoices):
        DIGITAL = "digital", "Digital"
        PHYSICAL = "physical", "Physical"

    class CardClass(models.TextChoices):
        PURCHASED = "purchased", "Purchased"
        PROMOTIONAL = "promotional", "Promotional"

    class Scannable(models.TextChoices):
        QR = "qr", "QR code"
        CODE_128 = "code128", "Barcode (Code 128)"
        NONE = "none", "Nothing: it can't be scanned"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60)
    logo = models.FileField(upload_to="brands/", blank=True)
    card_format = models.CharField(max_length=16, choices=CardFormat, default=CardFormat.DIGITAL)
    card_class = models.CharField(max_length=16, choices=CardClass, default=CardClass.PURCHASED)
    # A pattern of the whole code: X a letter or digit, A a letter, 9 a digit, anything else and
    # what follows a backslash itself; empty accepts 8 to 40 letters, digits and dashes. Not a
    # regular expression, so that no pattern an operator types can hang an import.
    code_format = models.CharField(max_length=80, blank=True, db_default="")
    expiration_policy = models.CharField(max_length=200, blank=True, db_default="")
    # What the tills of the brand read off a screen.
    scannable = models.CharField(
        max_length=8, choices=Scannable, default=Scannable.QR, db_default=Scannable.QR
    )
    redemption_url = models.URLField(blank=True, db_default="")
    balance_url = models.URLField(blank=True, db_default="")
    terms_url = models.URLField(blank=True, db_default="")
    instructions = models.TextField(blank=True, db_default="")
    disclosure = models.TextField(blank=True, db_default="")
    provider_slug = models.CharField(max_length=80, blank=True, db_default="")
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("slug"), name="giftcards_brand_slug_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class Denomination(models.Model):
    """A value in which a brand's cards exist."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="denominations")
    value_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["brand", "currency", "value_minor"]
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "value_minor", "currency"],
                name="giftcards_denomination_unique",
            ),
            models.CheckConstraint(
                condition=Q(value_minor__gt=0), name="giftcards_denomination_value_positive"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"),
                name="giftcards_denomination_currency_iso",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id}"
