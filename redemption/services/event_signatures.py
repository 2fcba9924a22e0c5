"""Is an event really its source's? Signatures as :mod:`alerts.signatures` has them."""

from __future__ import annotations

import dataclasses
import hmac
import secrets
from datetime import datetime, timedelta
from typing import ClassVar, Final

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.keyring import decrypt
from alerts.scope import EVERYTHING, seeing
from alerts.signatures import SECRET_BYTES, key_of, sign
from redemption.models import EventSource, InboundEvent

SECRET_CONTEXT: Final = "redemption_eventsource.secret"  # noqa: S105  where it is kept
PREVIOUS_CONTEXT: Final = "redemption_eventsource.previous_secret"
# How far the sender's clock may be off, or a recorded call be played back.
TOLERANCE: Final = timedelta(minutes=5)
_LONGEST_ID: Final = 255
_MOST_SIGNATURES: Final = 10
# What an unknown source's events are checked with, so that it takes as long as for a known one.
_NOBODYS_KEY: Final = secrets.token_bytes(SECRET_BYTES)

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
        expected = sign(
            key, event_id=call.event_id, timestamp=call.timestamp, body=call.body
        ).encode()
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
        (Signature.CURRENT, key_of(decrypt(source.secret_encrypted, context=SECRET_CONTEXT)))
    ]
    until = source.previous_secret_until
    if source.previous_secret_encrypted and until is not None and now < until:
        previous = decrypt(source.previous_secret_encrypted, context=PREVIOUS_CONTEXT)
        keys.append((Signature.PREVIOUS, key_of(previous)))
    return keys


def _is_proper(call: SignedCall, *, now: datetime) -> bool:
    """Tell whether the id can be kept and the time is now, to five minutes both ways."""
    if not (0 < len(call.event_id) <= _LONGEST_ID and call.event_id.isascii()):
        return False
    if not call.event_id.isprintable():
        return False
    if not (call.timestamp.isascii() and call.timestamp.isdigit() and len(call.timestamp) < 12):
        return False
    return abs(int(call.timestamp) - now.timestamp()) <= TOLERANCE.total_seconds()
