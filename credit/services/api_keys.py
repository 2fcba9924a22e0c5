"""Partners' API keys: made, shown once, found again by their digest."""

import dataclasses
import hashlib
import ipaddress
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

import structlog
from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Agency, ApiKey, Client
from credit.services.audit import record_event

log = structlog.get_logger()

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

# A refusal is noted as seldom, or whoever holds a stolen key could have us write without end.
_MOST_NETWORKS: Final = 50

_FOUND: Final = (
    "id", "owner_kind", "agency_id", "client_id", "scopes", "last_used_at", "refused_at",
)  # fmt: skip
_FIND: Final = f"SELECT {', '.join(_FOUND)}, is_outside FROM credit_find_api_key(%s, %s, %s)"  # noqa: S608


@dataclasses.dataclass(eq=False, kw_only=True)
class NotAuthenticatedError(ServiceError):
    """No key, or one that is unknown, revoked, expired or not good from there.

    Which of them is not said: whoever tries a stolen key learns nothing about it.
    """

    code: ClassVar = ErrorCode.NOT_AUTHENTICATED


@dataclasses.dataclass(eq=False, kw_only=True)
class ScopeMissingError(ServiceError):
    """The key is good, but not for this.

    :param scope: what it lacks; where any of several would do, all of them by comma.
    """

    code: ClassVar = ErrorCode.NOT_PERMITTED
    answer_fields: ClassVar = ("scope",)

    scope: str


