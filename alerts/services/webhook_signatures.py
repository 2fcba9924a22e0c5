"""How webhooks are signed: as Standard Webhooks has it, with an HMAC that both sides know.

``webhook-signature: v1,base64(HMAC-SHA256("id.timestamp.body"))``, several by space while the
secret is being rotated; the key is what stands after ``whsec_`` in base64.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
SECRET_CONTEXT: Final = "alerts_webhookendpoint.secret"  # noqa: S105  where it is kept
PREVIOUS_CONTEXT: Final = "alerts_webhookendpoint.previous_secret"
# 24 to 64 are allowed.
_SECRET_BYTES: Final = 32


def make_webhook_secret() -> str:
    """Return a new secret as a receiver's library takes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign_webhook(
    *, secrets_in_use: Sequence[str], event_id: str, body: bytes, now: datetime
) -> dict[str, str]:
    """Return the three headers that prove who a call is from and when it was made.

    :param secrets_in_use: each signs; a receiver needs to know one of them.
    """
    timestamp = str(int(now.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key_of(secret), signed, "sha256")).decode()
        for secret in secrets_in_use
    ]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def _key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
