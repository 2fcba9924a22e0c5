import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now


class WebhookEndpoint(models.Model):
    """Somebody's address that is told what happens: a client's, an agency's or the platform's.

    A client's hears of what is the client's, an agency's also of all its clients, and one that
    names neither, the platform's, of everything.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        DISABLED = "disabled", "Disabled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Plain ids, without a key: this app stands below the one that owns organisations.
    client_id = models.UUIDField(null=True, blank=True)
    agency_id = models.UUIDField(null=True, blank=True)
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=120, blank=True, db_default="")
    events = ArrayField(models.CharField(max_length=40))
    secret_encrypted = models.TextField()
    # Signed with too until then, so that a receiver can change over in its own time.
    previous_secret_encrypted = models.TextField(blank=True, db_default="")
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    # One more with each rotation.
    secret_number = models.PositiveIntegerField(db_default=1)
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    # Why it is not active.
    reason = models.CharField(max_length=200, blank=True, db_default="")
    # Not called until then, for a reason of ours.
    resting_until = models.DateTimeField(null=True, blank=True)
    # Since the first failure after the last success.
    failing_since = models.DateTimeField(null=True, blank=True)
    # Since something was given up for good.
    flagged_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True, db_default="")
    last_error_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["created_at", "pk"]
        indexes = [
            models.Index(
                fields=["client_id"],
                condition=~Q(state="disabled"),
                name="alerts_webhook_by_client",
            ),
            models.Index(
                fields=["agency_id"],
                condition=~Q(state="disabled") & Q(agency_id__isnull=False),
                name="alerts_webhook_by_agency",
            ),
            models.Index(
                fields=["created_at"],
                condition=~Q(state="disabled") & Q(client_id__isnull=True, agency_id__isnull=True),
                name="alerts_webhook_of_platform",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(client_id__isnull=True) | Q(agency_id__isnull=True),
                name="alerts_webhook_of_one_organisation",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "paused", "disabled"]),
                name="alerts_webhook_state_known",
            ),
            models.CheckConstraint(
                condition=Q(previous_secret_encrypted="", previous_secret_until=None)
                | (~Q(previous_secret_encrypted="") & Q(previous_secret_until__isnull=False)),
                name="alerts_webhook_old_secret_has_its_end",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class WebhookDelivery(models.Model):
    """An event that an endpoint is to be told of, and how often that was tried."""

    class State(models.TextChoices):
        PENDING = "pending", "On its way"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Without a constraint: its check would have every event of an endpoint lock the endpoint's
    # row. What is left of an endpoint deleted just then is cleared away with what is old.
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    # The webhook-id: the same for each endpoint, retry and replay of one event.
    event_id = models.UUIDField()
    event_type = models.CharField(max_length=40)
    # Type, subject and occurrence: what happened once is told once.
    dedupe_key = models.CharField(max_length=160)
    # As it is signed and sent.
    body = models.TextField()
    # The request that caused it, if any: Note [Request id].
    request_id = models.CharField(max_length=64, blank=True, db_default="")
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    # Since it began, or was replayed; one that nobody knows the end of counts.
    attempts = models.PositiveIntegerField(db_default=0)
    # What came of each: number, at, status, error, answer, milliseconds.
    tries = models.JSONField(db_default=Value([], output_field=models.JSONField()))
    # While somebody is sending it, the end of their lease.
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["endpoint", "created_at"], name="alerts_delivery_by_endpoint"),
            models.Index(fields=["created_at"], name="alerts_delivery_by_time"),
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="alerts_delivery_due",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "dedupe_key"], name="alerts_delivery_once_per_occurrence"
            ),
            models.CheckConstraint(
                condition=Q(state="pending", next_attempt_at__isnull=False, finished_at=None)
                | Q(
                    state__in=["delivered", "failed"],
                    next_attempt_at=None,
                    finished_at__isnull=False,
                ),
                name="alerts_delivery_pending_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class WebhookLevel(models.Model):
    """The level that somebody was last told of, so that each crossing is told once."""

    key = models.CharField(max_length=100, primary_key=True)
    level = models.CharField(max_length=16)
    # Counts the changes.
    number = models.PositiveIntegerField(db_default=0)
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"#{self.number} {self.level}"
