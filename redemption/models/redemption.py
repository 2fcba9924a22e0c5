import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from credit.models import Client, Transaction
from giftcards.models import GiftCard
from redemption.models.campaign import Campaign, Condition
from redemption.models.recipient import Recipient


class Redemption(models.Model):
    """One person's claim to one reward, from the code they gave to the card they got."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        PROVISIONING = "provisioning", "Being prepared"
        ISSUED = "issued", "Issued"
        DELIVERED = "delivered", "Delivered"
        CONFIRMED = "confirmed", "Confirmed"
        WAITING_STOCK = "waiting_stock", "Waiting for stock"
        WAITING_OPT_IN = "waiting_opt_in", "Waiting for opt-in"
        WAITING_APPROVAL = "waiting_approval", "Waiting for approval"
        UNCONFIRMED = "unconfirmed", "Provider's answer unknown"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    # Its card is its owner's and its charge is spent.
    STANDING = (State.ISSUED, State.DELIVERED, State.CONFIRMED)

    class Door(models.TextChoices):
        WEB = "web", "Web form"
        DESK = "desk", "Call centre"
        CRM = "crm", "CRM event"
        API = "api", "Partner API"

    class Source(models.TextChoices):
        CSV = "csv", "Uploaded"
        BUFFER = "buffer", "Bought ahead"
        API = "api", "Bought on the spot"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Written by the hot path from rows it has locked; the constraint is on the recipient, whose
    # campaign and client these repeat, so that lists and row-level security need no join.
    client = models.ForeignKey(
        Client,
        on_delete=models.PROTECT,
        related_name="redemptions",
        db_constraint=False,
        db_index=False,
    )
    campaign = models.ForeignKey(
        Campaign,
        on_delete=models.PROTECT,
        related_name="redemptions",
        db_constraint=False,
        db_index=False,
    )
    recipient = models.ForeignKey(
        Recipient, on_delete=models.PROTECT, related_name="redemptions", db_index=False
    )
    # The check of a foreign key would share-lock the condition in every redemption of its
    # campaign. It is read in the same statement, and one that may have redemptions can't be
    # deleted: see redemption/sql/guards.sql.
    condition = models.ForeignKey(
        Condition,
        on_delete=models.PROTECT,
        related_name="redemptions",
        db_index=False,
        db_constraint=False,
    )
    card = models.ForeignKey(
        GiftCard, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # Transactions are never deleted, so nothing looks here for who names one.
    transaction = models.ForeignKey(
        Transaction,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    state = models.CharField(max_length=24, choices=State)
    reason_code = models.CharField(max_length=8, blank=True, db_default="")
    door = models.CharField(max_length=8, choices=Door)
    actor = models.CharField(max_length=48)
    source = models.CharField(max_length=8, choices=Source, blank=True, db_default="")
    # Facts of that moment: changing a markup later changes no past row.
    face_value_minor = models.BigIntegerField(null=True)
    cost_minor = models.BigIntegerField(null=True)
    charged_minor = models.BigIntegerField(null=True)
    # What was earned, computed by the database from the three above and so never at odds with
    # them; empty while one of them is not known. A test earns nothing, and neither does a reward
    # that is charged nothing: what there was to earn was earned when its card was sold.
    agency_margin_minor = models.GeneratedField(
        expression=Case(
            When(Q(is_test=True) | Q(charged_minor=0), then=Value(0)),
            default=F("charged_minor") - F("face_value_minor"),
        ),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
    )
    platform_margin_minor = models.GeneratedField(
        expression=Case(
            When(Q(is_test=True) | Q(charged_minor=0), then=Value(0)),
            default=F("face_value_minor") - F("cost_minor"),
        ),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
    )
    currency = models.CharField(max_length=3)
    debits = models.PositiveSmallIntegerField(db_default=0)
    is_test = models.BooleanField(db_default=False)
    contact_method = models.CharField(max_length=8)
    contact_to = models.CharField(max_length=254, blank=True, db_default="")
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True, db_default="")
    # The browser that redeemed, by the digest of a random cookie: it is shown the card again. A
    # link is bound to a browser of its own, since the text is often opened on another device.
    browser_digest = models.BinaryField(max_length=32, null=True, blank=True)
    request_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())
    # From the code's making to the request, rounded up: redemption_code_age_hours. A fact of that
    # moment too, so that a report over a year need not look at the recipients.
    code_age_hours = models.PositiveIntegerField(editable=False)
    issued_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["client", "created_at"], name="redemption_by_client"),
            models.Index(fields=["campaign", "created_at"], name="redemption_by_campaign"),
            # Holds all that is summed: Note [Spending].
            models.Index(
                fields=["client", "issued_at"],
                include=["charged_minor", "currency", "campaign"],
                condition=Q(state__in=["issued", "delivered", "confirmed"], is_test=False),
                name="redemption_spent",
            ),
            # For who serves those who wait; whoever gets a card at once is never in it.
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=["waiting_stock", "waiting_opt_in", "waiting_approval"]),
                name="redemption_waiting",
            ),
            # Issued and then failed or cancelled, for the reports: few, and none on its way.
            models.Index(
                fields=["client", "issued_at"],
                condition=Q(
                    state__in=["failed", "cancelled"], is_test=False, issued_at__isnull=False
                ),
                name="redemption_taken_back",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "condition"],
                condition=~Q(state="failed"),
                name="redemption_one_reward_each",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["issued", "delivered", "confirmed"])
                | Q(is_test=True)
                | Q(card__isnull=False, charged_minor__isnull=False),
                name="redemption_issued_has_card_and_charge",
            ),
            # Money and card go together: what was charged names its ledger transaction.
            models.CheckConstraint(
                condition=Q(charged_minor__isnull=True)
                | Q(charged_minor=0)
                | Q(transaction__isnull=False),
                name="redemption_charge_names_its_transaction",
            ),
            models.CheckConstraint(
                condition=Q(is_test=False) | Q(card__isnull=True, transaction__isnull=True),
                name="redemption_test_takes_no_card_no_money",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "pending",
                        "provisioning",
                        "issued",
                        "delivered",
                        "confirmed",
                        "waiting_stock",
                        "waiting_opt_in",
                        "waiting_approval",
                        "unconfirmed",
                        "failed",
                        "cancelled",
                    ]
                ),
                name="redemption_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class PendingReward(models.Model):
    """A redemption that waits for stock, in the order in which it will be served."""

    redemption = models.OneToOneField(
        Redemption, on_delete=models.PROTECT, related_name="pending_reward"
    )
    reason_code = models.CharField(max_length=8)
    call_back_by = models.DateTimeField()
    promised_by = models.DateTimeField()
    served_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"#{self.pk}"


class RevealLink(models.Model):
    """The link of a text that shows the card; only the digest of its token is kept."""

    token_digest = models.BinaryField(max_length=32, primary_key=True)
    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, related_name="reveal_links"
    )
    # One more each time the link is replaced; the token is derived from id and version.
    version = models.PositiveSmallIntegerField(db_default=1)
    # The digest of the browser that pressed the button first.
    bound_to = models.BinaryField(max_length=32, null=True, blank=True)
    bound_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(bound_to=None, bound_at=None)
                | Q(bound_to__isnull=False, bound_at__isnull=False),
                name="redemption_reveallink_bound_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.redemption_id} v{self.version}"


class ProvisioningTrace(models.Model):
    """One step on the way to a card, for the operator who asks what happened."""

    request_id = models.CharField(max_length=64)
    # Plain id: a refused redemption leaves its trace, but no row to point at.
    redemption_id = models.UUIDField(null=True, blank=True)
    step = models.CharField(max_length=32)
    status = models.CharField(max_length=16)
    error_code = models.CharField(max_length=8, blank=True, db_default="")
    message = models.CharField(max_length=300, blank=True, db_default="")
    milliseconds = models.FloatField(db_default=0)
    details = models.JSONField(db_default=Value({}, output_field=models.JSONField()))
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["redemption_id"], name="redemption_trace_redemption"),
            models.Index(
                fields=["request_id"],
                condition=Q(redemption_id=None),
                name="redemption_trace_refusals",
            ),
            # What was refused of late, by its code; a reward that is given writes nothing here.
            models.Index(
                fields=["at"],
                include=["error_code", "redemption_id"],
                condition=Q(status="refused"),
                name="redemption_trace_refused",
            ),
            # Rows lie in the order in which they came, so that the last hour is a few blocks.
            BrinIndex(
                fields=["at"],
                name="redemption_trace_when",
                pages_per_range=32,
                autosummarize=True,
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.step} {self.status}"
