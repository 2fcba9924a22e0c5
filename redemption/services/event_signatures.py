"""Is an event really its source's? Signatures as Standard Webhooks has them.

``webhook-signature: v1,base64(HMAC-SHA256("id.timestamp.body"))``, several by space while the
sender rotates; the key is what stands after ``whsec_`` in base64.
"""

from __future__ import annotations

import base64
import dataclasses
import hmac
import secrets
from datetime import datetime, timedelta
from typing import ClassVar, Final

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.keyring import decrypt
from alerts.scope import EVERYTHING, seeing
from redemption.models import EventSource, InboundEvent

PREFIX: Final = "whsec_"
SECRET_CONTEXT: Final = "redemption_eventsource.secret"  # noqa: S105  where it is kept
PREVIOUS_CONTEXT: Final = "redemption_eventsource.previous_secret"
# How far the sender's clock may be off, or a recorded call be played back.
TOLERANCE: Final = timedelta(minutes=5)
_SECRET_BYTES: Final = 32
_LONGEST_ID: Final = 255
_MOST_SIGNATURES: Final = 10
# What an unknown source's events are checked with, so that it takes as long as for a known one.
_NOBODYS_KEY: Final = secrets.token_bytes(_SECRET_BYTES)

Signature = InboundEvent.Signature


@dataclasses.dataclass(eq=False, kw_only=True)
class NotSignedError(ServiceError):
    """The source is unknown or off, or this is not its signature; which of them is not said."""

    code: ClassVar = ErrorCode.NOT_AUTHENTICATED


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SignedCall:
    """What came, as it came: the three headers and the body."""

    event_id: str
    timestamp: str
    signatures: str
    body: bytes


def make_secret() -> str:
    """Return a new secret as a sender's library takes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


@seeing(EVERYTHING)
def authenticate_source(
    *, name: str, call: SignedCall, now: datetime
) -> tuple[EventSource, InboundEvent.Signature]:
    """Return the source that signed the call, and with which of its secrets.

    :raises NotSignedError: nobody we know has signed this just now (GC-109).
    """
    source = _find(name)
    keys = [] if source is None else _keys_of(source, now=now)
    given = call.signatures.split(" ", _MOST_SIGNATURES)[:_MOST_SIGNATURES]
    found: Signature | None = None
    # Every signature with every key, whatever was found: how long it takes tells nothing.
    for kind, key in keys or [(None, _NOBODYS_KEY)]:
        expected = _sign(key, call.event_id, call.timestamp, call.body).encode()
        for signature in given:
            is_same = hmac.compare_digest(expected, signature.encode(errors="replace"))
            found = kind if is_same and found is None else found
    is_open = source is not None and (
        source.is_active and source.client.is_active and source.client.agency.is_active
    )
    if source is None or found is None or not is_open or not _is_proper(call, now=now):
        raise NotSignedError
    return source, found


def _find(name: str) -> EventSource | None:
    if not name.isprintable():  # PostgreSQL takes no NUL
        return None
    sources = EventSource.objects.select_related("client__agency").filter(name=name)
    return sources.order_by("pk").first()


def _keys_of(source: EventSource, *, now: datetime) -> list[tuple[Signature | None, bytes]]:
    keys: list[tuple[Signature | None, bytes]] = [
        (Signature.CURRENT, _key_of(decrypt(source.secret_encrypted, context=SECRET_CONTEXT)))
    ]
    until = source.previous_secret_until
    if source.previous_secret_encrypted and until is not None and now < until:
        previous = decrypt(source.previous_secret_encrypted, context=PREVIOUS_CONTEXT)
        keys.append((Signature.PREVIOUS, _key_of(previous)))
    return keys


def _key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))


def _sign(key: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{event_id}.{timestamp}.".encode(errors="replace") + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _is_proper(call: SignedCall, *, now: datetime) -> bool:
    """Tell whether the id can be kept and the time is now, to five minutes both ways."""
    if not (0 < len(call.event_id) <= _LONGEST_ID and call.event_id.isascii()):
        return False
    if not call.event_id.isprintable():
        return False
    if not (call.timestamp.isascii() and call.timestamp.isdigit() and len(call.timestamp) < 12):
        return False
    return abs(int(call.timestamp) - now.timestamp()) <= TOLERANCE.total_seconds()
