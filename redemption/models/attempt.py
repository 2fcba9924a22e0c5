"""Tries at redemption codes, and the addresses that may not, or may freely, try."""

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class NetworkField(models.CharField):  # type: ignore[type-arg]  # no generic when it runs
    """A network in CIDR notation, an address being a network of one: PostgreSQL's ``cidr``."""

    def db_type(self, connection: Any) -> str:
        return "cidr"


class AttemptLog(models.Model):
    """One try at a code, at whatever door; never the code itself.

    Written by redemption_admit_attempt alone, and not changed but for its result, once. It is
    what the limits are counted from: Note [Guard] in redemption/throttling.py.
    """

    class Action(models.TextChoices):
        FORM = "form", "Form"
        VALIDATE = "validate", "Look at a code (API)"
        REDEEM = "redeem", "Redeem (API)"
        PROVISION = "provision", "Provision (API)"
        DESK = "desk", "Desk"

    class Result(models.TextChoices):
        # Let in, and nothing was wrong with the code itself.
        TRIED = "tried", "Let in"
        UNKNOWN_CODE = "unknown_code", "Unknown code"
        WRONG_FACTOR = "wrong_factor", "Wrong second factor"
        # The same request once more, under its idempotency key: counts against no limit.
        REPEAT = "repeat", "Repeat"
        RATE_LIMITED = "rate_limited", "Too many attempts"
        BLOCKED = "blocked", "Blocked"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    action = models.CharField(max_length=16, choices=Action)
    # What one person can hardly change: an IPv4 address, the /64 of an IPv6 one.
    network = NetworkField(max_length=43, null=True)
    # Whether it is the address that is limited: of strangers it is.
    counts_address = models.BooleanField()
    # Who was signed in: "user:<id>", "key:<id>"; empty for a stranger.
    caller = models.CharField(max_length=48, blank=True)
    code_digest = models.BinaryField()
    # The form that was filled in: the id of its campaign, "" for the general one.
    form = models.CharField(max_length=36, blank=True)
    # The same for each repeat of a request, else its own.
    attempt = models.UUIDField()
    result = models.CharField(max_length=16, choices=Result)
    # Which limit refused it: address, code, caller or failures.
    limit = models.CharField(max_length=16, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    # What counts as an attempt, and what as a failed one.
    COUNTED = (Result.TRIED, Result.UNKNOWN_CODE, Result.WRONG_FACTOR)
    FAILED = (Result.UNKNOWN_CODE, Result.WRONG_FACTOR)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(
                fields=["network", "at"],
                condition=Q(
                    counts_address=True, result__in=["tried", "unknown_code", "wrong_factor"]
                ),
                name="redemption_attempt_counted",
            ),
            models.Index(
                fields=["code_digest", "at"],
                condition=Q(result__in=["tried", "unknown_code", "wrong_factor"]),
                name="redemption_attempt_by_code",
            ),
            models.Index(
                fields=["caller", "at"],
                condition=~Q(caller="") & Q(result__in=["unknown_code", "wrong_factor"]),
                name="redemption_attempt_failed",
            ),
            models.Index(fields=["network", "at"], name="redemption_attempt_by_address"),
            models.Index(fields=["at"], name="redemption_attempt_by_time"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.result}"


class AddressRule(models.Model):
    """What somebody has decided about a network, until a time or until it is lifted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    network = NetworkField(max_length=43)
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=48)
    # Empty: until it is lifted.
    until = models.DateTimeField(null=True, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=48, blank=True, db_default="")
    lift_reason = models.CharField(max_length=300, blank=True, db_default="")

    class Meta:
        abstract = True
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"#{self.pk} {'lifted' if self.lifted_at else 'in force'}"


class AddressBlock(AddressRule):
    """A network from which strangers may try no code."""

    class Meta(AddressRule.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gt=F("created_at")),
                name="redemption_addressblock_ends_after_it_begins",
            ),
        ]


class AddressAllow(AddressRule):
    """A network whose people are not limited by their address: a call centre's, a shop's."""

    class Meta(AddressRule.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gt=F("created_at")),
                name="redemption_addressallow_ends_after_it_begins",
            ),
        ]


class AddressClearing(AddressRule):
    """From when on a network's attempts are counted anew; lifted, the older ones count again."""

    class Meta(AddressRule.Meta):
        pass


class FormBreaker(models.Model):
    """Whether a form is slowed down for everybody, because so many codes on it are unknown."""

    # The id of the form's campaign, "" for the general one.
    form = models.CharField(max_length=36, primary_key=True)
    checked_at = models.DateTimeField()
    slowed_at = models.DateTimeField(null=True)
    slowed_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(db_default=0)
    unknown = models.PositiveIntegerField(db_default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["slowed_until"],
                condition=Q(slowed_until__isnull=False),
                name="redemption_formbreaker_slowed",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.form or 'general'} {'slowed' if self.slowed_until else 'open'}"
