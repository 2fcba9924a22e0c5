import uuid

from django.db import models
from django.db.models import Q

from credit.models import Client, Transaction
from giftcards.models import Denomination, GiftCard
from loyalty.models.customer import Customer


class Reward(models.Model):
    """A gift card that a customer took for points: both of them happened, or neither."""

    class State(models.TextChoices):
        # The provider has been asked; the points are held.
        PROVISIONING = "provisioning", "Being prepared"
        UNCONFIRMED = "unconfirmed", "The provider's answer is awaited"
        ISSUED = "issued", "Issued"
        DELIVERED = "delivered", "Delivered"
        CONFIRMED = "confirmed", "Arrived"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="rewards", db_index=False
    )
    denomination = models.ForeignKey(Denomination, on_delete=models.PROTECT, related_name="+")
    card = models.OneToOneField(
        GiftCard, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # How the client's account paid for the card; none where the client had bought it before.
    transaction = models.OneToOneField(
        Transaction, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    state = models.CharField(max_length=16, choices=State)
    reason_code = models.CharField(max_length=8, blank=True, db_default="")
    source = models.CharField(max_length=8, blank=True, db_default="")
    points = models.BigIntegerField()
    face_value_minor = models.BigIntegerField()
    charged_minor = models.BigIntegerField(null=True, blank=True)
    cost_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    contact_method = models.CharField(max_length=8)
    contact_to = models.CharField(max_length=254, blank=True, db_default="")
    # Opens the card's page; only the digest of the link's secret is kept.
    reveal_digest = models.BinaryField(max_length=32, null=True, blank=True)
    reveal_until = models.DateTimeField(null=True, blank=True)
    actor = models.CharField(max_length=48)
    request_id = models.CharField(max_length=64, blank=True, db_default="")
    created_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["client", "-created_at"], name="loyalty_reward_list"),
            models.Index(fields=["customer", "-created_at"], name="loyalty_reward_customer"),
            models.Index(
                fields=["customer"],
                condition=Q(state__in=["provisioning", "unconfirmed"]),
                name="loyalty_reward_holds",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["reveal_digest"],
                condition=Q(reveal_digest__isnull=False),
                name="loyalty_reward_link_unique",
            ),
            models.CheckConstraint(
                condition=Q(points__gt=0, face_value_minor__gt=0),
                name="loyalty_reward_worth_something",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["provisioning", "unconfirmed", "failed"], card=None)
                | Q(state__in=["issued", "delivered", "confirmed"])
                & Q(card__isnull=False, issued_at__isnull=False),
                name="loyalty_reward_issued_has_its_card",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"
