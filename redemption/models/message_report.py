from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from credit.models import Client
from redemption.models.campaign import Campaign
from sms.models import MessageTemplate


class MessageDay(models.Model):
    """A day (UTC) whose messages have been counted; see Note [Message days]."""

    day = models.DateField(primary_key=True)
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.day}"


class MessageChange(models.Model):
    """A mark that a message of a day is no longer what it was when the day was counted."""

    day = models.DateField(db_index=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"#{self.pk} {self.day}"


class MessageCount(models.Model):
    """What became of the messages of a day, of one client, campaign and channel."""

    day = models.DateField()
    # Written from rows that name them, so that no key has to be checked again.
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    campaign = models.ForeignKey(
        Campaign,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    channel = models.CharField(max_length=8, choices=MessageTemplate.Channel)
    messages = models.BigIntegerField()
    attempts = models.BigIntegerField()
    accepted = models.BigIntegerField()
    tried = models.BigIntegerField()
    delivered = models.BigIntegerField()
    undelivered = models.BigIntegerField()
    failed = models.BigIntegerField()
    suppressed = models.BigIntegerField()
    cancelled = models.BigIntegerField()
    by_hand = models.BigIntegerField()
    in_doubt = models.BigIntegerField()
    segments = models.BigIntegerField()
    # What the provider asked for the attempts whose price it has told, in its own currency.
    price = models.DecimalField(max_digits=30, decimal_places=6)
    priced = models.BigIntegerField()
    # Seconds from claim to arrival, and how often each rounded one occurred.
    waits = ArrayField(models.IntegerField())
    wait_counts = ArrayField(models.BigIntegerField())
    # The provider's error codes: how many attempts had each, and how many messages ended by it.
    error_codes = ArrayField(models.TextField())
    error_attempts = ArrayField(models.BigIntegerField())
    error_ends = ArrayField(models.BigIntegerField())

    class Meta:
        indexes = [
            models.Index(fields=["day"], name="redemption_messages_by_day"),
            models.Index(fields=["client", "day"], name="redemption_messages_by_client"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.channel} {self.day}"
