import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from alerts.models.alert import Alert


class Channel(models.TextChoices):
    SLACK = "slack", "Slack"
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class NoticeRoute(models.Model):
    """Where notices go besides the settings' channels: from a severity on, of one client or all."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    channel = models.CharField(max_length=16, choices=Channel)
    # Of e-mail alone.
    email = models.EmailField(blank=True, default="", db_default="")
    # Of the others: whoever knows a Slack webhook's address can write to the channel.
    url_encrypted = models.TextField(blank=True, default="", db_default="")
    # Signs what a webhook is sent.
    secret_encrypted = models.TextField(blank=True, default="", db_default="")
    minimum_severity = models.CharField(
        max_length=16, choices=Alert.Severity, default=Alert.Severity.WARNING
    )
    # A plain id, as an alert's own; unset, alerts of every client and of none.
    client_id = models.UUIDField(null=True, blank=True)
    is_active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(channel="email", url_encrypted="", secret_encrypted="") & ~Q(email="")
                | Q(channel="slack", email="", secret_encrypted="") & ~Q(url_encrypted="")
                | Q(channel="webhook", email="") & ~Q(url_encrypted="") & ~Q(secret_encrypted=""),
                name="alerts_noticeroute_has_what_its_channel_takes",
            ),
            models.CheckConstraint(
                condition=Q(minimum_severity__in=["critical", "warning", "info"]),
                name="alerts_noticeroute_severity_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """One thing to tell one place: a promise that is kept until it was sent or is given up."""

    class Event(models.TextChoices):
        OPENED = "opened", "Raised"
        ESCALATED = "escalated", "Graver now"
        REMINDER = "reminder", "Reminder"
        RESOLVED = "resolved", "Over"
        STEP = "step", "Incident"
        TEST = "test", "Test"

    class State(models.TextChoices):
        QUEUED = "queued", "To be sent"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    # In the order in which they were made, and so in which one place hears of one alert.
    id = models.BigAutoField(primary_key=True)
    # What the receiver knows it by: the same in each try, so that a second one is recognised.
    delivery_id = models.UUIDField(unique=True, db_default=RandomUUID(), editable=False)
    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, null=True, blank=True, related_name="notices"
    )
    # What it is about where it is no alert: "incident:<id>".
    reference = models.CharField(max_length=120, blank=True, db_default="")
    event = models.CharField(max_length=16, choices=Event)
    # Which of several of its kind: of an escalation the rank it rose to, of a reminder its number.
    occurrence = models.PositiveSmallIntegerField(default=0, db_default=0)
    channel = models.CharField(max_length=16, choices=Channel)
    # An e-mail address, else "settings" or "route:<id>": never the address itself, which is secret.
    target = models.CharField(max_length=254)
    route = models.ForeignKey(
        NoticeRoute, on_delete=models.PROTECT, null=True, blank=True, related_name="notices"
    )
    # The words of the moment it was made.
    severity = models.CharField(max_length=16, choices=Alert.Severity)
    subject = models.CharField(max_length=200)
    text = models.TextField(blank=True, db_default="")
    # Where to look, below PUBLIC_BASE_URL; of an alert its own page.
    path = models.CharField(max_length=200, blank=True, db_default="")
    state = models.CharField(
        max_length=16, choices=State, default=State.QUEUED, db_default=State.QUEUED
    )
    tries = models.PositiveIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    # While a worker has it in hand; a worker that died has it until then.
    leased_until = models.DateTimeField(null=True, blank=True)
    give_up_at = models.DateTimeField()
    last_error = models.CharField(max_length=200, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="alerts_notice_due",
                condition=Q(state="queued"),
            ),
            models.Index(
                fields=["channel", "target"],
                name="alerts_notice_not_sent",
                condition=~Q(state="sent"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "event", "occurrence", "channel", "target"],
                condition=Q(alert__isnull=False),
                name="alerts_notice_once_per_alert",
            ),
            models.UniqueConstraint(
                fields=["reference", "event", "occurrence", "channel", "target"],
                condition=Q(alert__isnull=True),
                name="alerts_notice_once_per_reference",
            ),
            models.CheckConstraint(
                condition=Q(alert__isnull=False, reference="")
                | Q(alert__isnull=True) & ~Q(reference=""),
                name="alerts_notice_is_about_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(channel="email", target__contains="@")
                | Q(channel__in=["slack", "webhook"], target="settings", route__isnull=True)
                | Q(
                    channel__in=["slack", "webhook"],
                    target__startswith="route:",
                    route__isnull=False,
                ),
                name="alerts_notice_names_no_secret_address",
            ),
            models.CheckConstraint(
                condition=Q(state="queued", sent_at__isnull=True, next_attempt_at__isnull=False)
                | Q(
                    state="sent",
                    sent_at__isnull=False,
                    next_attempt_at__isnull=True,
                    leased_until__isnull=True,
                )
                | Q(
                    state="failed",
                    sent_at__isnull=True,
                    next_attempt_at__isnull=True,
                    leased_until__isnull=True,
                )
                & ~Q(last_error=""),
                name="alerts_notice_is_due_or_at_its_end",
            ),
            models.CheckConstraint(
                condition=Q(leased_until__isnull=True) | Q(tries__gt=0),
                name="alerts_notice_in_hand_was_tried",
            ),
            models.CheckConstraint(
                condition=Q(give_up_at__gte=F("created_at")),
                name="alerts_notice_given_up_later",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"
