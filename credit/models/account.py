import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from credit.models.organisation import Agency, Client


class Account(models.Model):
    """Prepaid credit of the platform, an agency, a client or a campaign.

    The platform's accounts keep no running balance: every movement touches one of them, so a
    balance there would be one hot row for the whole system. They are summed when read. An
    account that is split keeps its balance in slots: ``credit/selectors/balances.py`` reads it.
    """

    class Level(models.TextChoices):
        PLATFORM = "platform", "Platform"
        AGENCY = "agency", "Agency"
        CLIENT = "client", "Client"
        CAMPAIGN = "campaign", "Campaign"

    class Purpose(models.TextChoices):
        CREDIT = "credit", "Credit"
        CONSUMED = "consumed", "Consumed"
        HELD = "held", "Held"
        ADJUSTMENTS = "adjustments", "Adjustments"

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        CLOSED = "closed", "Closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    level = models.CharField(max_length=16, choices=Level)
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.CREDIT)
    name = models.CharField(max_length=160)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    agency = models.ForeignKey(
        Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="accounts"
    )
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, blank=True, related_name="accounts"
    )
    currency = models.CharField(max_length=3)
    balance_minor = models.BigIntegerField(null=True, blank=True)
    # How many slots it is split into; 0 while it keeps its balance itself.
    slot_count = models.PositiveSmallIntegerField(default=0, db_default=0)
    low_balance_threshold_minor = models.BigIntegerField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["level", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(balance_minor__gte=0) | Q(level="platform"),
                name="credit_account_balance_never_negative",
            ),
            models.CheckConstraint(
                condition=Q(level="platform", slot_count=0, balance_minor__isnull=True)
                | (~Q(level="platform") & Q(slot_count=0, balance_minor__isnull=False))
                | (~Q(level="platform") & Q(slot_count__gt=0, balance_minor__isnull=True)),
                name="credit_account_balance_kept_below_platform",
            ),
            models.CheckConstraint(
                condition=(
                    Q(level="platform", parent=None, agency=None, client=None)
                    | Q(level="agency", parent__isnull=False, agency__isnull=False, client=None)
                    | Q(level__in=["client", "campaign"], parent__isnull=False)
                    & Q(agency__isnull=False, client__isnull=False)
                ),
                name="credit_account_owner_fits_level",
            ),
            models.CheckConstraint(
                condition=Q(purpose="credit") | Q(level="platform"),
                name="credit_account_contra_is_the_platforms",
            ),
            models.CheckConstraint(
                condition=Q(level__in=["platform", "agency", "client", "campaign"])
                & Q(purpose__in=["credit", "consumed", "held", "adjustments"])
                & Q(status__in=["active", "paused", "closed"]),
                name="credit_account_words_known",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="credit_account_currency_iso"
            ),
            models.CheckConstraint(
                condition=~Q(parent=F("id")), name="credit_account_not_its_own_parent"
            ),
            models.UniqueConstraint(
                fields=["currency", "purpose"],
                condition=Q(level="platform"),
                name="credit_account_one_per_platform_purpose",
            ),
            models.UniqueConstraint(
                fields=["agency"],
                condition=Q(level="agency"),
                name="credit_account_one_per_agency",
            ),
            models.UniqueConstraint(
                fields=["client"],
                condition=Q(level="client"),
                name="credit_account_one_per_client",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.status}"


class AccountSlot(models.Model):
    """A part of a split account's balance: its debits meet on many rows instead of on one."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="slots", db_index=False
    )
    slot = models.PositiveSmallIntegerField()
    balance_minor = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["account", "slot"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "slot"], name="credit_accountslot_number_unique"
            ),
            models.CheckConstraint(
                condition=Q(balance_minor__gte=0),
                name="credit_accountslot_balance_never_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.account_id} slot {self.slot}"
