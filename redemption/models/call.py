import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client
from giftcards.models import GiftCard
from redemption.models.campaign import Campaign, Condition
from redemption.models.recipient import Recipient
from redemption.models.redemption import Redemption
from redemption.models.task import DeskTask


class CallSession(models.Model):
    """A call that an agent takes at the desk; an agent has one at a time, and it ends for good."""

    class Outcome(models.TextChoices):
        REWARDED = "rewarded", "Reward given"
        HELPED = "helped", "Helped with a reward"
        CALL_BACK = "call_back", "To be called back"
        NOT_ENTITLED = "not_entitled", "No reward due"
        NOT_FOUND = "not_found", "Nobody found"
        CUT_OFF = "cut_off", "Cut off"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="calls", db_index=False
    )
    # Known once the caller is.
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, blank=True, related_name="calls"
    )
    # The number they call from, as E.164.
    caller = models.CharField(max_length=16, blank=True, db_default="")
    recipient = models.ForeignKey(
        Recipient, on_delete=models.PROTECT, null=True, blank=True, related_name="calls"
    )
    # The reward that the call is about; its card is shown to the agent while it lasts.
    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, null=True, blank=True, related_name="calls"
    )
    # What was to be done that this call is made for.
    task = models.ForeignKey(
        DeskTask, on_delete=models.PROTECT, null=True, blank=True, related_name="calls"
    )
    # The call that was ended by mistake and goes on in this one.
    continues = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="continued_by"
    )
    started_at = models.DateTimeField(db_default=Now())
    # When the agent last did anything in it.
    active_at = models.DateTimeField(db_default=Now())
    # Since when this call, of all with the same recipient, is the one that may act.
    held_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True, db_default="")
    notes = models.TextField(max_length=2000, blank=True, db_default="")

    class Meta:
        ordering = ["-started_at"]
        indexes = [models.Index(fields=["agent", "started_at"], name="redemption_call_by_agent")]
        constraints = [
            models.UniqueConstraint(
                fields=["agent"],
                condition=Q(ended_at__isnull=True),
                name="redemption_callsession_one_open_each",
            ),
            models.UniqueConstraint(
                fields=["recipient"],
                condition=Q(ended_at__isnull=True, held_at__isnull=False),
                name="redemption_callsession_one_holder_each",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, outcome="")
                | Q(ended_at__isnull=False) & ~Q(outcome=""),
                name="redemption_callsession_ends_with_outcome",
            ),
            models.CheckConstraint(
                condition=Q(held_at__isnull=True) | Q(recipient__isnull=False),
                name="redemption_callsession_holds_somebody",
            ),
            models.CheckConstraint(
                condition=Q(recipient__isnull=True) | Q(client__isnull=False),
                name="redemption_callsession_recipient_has_client",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.outcome or 'open'}"


class ConditionMet(models.Model):
    """What an agent vouches for: a recipient has done what a condition asks, checked point by
    point. Written before the reward is given, and joined to it after.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call = models.ForeignKey(CallSession, on_delete=models.PROTECT, related_name="conditions_met")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    recipient = models.ForeignKey(
        Recipient, on_delete=models.PROTECT, related_name="conditions_met"
    )
    condition = models.ForeignKey(
        Condition, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # The points as they read that day, each with whether it was ticked.
    checklist = models.JSONField(default=list)
    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, null=True, blank=True, related_name="conditions_met"
    )
    card = models.ForeignKey(
        GiftCard,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-at"]
        verbose_name_plural = "conditions met"
        indexes = [models.Index(fields=["agent", "at"], name="redemption_met_by_agent")]

    def __str__(self) -> str:
        return f"#{self.id}"
