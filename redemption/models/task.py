import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client, User
from redemption.models.recipient import Recipient
from redemption.models.redemption import Redemption


class DeskTask(models.Model):
    """What a person must do for a recipient: call back, find another number, say sorry."""

    class Kind(models.TextChoices):
        CALL_BACK = "call_back", "Call back"
        REWARD_NOT_DELIVERED = "reward_not_delivered", "Reward not delivered"
        BAD_NUMBER = "bad_number", "Bad number"
        APOLOGY = "apology", "Apology"

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        NOT_REACHED = "not_reached", "Not reached"
        NOT_NEEDED = "not_needed", "Not needed"
        # Nobody did it: what it was about came right, or was taken back.
        SETTLED = "settled", "Settled by itself"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=24, choices=Kind)
    recipient = models.ForeignKey(
        Recipient, on_delete=models.PROTECT, null=True, blank=True, related_name="desk_tasks"
    )
    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, null=True, blank=True, related_name="desk_tasks"
    )
    # E.164, or empty where none is known.
    phone = models.CharField(max_length=16, blank=True, db_default="")
    note = models.CharField(max_length=500, blank=True, db_default="")
    due_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=48)
    done_at = models.DateTimeField(null=True, blank=True)
    # Nobody where it was settled by itself.
    done_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True, db_default="")
    done_note = models.CharField(max_length=500, blank=True, db_default="")

    class Meta:
        ordering = ["due_at", "created_at"]
        indexes = [
            models.Index(
                fields=["client", "due_at"],
                condition=Q(done_at=None),
                name="redemption_desktask_open",
            ),
            models.Index(fields=["-created_at"], name="redemption_desktask_latest"),
        ]
        constraints = [
            # However often a message fails, a person finds it on their list once.
            models.UniqueConstraint(
                fields=["redemption", "kind"],
                condition=Q(done_at=None),
                name="redemption_desktask_one_open_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["call_back", "reward_not_delivered", "bad_number", "apology"]
                ),
                name="redemption_desktask_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(done_at=None, done_by=None, outcome="", done_note="")
                | Q(done_at__isnull=False, done_by__isnull=False)
                & Q(outcome__in=["done", "not_reached", "not_needed"])
                | Q(done_at__isnull=False, done_by=None, outcome="settled"),
                name="redemption_desktask_done_says_by_whom_and_how",
            ),
            models.CheckConstraint(
                condition=Q(recipient__isnull=False) | Q(redemption__isnull=False) | ~Q(phone=""),
                name="redemption_desktask_is_about_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.outcome or 'open'}"
