"""Partners' API keys: made, shown once, found again by their digest."""

import dataclasses
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.statements import call_function
from alerts.transactions import transaction_required
from credit.models import Agency, ApiKey, Client

SCOPES: Final = (
    "redeem",
    "provision",
    "cards:reveal",
    "inventory:read",
    "inventory:write",
    "recipients:write",
    "credit:read",
    "credit:allocate",
    "events",
    "loyalty",
    "webhooks",
    "monitoring",
)
_PREFIX: Final = "glk_"
# The time of last use is for people: once a minute is enough and spares a write a request.
_USE_NOTED_EVERY: Final = timedelta(minutes=1)

_FOUND: Final = ("id", "owner_kind", "agency_id", "client_id", "scopes", "last_used_at")
_FIND: Final = f"SELECT {', '.join(_FOUND)} FROM credit_find_api_key(%s, %s)"  # noqa: S608


@dataclasses.dataclass(eq=False, kw_only=True)
class NotAuthenticatedError(ServiceError):
    """No key, or one that is unknown, revoked or expired; which of them is not said."""

    code: ClassVar = ErrorCode.NOT_AUTHENTICATED


@dataclasses.dataclass(eq=False, kw_only=True)
class ScopeMissingError(ServiceError):
    """The key is good, but not for this."""

    code: ClassVar = ErrorCode.NOT_PERMITTED

    scope: str


@transaction_required
def create_api_key(
    *, name: str, owner: Agency | Client | None, scopes: Sequence[str], now: datetime
) -> tuple[ApiKey, str]:
    """Make a key of a client, an agency or (``None``) the platform; return it and its secret.

    The secret is not kept: it is shown now or never.

    :raises ValidationFailedError: a scope is unknown.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise ValidationFailedError(errors={"scopes": [f"Unknown: {', '.join(unknown)}."]})
    secret = _PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        name=name,
        owner_kind=(
            ApiKey.Owner.CLIENT
            if isinstance(owner, Client)
            else ApiKey.Owner.AGENCY
            if isinstance(owner, Agency)
            else ApiKey.Owner.PLATFORM
        ),
        agency=owner if isinstance(owner, Agency) else None,
        client=owner if isinstance(owner, Client) else None,
        prefix=secret[:12],
        digest=_digest(secret),
        scopes=list(scopes),
        created_at=now,
    )
    return key, secret


def find_api_key(secret: str, *, now: datetime) -> ApiKey:
    """Return the key with this secret, and note that it was used.

    :raises NotAuthenticatedError: GC-109.
    """
    # Not by the ORM: it is asked on every call, and building the query takes seven times as long
    # as this (700 µs).
    row = call_function(_FIND, [_digest(secret), now])
    if row[0] is None:
        raise NotAuthenticatedError
    key = ApiKey.from_db(connection.alias, _FOUND, row)
    if key.last_used_at is None or key.last_used_at < now - _USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
