from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class ProviderCircuit(models.Model):
    """Whether a provider is asked at all; open means it is not. Without a row it is."""

    class Reason(models.TextChoices):
        FAILURES = "failures", "It kept failing"
        SET_UP = "set_up", "Our set-up is wrong"
        NO_MONEY = "no_money", "Our money there is used up"
        BY_HAND = "by_hand", "Switched off by a person"

    provider = models.CharField(max_length=32, primary_key=True)
    # In a row, since the last answer that shows it works.
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    # From then on one order is let through to find out; null: not before somebody says so.
    open_until = models.DateTimeField(null=True, blank=True)
    # How often it opened in a row: each time it stays open for longer.
    openings = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=16, choices=Reason, blank=True, db_default="")
    error_code = models.CharField(max_length=64, blank=True, db_default="")
    # The one order that was let through has until then to come back.
    probing_until = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "provider"
        ordering = ["provider"]
        constraints = [
            models.CheckConstraint(
                condition=Q(opened_at=None, open_until=None, reason="")
                | Q(opened_at__isnull=False) & ~Q(reason=""),
                name="giftcards_circuit_open_has_its_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {'open' if self.opened_at else 'closed'}"


class ProviderFloat(models.Model):
    """Our money at a provider, as it last told us; ``name`` says for which brands."""

    provider = models.CharField(max_length=32)
    name = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    available_minor = models.BigIntegerField()
    pending_minor = models.BigIntegerField(null=True, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        ordering = ["provider", "currency", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "currency", "name"], name="giftcards_float_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.currency} {self.name}"


class ProviderBrand(models.Model):
    """A brand as a provider sells it, as it last told us."""

    class State(models.TextChoices):
        ENABLED = "enabled", "Sold"
        PAUSED = "paused", "Paused"
        DISABLED = "disabled", "Not sold"

    provider = models.CharField(max_length=32)
    slug = models.CharField(max_length=80)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State)
    reason = models.CharField(max_length=200, blank=True, db_default="")
    lower_minor = models.BigIntegerField(null=True, blank=True)
    upper_minor = models.BigIntegerField(null=True, blank=True)
    # The only values there are; empty when any between the limits is.
    denominations_minor = ArrayField(models.BigIntegerField(), default=list, blank=True)
    delivery_methods = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    is_asynchronous = models.BooleanField(default=False)
    can_be_issued = models.BooleanField(default=True)
    can_be_undone = models.BooleanField(default=False)
    discount_percent = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    synced_at = models.DateTimeField()

    class Meta:
        ordering = ["provider", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "slug"], name="giftcards_providerbrand_slug_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.slug}"
