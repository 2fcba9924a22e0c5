import uuid

from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client


class MessageTemplate(models.Model):
    """The words of a message, with merge tags that are substituted and never evaluated."""

    class Purpose(models.TextChoices):
        REWARD = "reward", "Reward"
        DELAY_NOTICE = "delay_notice", "Delay notice"
        OPT_IN = "opt_in", "Opt-in request"
        RESEND = "resend", "Resend"
        REMINDER = "reminder", "Reminder"
        APOLOGY = "apology", "Apology"
        # Somebody tries the words of a template; no template is for it.
        TEST = "test", "Test"

    class Channel(models.TextChoices):
        SMS = "sms", "Text message"
        EMAIL = "email", "E-mail"

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, null=True, blank=True, related_name="templates"
    )
    # Plain id, without a key: campaigns stand above this app.
    campaign_id = models.UUIDField(null=True, blank=True)
    purpose = models.CharField(max_length=16, choices=Purpose)
    channel = models.CharField(max_length=8, choices=Channel)
    locale = models.CharField(max_length=8, default="en")
    subject = models.CharField(max_length=200, blank=True, db_default="")
    body = models.TextField()
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "campaign_id", "purpose", "channel", "locale"],
                condition=Q(is_active=True),
                nulls_distinct=False,
                name="sms_messagetemplate_one_active",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.purpose} {self.channel} {self.locale}"


class Message(models.Model):
    """A text or e-mail we owe someone: the row is the promise, the worker only keeps it."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        ACCEPTED = "accepted", "Accepted by the provider"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        UNDELIVERED = "undelivered", "Undelivered"
        FAILED = "failed", "Failed"
        SUPPRESSED = "suppressed", "Suppressed (opted out)"
        CANCELLED = "cancelled", "Cancelled"
        UNKNOWN = "unknown", "Unknown (the provider did not answer)"
        MANUALLY_DELIVERED = "manually_delivered", "Delivered by a person"

    id = models.UUIDField(
        primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False
    )
    client = models.ForeignKey(
        Client,
        on_delete=models.PROTECT,
        related_name="messages",
        db_constraint=False,
        db_index=False,
    )
    purpose = models.CharField(max_length=16, choices=MessageTemplate.Purpose)
    channel = models.CharField(max_length=8, choices=MessageTemplate.Channel)
    to = models.CharField(max_length=254)
    locale = models.CharField(max_length=8, db_default="en")
    template = models.ForeignKey(
        MessageTemplate, on_delete=models.SET_NULL, null=True, blank=True, db_index=False
    )
    # Merge values without secrets; codes and links are rendered just before sending.
    values = models.JSONField(db_default=models.Value({}, output_field=models.JSONField()))
    # What it is about: ("redemption", id). The settings table renders it and hears of its end.
    reference_kind = models.CharField(max_length=16)
    reference_id = models.UUIDField()
    state = models.CharField(max_length=24, choices=State, db_default=State.QUEUED)
    attempts_used = models.PositiveSmallIntegerField(db_default=0)
    # When it is due; NULL when nothing more is to be done. Never a Celery countdown.
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    provider_id = models.CharField(max_length=64, null=True, blank=True)
    sender = models.CharField(max_length=64, blank=True, db_default="")
    segments = models.PositiveSmallIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=16, blank=True, db_default="")
    # Its words hold a card's code, so they are taken off the provider's records (Note [Redaction]
    # in sms/services/redaction.py): at this time, NULL when there is nothing to take off.
    holds_secret = models.BooleanField(db_default=False)
    redact_at = models.DateTimeField(null=True, blank=True)
    preview = models.CharField(max_length=320, blank=True, db_default="")
    request_id = models.CharField(max_length=64, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    accepted_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            # By channel, so that what one channel can not send is not in the other's way.
            models.Index(
                fields=["channel", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="sms_message_due",
            ),
            models.Index(fields=["reference_id", "reference_kind"], name="sms_message_reference"),
            models.Index(
                fields=["redact_at"],
                condition=Q(redact_at__isnull=False),
                name="sms_message_redact",
            ),
            # Who asks about a text knows the number; so does whoever answers one.
            models.Index(fields=["to", "created_at"], name="sms_message_to"),
            # Rows lie in the order in which they came, so that a day is a few blocks: this index
            # is some kilobytes, and costs a message nothing on its way.
            BrinIndex(fields=["created_at"], name="sms_message_when", pages_per_range=32),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["provider_id"],
                condition=Q(provider_id__isnull=False),
                name="sms_message_provider_id_unique",
            ),
            models.CheckConstraint(
                condition=~Q(
                    state__in=[
                        "delivered",
                        "suppressed",
                        "cancelled",
                        "manually_delivered",
                    ]
                )
                | Q(next_attempt_at=None),
                name="sms_message_nothing_due_at_the_end",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "queued",
                        "sending",
                        "accepted",
                        "sent",
                        "delivered",
                        "undelivered",
                        "failed",
                        "suppressed",
                        "cancelled",
                        "unknown",
                        "manually_delivered",
                    ]
                ),
                name="sms_message_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class DeliveryAttempt(models.Model):
    """One try at handing a message to the provider, committed before the provider is called."""

    class Status(models.TextChoices):
        SENDING = "sending", "Sending"
        NOT_STARTED = "not_started", "Put back before the provider was called"
        UNKNOWN = "unknown", "The provider did not answer"
        LOST = "lost", "Never reached the provider"
        REFUSED = "refused", "Refused"
        ACCEPTED = "accepted", "Accepted"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        UNDELIVERED = "undelivered", "Undelivered"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    # No index of its own: the numbered one begins with it.
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    provider_id = models.CharField(max_length=64, blank=True, db_default="")
    status = models.CharField(max_length=24, choices=Status)
    error_code = models.CharField(max_length=16, blank=True, db_default="")
    error_message = models.CharField(max_length=300, blank=True, db_default="")
    price = models.CharField(max_length=24, blank=True, db_default="")
    requested_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["message", "number"]
        indexes = [
            models.Index(
                fields=["provider_id"],
                condition=~Q(provider_id=""),
                name="sms_attempt_provider_id",
            ),
            models.Index(
                fields=["error_code", "requested_at"],
                condition=~Q(error_code=""),
                name="sms_attempt_error",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "number"], name="sms_deliveryattempt_numbered"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.status}"


class StatusEvent(models.Model):
    """A status the provider reported; the same one reported twice is one row."""

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="status_events")
    provider_id = models.CharField(max_length=64)
    status = models.CharField(max_length=24)
    error_code = models.CharField(max_length=16, blank=True, db_default="")
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider_id", "status"], name="sms_statusevent_reported_once"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.status}"
