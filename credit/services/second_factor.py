"""The second factor: an app that shows codes, and recovery codes for when it is lost."""

from __future__ import annotations

import base64
import enum
import secrets
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from django.conf import settings

from alerts.keyring import digest, encrypt
from alerts.transactions import durable, transaction
from credit.models import Authenticator, User
from credit.models.sign_in import ENCRYPTION_CONTEXT, STEP_SECONDS, decrypt_secret

RECOVERY_CODES: Final = 10
# Without 0/O and 1/I/L, which look alike on paper: 31 characters, so ten are 49 bits.
_ALPHABET: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_RECOVERY_LENGTH: Final = 10
_SECRET_BYTES: Final = 20
_CODE_LENGTH: Final = 6
# A secret on a screen that was left open is not waited for.
_SET_UP_WITHIN: Final = timedelta(hours=1)


class Verdict(enum.Enum):
    """What became of a code that somebody typed."""

    GOOD = "good"
    # Of the app; one recovery code fewer is left.
    GOOD_RECOVERY = "good_recovery"
    WRONG = "wrong"
    # Too soon after a wrong one: it was not looked at.
    TOO_SOON = "too_soon"


def begin_set_up(*, user: User, now: datetime) -> Authenticator:
    """Return the app that is being set up, with a secret made now or within the last hour."""
    Authenticator.objects.filter(
        user=user, confirmed=False, created_at__lt=now - _SET_UP_WITHIN
    ).delete()
    authenticator: Authenticator
    authenticator, _ = Authenticator.objects.get_or_create(
        user=user,
        confirmed=False,
        defaults={
            "name": "app",
            "secret_encrypted": encrypt(
                secrets.token_bytes(_SECRET_BYTES).hex(), context=ENCRYPTION_CONTEXT
            ),
        },
    )
    return authenticator


@durable
def finish_set_up(*, user: User, code: str) -> tuple[Verdict, list[str]]:
    """Take the app that is being set up into use, if it shows ``code``.

    Return the verdict and, when it is good, the recovery codes: they are not kept, only digests.
    Once it is in use, a second call finds nothing being set up and says that the code is wrong.
    """
    with transaction():
        app = (
            Authenticator.objects.select_for_update()
            .filter(user=user, confirmed=False)
            .order_by("pk")
            .first()
        )
        if app is None:
            return Verdict.WRONG, []
        verdict = _try_app(app, clean_code(code))
        if verdict is not Verdict.GOOD:
            return verdict, []
        Authenticator.objects.filter(user=user, confirmed=True).delete()
        app.confirmed = True
        return verdict, _give_recovery_codes(app)


@durable
def check_second_factor(*, user: User, code: str) -> Verdict:
    """Try a code of the app, or a recovery code, which is spent by it."""
    with transaction():
        app = (
            Authenticator.objects.select_for_update()
            .filter(user=user, confirmed=True)
            .order_by("pk")
            .first()
        )
        if app is None:
            return Verdict.WRONG
        cleaned = clean_code(code)
        if len(cleaned) != _RECOVERY_LENGTH:
            return _try_app(app, cleaned)
        spent = _digest_of(app, cleaned)
        if spent not in app.recovery_digests:
            return Verdict.WRONG
        app.recovery_digests.remove(spent)
        app.save(update_fields=["recovery_digests"])
        return Verdict.GOOD_RECOVERY


@durable
def renew_recovery_codes(*, user: User) -> list[str]:
    """Return new recovery codes; those from before are void. Empty without a second factor."""
    with transaction():
        app = (
            Authenticator.objects.select_for_update()
            .filter(user=user, confirmed=True)
            .order_by("pk")
            .first()
        )
        return [] if app is None else _give_recovery_codes(app)


def remove_second_factor(*, user: User) -> bool:
    """Take the second factor away; return whether there was one."""
    _, deleted = Authenticator.objects.filter(user=user).delete()
    return bool(deleted)


def find_authenticator(*, user: User) -> Authenticator | None:
    """Return somebody's app in use, if they have one."""
    app: Authenticator | None = (
        Authenticator.objects.filter(user=user, confirmed=True).order_by("pk").first()
    )
    return app


def secret_text(authenticator: Authenticator) -> str:
    """Return the secret as a person types it into an app: groups of four."""
    text = base64.b32encode(decrypt_secret(authenticator)).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def set_up_address(authenticator: Authenticator, *, user: User) -> str:
    """Return what the QR code says: the address that apps read the secret from."""
    issuer = settings.COMPANY_NAME.replace(":", "")
    label = quote(f"{issuer}:{user.get_username()}")
    fields = {
        "secret": secret_text(authenticator).replace(" ", ""),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": _CODE_LENGTH,
        "period": STEP_SECONDS,
    }
    return f"otpauth://totp/{label}?{urlencode(fields, quote_via=quote)}"


def clean_code(text: str) -> str:
    """Return a code as it was meant: without spaces and hyphens, in capitals."""
    return "".join(character for character in text.upper() if character not in " -\t\u00a0\u2011")


def _try_app(app: Authenticator, code: str) -> Verdict:
    is_allowed, _ = app.verify_is_allowed()
    if not is_allowed:
        return Verdict.TOO_SOON
    if len(code) != _CODE_LENGTH:
        return Verdict.WRONG
    return Verdict.GOOD if app.verify_token(code) else Verdict.WRONG


def _give_recovery_codes(app: Authenticator) -> list[str]:
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    app.recovery_digests = [_digest_of(app, code) for code in codes]
    app.save()
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _digest_of(app: Authenticator, code: str) -> str:
    return digest(f"{app.user_id}:{code}", purpose="recovery_code").hex()
