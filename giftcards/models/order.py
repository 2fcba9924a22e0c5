import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from credit.models import Client, Transaction
from giftcards.models.card import GiftCard
from giftcards.models.catalogue import Denomination
from giftcards.models.pool import Pool

ALIVE = ["requested", "unknown"]


class ProviderOrder(models.Model):
    """One card asked for at a provider: written, with its hold, before anything is sent.

    Its id at the provider is stored first and never changes, so that asking again buys nothing
    more. What may follow what is held by the table's triggers (``sql/order_guards.sql``).
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "In work"
        SUCCEEDED = "succeeded", "Bought"
        FAILED = "failed", "Not bought"
        UNKNOWN = "unknown", "Unknown: a person must look"
        REVERSED = "reversed", "Taken back"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.CharField(max_length=32)
    request_id = models.CharField(max_length=50, unique=True)
    provider_slug = models.CharField(max_length=80)
    denomination = models.ForeignKey(Denomination, on_delete=models.PROTECT, related_name="orders")
    # Where the card will lie.
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="orders", db_index=False)
    # Whose it is; null for what the platform buys ahead.
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, blank=True, related_name="provider_orders"
    )
    value_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    delivery_method = models.CharField(max_length=8, db_default="code")
    is_asynchronous = models.BooleanField(db_default=False)
    # What it is bought for ("redemption", its id); null for a buffer.
    holder_kind = models.CharField(max_length=16, null=True, blank=True)
    holder_id = models.UUIDField(null=True, blank=True)
    hold = models.OneToOneField(
        Transaction, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    charge_minor = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State, db_default=State.REQUESTED)
    # Attempts in all; an answer may end the order only while this is still its attempt's number.
    attempts = models.PositiveIntegerField(db_default=0)
    # Those since it was last given to the workers: where in the schedule it stands.
    tries = models.PositiveSmallIntegerField(db_default=0)
    # Some attempt may have sold, and how long that attempt may still be on its way.
    may_be_done = models.BooleanField(db_default=False)
    in_doubt_until = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    first_sent_at = models.DateTimeField(null=True, blank=True)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    # The provider has taken the order and works on it: from here on it is asked, not sent.
    accepted_at = models.DateTimeField(null=True, blank=True)
    # A person has asked for the sale to be taken back: it is never sent again after that, since
    # the provider would answer with the card that it took back.
    undo_asked_at = models.DateTimeField(null=True, blank=True)
    provider_reference = models.CharField(max_length=120, blank=True, db_default="")
    cost_minor = models.BigIntegerField(null=True, blank=True)
    discount_percent = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True, db_default="")
    # What the provider last said; nothing that is worth money ever stands here.
    answer = models.JSONField(
        blank=True, db_default=models.Value({}, output_field=models.JSONField())
    )
    card = models.OneToOneField(
        GiftCard, on_delete=models.PROTECT, null=True, blank=True, related_name="provider_order"
    )
    # Since when the card is not its holder's any more: void, or back in stock.
    card_gone_at = models.DateTimeField(null=True, blank=True)
    # The request that asked for it, as in the logs.
    trace_id = models.CharField(max_length=64, blank=True, db_default="")
    actor = models.CharField(max_length=48)
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=48, blank=True, db_default="")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["provider", "next_attempt_at"],
                condition=Q(state="requested"),
                name="giftcards_order_due",
            ),
            models.Index(
                fields=["pool"], condition=Q(state__in=ALIVE), name="giftcards_order_alive"
            ),
            models.Index(
                fields=["created_at"], condition=Q(state="unknown"), name="giftcards_order_unknown"
            ),
            models.Index(fields=["-created_at"], name="giftcards_order_newest"),
            models.Index(fields=["pool", "-created_at"], name="giftcards_order_of_pool"),
            models.Index(
                fields=["provider_reference"],
                condition=~Q(provider_reference=""),
                name="giftcards_order_reference",
            ),
            models.Index(
                fields=["holder_kind", "holder_id"],
                condition=Q(holder_id__isnull=False),
                name="giftcards_order_holder",
            ),
        ]
        constraints = [
            # A replaced card may be bought again: its order lives on without its card.
            models.UniqueConstraint(
                fields=["holder_kind", "holder_id"],
                condition=Q(state__in=ALIVE) | Q(state="succeeded", card_gone_at=None),
                name="giftcards_order_one_alive_per_holder",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["requested", "succeeded", "failed", "unknown", "reversed"])
                & Q(delivery_method__in=["code", "url"]),
                name="giftcards_order_words_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="succeeded") | Q(card__isnull=False),
                name="giftcards_order_succeeded_has_its_card",
            ),
            models.CheckConstraint(
                condition=Q(card=None) | Q(state__in=["succeeded", "reversed"]),
                name="giftcards_order_card_only_when_bought",
            ),
            models.CheckConstraint(
                condition=Q(holder_kind=None, holder_id=None, hold=None, charge_minor=None)
                | Q(holder_kind__isnull=False, holder_id__isnull=False, client__isnull=False)
                & (Q(charge_minor=0, hold=None) | Q(charge_minor__gt=0, hold__isnull=False)),
                name="giftcards_order_holder_and_hold_go_together",
            ),
            models.CheckConstraint(
                condition=Q(state="requested", next_attempt_at__isnull=False)
                | ~Q(state="requested") & Q(next_attempt_at=None),
                name="giftcards_order_in_work_has_its_next_attempt",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ALIVE, settled_at=None)
                | ~Q(state__in=ALIVE) & Q(settled_at__isnull=False),
                name="giftcards_order_settled_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(may_be_done=False, in_doubt_until=None)
                | Q(may_be_done=True, in_doubt_until__isnull=False),
                name="giftcards_order_doubt_has_its_end",
            ),
            # Money is given back only when it is certain that nothing was sold.
            models.CheckConstraint(
                condition=Q(state__in=["requested", "unknown"]) | Q(may_be_done=False),
                name="giftcards_order_ends_without_doubt",
            ),
            models.CheckConstraint(
                condition=Q(value_minor__gt=0), name="giftcards_order_value_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"


class ProviderOrderEvent(models.Model):
    """One thing that was asked of a provider about an order, and what it said. Never changed."""

    class Asked(models.TextChoices):
        ISSUE = "issue", "To sell"
        STATUS = "status", "What became of it"
        REVERSE = "reverse", "To take it back"

    order = models.ForeignKey(ProviderOrder, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(db_default=Now())
    attempt = models.PositiveIntegerField()
    asked = models.CharField(max_length=16, choices=Asked)
    # The class of the answer: "sold", "try_again", …
    outcome = models.CharField(max_length=24)
    code = models.CharField(max_length=64, blank=True, db_default="")
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    # "worker", or the person who asked.
    actor = models.CharField(max_length=48)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"#{self.pk} {self.asked} {self.outcome}"
