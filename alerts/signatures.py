"""Signatures of calls between machines, both ways, as Standard Webhooks has them.

``webhook-signature: v1,base64(HMAC-SHA256("id.timestamp.body"))``, several by space while a secret
is being rotated; the key is what stands after ``whsec_`` in base64.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
# 24 to 64 are allowed.
SECRET_BYTES: Final = 32


def make_secret() -> str:
    """Return a new secret as a library for such calls takes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for.

    :raises ValueError: it is no base64.
    """
    return base64.b64decode(secret.removeprefix(PREFIX))


def sign(key: bytes, *, event_id: str, timestamp: str, body: bytes) -> str:
    """Return one signature; what of the id is no text is signed as question marks."""
    signed = f"{event_id}.{timestamp}.".encode(errors="replace") + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def signed_headers(
    *, secrets_in_use: Sequence[str], event_id: str, body: bytes, now: datetime
) -> dict[str, str]:
    """Return the three headers that prove who a call is from and when it was made.

    :param secrets_in_use: each signs; a receiver needs to know one of them.
    """
    timestamp = str(int(now.timestamp()))
    signatures = [
        sign(key_of(secret), event_id=event_id, timestamp=timestamp, body=body)
        for secret in secrets_in_use
    ]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