@dataclasses.dataclass(eq=False, kw_only=True)
class ApiKeyOverError(ServiceError):
    """The key is revoked, expired or has a successor."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


@transaction_required
def create_api_key(
    *,
    name: str,
    owner: Agency | Client | None,
    scopes: Sequence[str],
    now: datetime,
    actor: str = "system",
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
) -> tuple[ApiKey, str]:
    """Make a key of a client, an agency or (``None``) the platform; return it and its secret.

    The secret is not kept: it is shown now or never.

    :param networks: addresses and networks (CIDR) from which alone it is good; none: from anywhere.
    :raises ValidationFailedError: a scope is unknown, the expiry is past, or a network is none.
    """
    errors: dict[str, list[str]] = {}
    allowed: list[str] = []
    try:
        allowed = read_networks(networks)
    except ValidationFailedError as error:
        errors.update(error.errors)
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        errors["scopes"] = [f"Unknown: {', '.join(unknown)}."]
    if expires_at is not None and expires_at <= now:
        errors["expires_at"] = ["Choose a time to come."]
    if errors:
        raise ValidationFailedError(errors=errors)
    key, secret = _make(
        name=name, owner=owner, scopes=scopes, now=now, expires_at=expires_at, networks=allowed
    )
    record_event(
        actor=actor,
        action="api_key.created",
        object_kind="api_key",
        object_id=key.pk,
        after={
            "name": name,
            "prefix": key.prefix,
            "scopes": list(key.scopes),
            "networks": allowed,
        },
        owner=owner,
        now=now,
    )
    return key, secret


@durable
def rotate_api_key(
    *, key_id: UUID, overlap: timedelta, actor: str, now: datetime
) -> tuple[ApiKey, str]:
    """Make a successor with the same owner, scopes and networks; the old key goes on meanwhile.

    It ends after the overlap, or when it would have ended before.

    What was done under the old key's Idempotency-Keys stays known: they are the owner's. A
    second rotation of the same key is refused, or its overlap would grow with each.

    :raises ApiKey.DoesNotExist: there is no such key.
    :raises ApiKeyOverError: the key is revoked or about to expire already (GC-115).
    """
    with seeing(EVERYTHING), transaction():
        old = _lock(key_id)
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
            raise ApiKeyOverError
        if old.replaced_by_id is not None:
            raise ApiKeyOverError
        owner = old.client or old.agency
        key, secret = _make(
            name=old.name,
            owner=owner,
            scopes=old.scopes,
            now=now,
            expires_at=None,
            networks=old.allowed_networks,
        )
        until = now + overlap
        old.expires_at = until if old.expires_at is None else min(old.expires_at, until)
        old.replaced_by = key
        old.save(update_fields=["expires_at", "replaced_by"])
        record_event(
            actor=actor,
            action="api_key.rotated",
            object_kind="api_key",
            object_id=old.pk,
            after={"successor": str(key.pk), "good_until": old.expires_at.isoformat()},
            owner=owner,
            now=now,
        )
    return key, secret


@durable
def change_networks(*, key_id: UUID, networks: Sequence[str], actor: str, now: datetime) -> None:
    """Say from where a key is good from now on; with no networks, from anywhere.

    :raises ApiKey.DoesNotExist: there is no such key.
    :raises ValidationFailedError: one of them is no network.
    """
    allowed = read_networks(networks)
    with seeing(EVERYTHING), transaction():
        key = _lock(key_id)
        before = key.allowed_networks
        if before == allowed:
            return
        key.allowed_networks = allowed
        key.save(update_fields=["allowed_networks"])
        record_event(
            actor=actor,
            action="api_key.networks_changed",
            object_kind="api_key",
            object_id=key.pk,
            before={"networks": before},
            after={"networks": allowed},
            owner=key.client or key.agency,
            now=now,
        )


def read_networks(texts: Sequence[str]) -> list[str]:
    """Return networks as they are compared: CIDR, each once; an address is a network of one.

    :raises ValidationFailedError: one is malformed, or there are too many.
    """
    networks: dict[str, None] = {}
    wrong: list[str] = []
    for text in filter(None, (text.strip() for text in texts)):
        try:
            # Without the zone of a link-local address, which the database does not know.
            network = ipaddress.ip_network(text.partition("%")[0])
        except ValueError:
            wrong.append(text[:60])
        else:
            networks[str(network)] = None
    if wrong:
        words = (
            f"{text} is no address or network; write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48."
            for text in wrong[:5]
        )
        raise ValidationFailedError(errors={"networks": list(words)})
    if len(networks) > _MOST_NETWORKS:
        raise ValidationFailedError(errors={"networks": [f"At most {_MOST_NETWORKS} networks."]})
    return list(networks)


@durable
def revoke_api_key(*, key_id: UUID, actor: str, now: datetime) -> bool:
    """End a key at once; return whether it was still good.

    :raises ApiKey.DoesNotExist: there is no such key.
    """
    with seeing(EVERYTHING), transaction():
        key = _lock(key_id)
        if key.revoked_at is not None:
            return False
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        record_event(
            actor=actor,
            action="api_key.revoked",
            object_kind="api_key",
            object_id=key.pk,
            owner=key.client or key.agency,
            now=now,
        )
    return True


def _lock(key_id: UUID) -> ApiKey:
    return (
        ApiKey.objects.select_for_update(of=("self",))
        .select_related("client", "agency")
        .get(pk=key_id)
    )


def _make(
    *,
    name: str,
    owner: Agency | Client | None,
    scopes: Sequence[str],
    now: datetime,
    expires_at: datetime | None,
    networks: Sequence[str],
) -> tuple[ApiKey, str]:
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
        scopes=[scope for scope in SCOPES if scope in scopes],
        created_at=now,
        expires_at=expires_at,
        allowed_networks=list(networks),
    )
    return key, secret


def find_api_key(secret: str, *, now: datetime, address: str | None = None) -> ApiKey:
    """Return the key with this secret, and note that it was used, or was refused.

    :param address: where the caller is; unknown is outside of every network.
    :raises NotAuthenticatedError: GC-109.
    """
    # Not by the ORM: it is asked on every call, and building the query takes seven times as long
    # as this (700 µs).
    *row, is_outside = call_function(_FIND, [_digest(secret), now, address])
    if row[0] is None:
        raise NotAuthenticatedError
    key = ApiKey.from_db(connection.alias, _FOUND, row)
    if is_outside:
        if key.refused_at is None or key.refused_at < now - _USE_NOTED_EVERY:
            log.warning("api key from outside its networks", key_id=str(key.pk), address=address)
            ApiKey.objects.filter(pk=key.pk).update(refused_at=now, refused_address=address)
        raise NotAuthenticatedError
    if key.last_used_at is None or key.last_used_at < now - _USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
