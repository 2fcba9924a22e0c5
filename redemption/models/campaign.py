import uuid

from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

from credit.models import Account, Client
from giftcards.models import Brand, Pool
from redemption.strength import ENOUGH_ENTROPY_BITS


class Campaign(models.Model):
    """A client's promise: who does what it asks gets a gift card."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        DEPLETED = "depleted", "Out of credit"
        ENDED = "ended", "Ended"

    class BudgetMode(models.TextChoices):
        SHARED = "shared", "The client's budget"
        ISOLATED = "isolated", "A budget of its own"

    class BillingEntity(models.TextChoices):
        CLIENT = "client", "The client"
        AGENCY = "agency", "The agency"

    class CodePolicy(models.TextChoices):
        GENERATED = "generated", "Made here"
        IMPORTED = "imported", "From another system"

    class SecondFactor(models.TextChoices):
        NONE = "", "Nothing"
        LAST_NAME = "last_name", "Last name"
        POSTAL_CODE = "postal_code", "Postal code"
        PHONE = "phone", "Phone number on file"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    # Codes can be redeemed until then, also after the campaign has ended.
    claim_expires_at = models.DateTimeField(null=True, blank=True)
    budget_mode = models.CharField(max_length=16, choices=BudgetMode, default=BudgetMode.SHARED)
    # Whose account is the shared one.
    billing_entity = models.CharField(
        max_length=16,
        choices=BillingEntity,
        default=BillingEntity.CLIENT,
        db_default=BillingEntity.CLIENT,
    )
    # Which account pays. Shared and isolated differ only in the row this names.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    # The campaign's own account, once it has had a budget of its own: on a shared budget what is
    # left there goes first.
    own_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    opt_in_required = models.BooleanField(default=False)
    approval_required = models.BooleanField(default=False)
    # Out of stock: keep the redemption and serve it on restock, or refuse it.
    queue_when_empty = models.BooleanField(default=True)
    # Who made the codes that its recipients hold.
    code_policy = models.CharField(
        max_length=16,
        choices=CodePolicy,
        default=CodePolicy.GENERATED,
        db_default=CodePolicy.GENERATED,
    )
    # How many bits of chance are in the weakest file of codes that came from elsewhere: only ever
    # less, since codes stay good. See redemption/strength.py.
    imported_code_bits = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    # What is asked besides the code: see redemption/services/second_factor.py.
    second_factor = models.CharField(
        max_length=16, choices=SecondFactor, blank=True, default="", db_default=""
    )
    # How many rewards may be claimed on one day (UTC), and how many one recipient may have of
    # several conditions. See Note [Caps] in redemption/sql/rules.sql.
    cap_per_day = models.PositiveIntegerField(null=True, blank=True)
    cap_per_recipient = models.PositiveSmallIntegerField(null=True, blank=True)
    # Every code walks the whole way as a test: no card, no money.
    test_mode = models.BooleanField(default=False, db_default=False)
    # How many days before its claim expiry somebody who has not opened their card is reminded; 0
    # for not at all.
    claim_reminder_days = models.PositiveSmallIntegerField(default=3, db_default=3)
    locale = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "name"], name="redemption_campaign_name_unique"
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True)
                | Q(ends_at__isnull=True)
                | Q(ends_at__gt=F("starts_at")),
                name="redemption_campaign_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(budget_mode__in=["shared", "isolated"])
                & Q(billing_entity__in=["client", "agency"]),
                name="redemption_campaign_budget_words_known",
            ),
            models.UniqueConstraint(
                Case(
                    When(budget_mode="isolated", then=F("account")),
                    default=F("own_account"),
                ),
                name="redemption_campaign_own_account_is_its_alone",
            ),
            models.CheckConstraint(
                condition=Q(code_policy__in=["generated", "imported"])
                & Q(second_factor__in=["", "last_name", "postal_code", "phone"]),
                name="redemption_campaign_code_words_known",
            ),
            models.CheckConstraint(
                condition=Q(imported_code_bits=None)
                | Q(imported_code_bits__gte=ENOUGH_ENTROPY_BITS)
                | ~Q(second_factor=""),
                name="redemption_campaign_weak_codes_ask_for_more",
            ),
            models.CheckConstraint(
                condition=Q(imported_code_bits=None) | Q(code_policy="imported"),
                name="redemption_campaign_imported_codes_are_told",
            ),
            models.CheckConstraint(
                condition=(Q(cap_per_day=None) | Q(cap_per_day__gt=0))
                & (Q(cap_per_recipient=None) | Q(cap_per_recipient__gt=0)),
                name="redemption_campaign_caps_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Condition(models.Model):
    """What a person must have done, and the card it earns."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="conditions", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120)
    brand = models.ForeignKey(
        Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="conditions"
    )
    card_value_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    pool = models.ForeignKey(
        Pool, on_delete=models.PROTECT, null=True, blank=True, related_name="conditions"
    )
    crm_event_name = models.CharField(max_length=120, blank=True, db_default="")
    checklist = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["campaign", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "number"], name="redemption_condition_numbered"
            ),
            models.CheckConstraint(
                condition=Q(card_value_minor__gt=0) | Q(card_value_minor=None),
                name="redemption_condition_value_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.name}"


class DailyClaims(models.Model):
    """How many rewards of a capped campaign were claimed on one day (UTC)."""

    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="daily_claims", db_index=False
    )
    day = models.DateField()
    claims = models.PositiveIntegerField()

    class Meta:
        ordering = ["campaign", "-day"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "day"], name="redemption_dailyclaims_one_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.campaign_id} {self.day}"
