"""How people sign in beyond a password, and where they are signed in."""

import time
import uuid
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.db import models
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from alerts.keyring import decrypt
from credit.models.user import User

ENCRYPTION_CONTEXT: Final = "credit_authenticator.secret"
STEP_SECONDS: Final = 30
# Codes of the step before and of the next one are good too: clocks differ, and people type.
_TOLERANCE: Final = 1
# The wait after a wrong code doubles up to 2**10 seconds: longer would let somebody who knows
# the password keep the owner out for days.
_MOST_FAILURES_COUNTED: Final = 11


class Authenticator(TimestampMixin, ThrottlingMixin, Device):  # type: ignore[misc]
    """An app that shows a new code every 30 seconds; one that works, and one being set up.

    Our own and not django-otp's model: that one keeps the secret readable, so that a copy of the
    database would be a copy of everybody's second factor.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    secret_encrypted = models.TextField()
    # The step of the code accepted last: it and all before it are spent.
    last_step = models.BigIntegerField(default=-1)
    # Keyed digests of the recovery codes that are left.
    recovery_digests = ArrayField(models.CharField(max_length=64), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "confirmed"], name="credit_authenticator_one_per_person"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {'in use' if self.confirmed else 'being set up'}"

    def get_throttle_factor(self) -> int:
        return 1

    def throttle_increment(self, commit: bool = True) -> None:  # noqa: FBT001, FBT002
        super().throttle_increment(commit=False)
        count: int = self.throttling_failure_count  # type: ignore[has-type]
        self.throttling_failure_count = min(count, _MOST_FAILURES_COUNTED)
        if commit:
            self.save()

    # The library's interface has no `now`: it and its base classes read the clock.
    def verify_token(self, token: Any) -> bool:
        """Accept a code of six digits once; call it with the row locked (``for_verify``)."""
        is_allowed, _ = self.verify_is_allowed()
        if not is_allowed or not (isinstance(token, str) and token.isascii() and token.isdigit()):
            return False
        totp = TOTP(decrypt_secret(self), step=STEP_SECONDS)
        totp.time = time.time()
        if not totp.verify(int(token), tolerance=_TOLERANCE, min_t=self.last_step + 1):
            self.throttle_increment()
            return False
        self.last_step = totp.t()
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        self.save()
        return True


def decrypt_secret(authenticator: Authenticator) -> bytes:
    """Return the secret that the app shares with us."""
    return bytes.fromhex(decrypt(authenticator.secret_encrypted, context=ENCRYPTION_CONTEXT))


class UserSession(models.Model):
    """Where somebody is signed in; it goes with Django's session, and ending it ends that."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="+")
    user_agent = models.CharField(max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    signed_in_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_seen_at"]

    def __str__(self) -> str:
        return f"#{self.id}"
