import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ReportSubscription(models.Model):
    """Somebody wants the daily report by mail, at an hour of their own clock."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="report_subscription"
    )
    hour = models.PositiveSmallIntegerField()
    time_zone = models.CharField(max_length=64)
    # The last day (UTC) whose mail was set out: the next one follows it, however late we are.
    last_day = models.DateField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(hour__lte=23), name="redemption_subscription_hour_of_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} at {self.hour}"


class DailyReportMail(models.Model):
    """The daily report of one day to one person: set out once, and then sent until it is taken."""

    class State(models.TextChoices):
        DUE = "due", "To be sent"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        NOT_WANTED = "not_wanted", "No longer wanted"
        NOT_ENTITLED = "not_entitled", "No longer theirs to see"
        REFUSED = "refused", "Refused by the mail server"
        GIVEN_UP = "given_up", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    day = models.DateField()
    state = models.CharField(max_length=16, choices=State, db_default=State.DUE)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    # When it is to be tried (again); while it is being sent, when whoever sends it has died.
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    # Why it has not gone out, in our words; never the mail server's, which may quote an address.
    note = models.CharField(max_length=120, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="redemption_reportmail_due",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "day"], name="redemption_dailyreportmail_once_a_day"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["due", "sending"], next_attempt_at__isnull=False)
                | Q(
                    state__in=["sent", "not_wanted", "not_entitled", "refused", "given_up"],
                    next_attempt_at=None,
                ),
                name="redemption_dailyreportmail_due_until_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | ~Q(state="sent") & Q(sent_at=None),
                name="redemption_dailyreportmail_sent_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"
