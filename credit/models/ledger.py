import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models.account import Account


class Transaction(models.Model):
    """One movement of money; its entries sum to zero. Never changed: undone by a new one."""

    class Kind(models.TextChoices):
        ISSUE = "issue", "Issue"
        ALLOCATION = "allocation", "Allocation"
        REDEMPTION = "redemption", "Redemption"
        REFUND = "refund", "Refund"
        HOLD = "hold", "Hold"
        RELEASE = "release", "Release"
        CAPTURE = "capture", "Capture"
        CARD_SALE = "card_sale", "Card sale"
        ADJUSTMENT = "adjustment", "Adjustment"
        # Between the slots of one account: nobody's balance changes.
        REBALANCE = "rebalance", "Rebalance"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    # What it is about: "redemption:<id>:<n>". The idempotency key of a debit is its reference.
    reference = models.CharField(max_length=120)
    idempotency_key = models.CharField(max_length=160)
    # The transaction this one settles: a refund its debit, a capture or release its hold.
    settles = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="settled_by",
        db_index=False,
    )
    actor = models.CharField(max_length=48)
    note = models.CharField(max_length=500, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            # What is set aside is looked up from the holds: they are few among all redemptions.
            models.Index(
                fields=["created_at"], condition=Q(kind="hold"), name="credit_transaction_holds"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_key"], name="credit_transaction_happens_once"
            ),
            models.UniqueConstraint(
                fields=["settles"],
                condition=Q(settles__isnull=False),
                name="credit_transaction_settled_once",
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind__in=["refund", "release", "capture"], settles__isnull=False)
                    | Q(
                        kind__in=["issue", "allocation", "redemption", "hold", "rebalance"],
                        settles=None,
                    )
                    | Q(kind__in=["card_sale", "adjustment"])
                ),
                name="credit_transaction_kind_names_what_it_settles",
            ),
            models.CheckConstraint(
                condition=~Q(kind="adjustment") | ~Q(note=""),
                name="credit_transaction_adjustment_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.kind}"


class Entry(models.Model):
    """One side of a transaction: a signed amount on one account, in the order it happened."""

    # Drawn after the account's row is locked, so that replaying by number never shows a balance
    # that did not exist; clocks could.
    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(db_default=RandomUUID(), editable=False)
    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="entries")
    # No foreign key in the database: its check would share-lock the account, and every movement
    # of a currency meets on the platform's. Note [Zero sum] checks that the account is there,
    # and accounts are never deleted.
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,
        db_constraint=False,
    )
    amount_minor = models.BigIntegerField()
    # The account's balance right after; NULL where none is kept. Of an account that is split
    # into slots it is the slot's.
    balance_after_minor = models.BigIntegerField(null=True)
    slot = models.SmallIntegerField(null=True)

    class Meta:
        verbose_name_plural = "entries"
        ordering = ["-number"]
        indexes = [models.Index(fields=["account", "number"], name="credit_entry_statement")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(amount_minor=0), name="credit_entry_amount_not_zero"
            ),
            models.CheckConstraint(
                condition=Q(balance_after_minor__gte=0) | Q(balance_after_minor=None),
                name="credit_entry_balance_after_never_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"
