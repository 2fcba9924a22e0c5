import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client
from redemption.models.campaign import Campaign
from redemption.models.redemption import Redemption


class EventSource(models.Model):
    """A CRM that reports what people did; its events are signed with a secret we share."""

    class ContactMethod(models.TextChoices):
        SMS_THEN_EMAIL = "sms_then_email", "A text; e-mail where there is no phone"
        EMAIL_THEN_SMS = "email_then_sms", "E-mail; a text where there is no address"
        SMS = "sms", "A text only"
        EMAIL = "email", "E-mail only"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="event_sources")
    name = models.SlugField(max_length=60, unique=True)
    secret_encrypted = models.TextField()
    # While the secret is rotated: what the CRM signs with until it has been told the new one.
    previous_secret_encrypted = models.TextField(blank=True, db_default="")
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    # Where a foreign body has what we ask for, by our name for it: {"contact_id": "$.contact.id"}.
    # Empty: the body has our own shape.
    mapping = models.JSONField(default=dict, blank=True, db_default={})
    # Whose recipients the events are about, where the body names no campaign.
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    contact_method = models.CharField(
        max_length=16,
        choices=ContactMethod,
        default=ContactMethod.SMS_THEN_EMAIL,
        db_default=ContactMethod.SMS_THEN_EMAIL,
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(previous_secret_encrypted="") | Q(previous_secret_until__isnull=False),
                name="redemption_eventsource_old_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class InboundEvent(models.Model):
    """A signed event of a CRM: stored first, then acted on, so that none is lost."""

    class Signature(models.TextChoices):
        CURRENT = "current", "Signed with the secret"
        PREVIOUS = "previous", "Signed with the secret before"

    class Outcome(models.TextChoices):
        RECEIVED = "received", "Not yet acted on"
        ISSUED = "issued", "Rewarded"
        WAITING = "waiting", "Reward waits"
        PROVISIONING = "provisioning", "Card being bought"
        ALREADY_REDEEMED = "already_redeemed", "Had its reward"
        REFUSED = "refused", "Refused"
        UNMATCHED = "unmatched", "Not matched"

    class Problem(models.TextChoices):
        NOT_UNDERSTOOD = "not_understood", "The body lacks what the mapping looks for"
        UNKNOWN_CAMPAIGN = "unknown_campaign", "The client has no such campaign"
        UNKNOWN_CONDITION = "unknown_condition", "No condition of the campaign has this event name"
        SEVERAL_CONDITIONS = "several_conditions", "Several conditions have this event name"
        UNKNOWN_CONTACT = "unknown_contact", "No recipient of the campaign has this contact id"

    # What a person may have tried again.
    OPEN = (Outcome.RECEIVED, Outcome.UNMATCHED, Outcome.REFUSED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(
        EventSource, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    # The sender's own, of the header webhook-id.
    event_id = models.CharField(max_length=255)
    signature = models.CharField(max_length=16, choices=Signature)
    # What was understood of the body, as text however it came.
    event_type = models.CharField(max_length=120, blank=True, db_default="")
    contact_id = models.CharField(max_length=120, blank=True, db_default="")
    campaign_ref = models.CharField(max_length=120, blank=True, db_default="")
    occurred_at = models.DateTimeField(null=True, blank=True)
    # Personal data: kept only while the event may have to be read anew (see services/events.py).
    body_encrypted = models.TextField(blank=True, db_default="")
    body_digest = models.BinaryField(max_length=32)
    outcome = models.CharField(max_length=16, choices=Outcome, db_default=Outcome.RECEIVED)
    problem = models.CharField(max_length=24, choices=Problem, blank=True, db_default="")
    # A line about the problem: which path leads nowhere. No personal data.
    details = models.CharField(max_length=300, blank=True, db_default="")
    error_code = models.CharField(max_length=8, blank=True, db_default="")
    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # Who had it acted on last: source:<id>, user:<id>, system.
    actor = models.CharField(max_length=48)
    tries = models.PositiveIntegerField(db_default=0)
    # When a worker takes it up; null once there is nothing left to do.
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    # The replay it was last part of, and who asked for it.
    replay_id = models.UUIDField(null=True, blank=True)
    replay_actor = models.CharField(max_length=48, blank=True, db_default="")
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-received_at"]
        indexes = [
            models.Index(fields=["-received_at"], name="redemption_event_newest"),
            models.Index(fields=["outcome", "-received_at"], name="redemption_event_by_outcome"),
            models.Index(fields=["source", "-received_at"], name="redemption_event_by_source"),
            models.Index(fields=["event_id"], name="redemption_event_by_id"),
            models.Index(fields=["contact_id"], name="redemption_event_by_contact"),
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="redemption_event_due",
            ),
            models.Index(
                fields=["replay_id"],
                condition=Q(replay_id__isnull=False),
                name="redemption_event_replay",
            ),
            models.Index(
                fields=["received_at"],
                condition=~Q(body_encrypted=""),
                name="redemption_event_has_body",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "event_id"], name="redemption_event_received_once"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["received", "refused", "unmatched"])
                | Q(redemption__isnull=False),
                name="redemption_event_names_its_redemption",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.outcome}"


class EventTry(models.Model):
    """What became of an event at one try; never changed."""

    event = models.ForeignKey(InboundEvent, on_delete=models.PROTECT, related_name="trail")
    outcome = models.CharField(max_length=16, choices=InboundEvent.Outcome)
    problem = models.CharField(
        max_length=24, choices=InboundEvent.Problem, blank=True, db_default=""
    )
    details = models.CharField(max_length=300, blank=True, db_default="")
    error_code = models.CharField(max_length=8, blank=True, db_default="")
    redemption_id = models.UUIDField(null=True, blank=True)
    actor = models.CharField(max_length=48)
    at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"#{self.event_id} {self.outcome}"
