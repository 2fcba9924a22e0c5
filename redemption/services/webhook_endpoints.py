"""Webhook endpoints: made with a secret that is shown once, changed, rotated, paused, removed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import IntegrityError

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.keyring import DecryptionError, decrypt, encrypt
from alerts.models import WebhookDelivery, WebhookEndpoint
from alerts.providers.outgoing_addresses import Door
from alerts.queue import ring_bell
from alerts.services.webhook_deliveries import SEND_TASK, promise_test_event, replay_delivery
from alerts.services.webhook_records import settle_endpoint
from alerts.services.webhook_sending import PREVIOUS_CONTEXT, SECRET_CONTEXT
from alerts.signatures import make_secret
from alerts.transactions import durable, transaction
from credit.models import Agency, Client
from credit.selectors.viewers import Viewer, viewing
from credit.services.audit import record_event
from credit.services.idempotency import KeyClaim, hold_key, keep_answer
from credit.services.transfers import is_violation_of
from redemption.selectors.webhook_endpoints import (
    EndpointNotFoundError,
    find_endpoint,
    pick_endpoint,
    visible_clients,
    visible_endpoints,
)
from redemption.services.webhook_checks import check_address, check_events

# Of one organisation, as its guard in the database has it (alerts/sql/webhook_guards.sql).
MOST_ENDPOINTS: Final = 20
DEFAULT_OVERLAP_HOURS: Final = 24
LONGEST_OVERLAP: Final = timedelta(days=30)

State = WebhookEndpoint.State


@dataclasses.dataclass(eq=False, kw_only=True)
class SecretRotatingError(ServiceError):
    """The secret before is still good: a third one would cut off who checks with it."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    until: datetime


@dataclasses.dataclass(eq=False, kw_only=True)
class SecretUnreadableError(ServiceError):
    """The secret in use can't be decrypted: it can't go on beside a new one."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    endpoint_id: UUID


@durable
def create_endpoint(
    *,
    viewer: Viewer,
    client_id: UUID | None,
    url: str,
    events: Iterable[str],
    description: str,
    now: datetime,
    agency_id: UUID | None = None,
    claim: KeyClaim | None = None,
    door: Door | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; return it and its secret, which nobody is shown again.

    :param client_id: whose it is; None for the viewer's own organisation.
    :param agency_id: for who sees the platform: an agency, instead of a client.
    :raises ValidationFailedError: the address may not be called, an event is unknown, or there
        are twenty already (GC-012).
    :raises EndpointNotFoundError: GC-111, the client is out of the viewer's sight.
    """
    with viewing(viewer):
        owner = _owner(viewer, client_id, agency_id)
    # Its name is looked up, which may take seconds: not within the transaction.
    check_address(url, door=door)
    secret = make_secret()
    with viewing(viewer), transaction():
        if claim is not None:
            hold_key(claim=claim)
        endpoint = WebhookEndpoint(
            client_id=owner.pk if isinstance(owner, Client) else None,
            agency_id=owner.pk if isinstance(owner, Agency) else None,
            url=url,
            description=description,
            events=check_events(events),
            secret_encrypted=encrypt(secret, context=SECRET_CONTEXT),
            secret_number=1,
            previous_secret_encrypted="",
            created_at=now,
        )
        _insert(endpoint)
        _record(endpoint, "created", viewer, now, after=_facts(endpoint))
        if claim is not None:
            keep_answer(
                claim=claim, object_id=endpoint.pk, status=201, now=now, details={"number": 1}
            )
    return endpoint, secret


@durable
def change_endpoint(
    *,
    viewer: Viewer,
    endpoint_id: UUID,
    now: datetime,
    url: str | None = None,
    events: Iterable[str] | None = None,
    description: str | None = None,
    door: Door | None = None,
) -> WebhookEndpoint:
    """Change where it is, what it hears of or what it is called; None leaves it as it is.

    What is on its way goes to the new address.

    :raises EndpointNotFoundError: GC-111, out of the viewer's sight.
    :raises ValidationFailedError: as for :func:`create_endpoint`.
    """
    with viewing(viewer):
        find_endpoint(viewer=viewer, endpoint_id=endpoint_id)
    if url is not None:
        check_address(url, door=door)
    with viewing(viewer), transaction():
        endpoint = _lock(viewer, endpoint_id)
        before = _facts(endpoint)
        endpoint.url = endpoint.url if url is None else url
        endpoint.events = endpoint.events if events is None else check_events(events)
        endpoint.description = endpoint.description if description is None else description
        endpoint.save(update_fields=["url", "events", "description"])
        after = _facts(endpoint)
        if after != before:
            _record(endpoint, "changed", viewer, now, before=before, after=after)
    return endpoint


@durable
def switch_endpoint(
    *, viewer: Viewer, endpoint_id: UUID, is_active: bool, now: datetime, reason: str = ""
) -> WebhookEndpoint:
    """Pause an endpoint, or go on with it; a repeat changes nothing.

    While it is paused its events are kept, and they are sent when it goes on. One that was
    disabled goes on too, and hears of what happens from then on.

    :raises EndpointNotFoundError: GC-111, out of the viewer's sight.
    """
    with viewing(viewer), transaction():
        endpoint = _lock(viewer, endpoint_id)
        state = State.ACTIVE if is_active else State.PAUSED
        if endpoint.state == state or (endpoint.state == State.DISABLED and not is_active):
            return endpoint
        before, endpoint.state = endpoint.state, state
        endpoint.reason = "" if is_active else reason[:200]
        endpoint.save(update_fields=["state", "reason"])
        if is_active:
            settle_endpoint(endpoint=endpoint, now=now)
        what = "resumed" if is_active else "paused"
        _record(
            endpoint, what, viewer, now,
            before={"state": str(before)}, after={"state": str(state)},
        )  # fmt: skip
    if is_active:
        ring_bell(SEND_TASK)
    return endpoint


@durable
def rotate_endpoint_secret(
    *,
    viewer: Viewer,
    endpoint_id: UUID,
    overlap: timedelta,
    now: datetime,
    claim: KeyClaim | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret and return it; the old one signs too for the overlap.

    :param overlap: at most 30 days; none ends the old one at once, also while another rotation
        is under way.
    :raises EndpointNotFoundError: GC-111, out of the viewer's sight.
    :raises SecretRotatingError: GC-115, the one before is still good.
    :raises SecretUnreadableError: GC-115, the one in use can't be read, and so can't overlap.
    """
    secret = make_secret()
    with viewing(viewer), transaction():
        if claim is not None:
            hold_key(claim=claim)
        endpoint = _lock(viewer, endpoint_id)
        until = endpoint.previous_secret_until
        if overlap and until is not None and now < until:
            raise SecretRotatingError(until=until)
        # Without an overlap the old one isn't read: who has lost its key can still rotate.
        endpoint.previous_secret_encrypted = _seal_as_previous(endpoint) if overlap else ""
        endpoint.previous_secret_until = now + min(overlap, LONGEST_OVERLAP) if overlap else None
        endpoint.secret_encrypted = encrypt(secret, context=SECRET_CONTEXT)
        endpoint.secret_number += 1
        endpoint.save(
            update_fields=["secret_encrypted", "secret_number", "previous_secret_encrypted",
                           "previous_secret_until"]
        )  # fmt: skip
        if endpoint.resting_until is not None:
            settle_endpoint(endpoint=endpoint, now=now)
        ends = endpoint.previous_secret_until
        after = {"old_good_until": ends.isoformat() if ends else None}
        _record(endpoint, "rotated", viewer, now, after=after)
        if claim is not None:
            keep_answer(
                claim=claim,
                object_id=endpoint.pk,
                status=200,
                now=now,
                details={"number": endpoint.secret_number},
            )
    return endpoint, secret


def secret_shown_before(*, endpoint: WebhookEndpoint, number: int) -> str | None:
    """Return the secret for whoever repeats the request that made it; None once it is another."""
    if endpoint.secret_number != number:
        return None
    return decrypt(endpoint.secret_encrypted, context=SECRET_CONTEXT)


@durable
def delete_endpoint(*, viewer: Viewer, endpoint_id: UUID, now: datetime) -> None:
    """Remove an endpoint with all that is kept of its deliveries.

    :raises EndpointNotFoundError: GC-111, out of the viewer's sight.
    """
    with viewing(viewer), transaction():
        endpoint = _lock(viewer, endpoint_id)
        _record(endpoint, "deleted", viewer, now, before=_facts(endpoint))
        # No alert is left of what is no more.
        settle_endpoint(endpoint=endpoint, now=now)
        endpoint.delete()


@durable
def replay_webhook(
    *,
    viewer: Viewer,
    endpoint_id: UUID,
    delivery_id: UUID,
    now: datetime,
    claim: KeyClaim | None = None,
) -> WebhookDelivery:
    """Have an event sent once more, under its own ``webhook-id``.

    :raises EndpointNotFoundError: GC-111, out of the viewer's sight.
    :raises WebhookNotReadyError: GC-115, it is on its way, or the endpoint is disabled.
    """
    with viewing(viewer), transaction():
        if claim is not None:
            hold_key(claim=claim)
        endpoint = find_endpoint(viewer=viewer, endpoint_id=endpoint_id)
        if not endpoint.deliveries.filter(pk=delivery_id).exists():
            raise EndpointNotFoundError
        delivery = replay_delivery(delivery_id=delivery_id, now=now)
        _keep(claim, delivery, now)
    ring_bell(SEND_TASK)
    return delivery


@durable
def send_test_event(
    *, viewer: Viewer, endpoint_id: UUID, now: datetime, claim: KeyClaim | None = None
) -> WebhookDelivery:
    """Send an endpoint an event that tells of nothing.

    :raises EndpointNotFoundError: GC-111, out of the viewer's sight.
    :raises WebhookNotReadyError: GC-115, the endpoint is not active.
    """
    with viewing(viewer), transaction():
        if claim is not None:
            hold_key(claim=claim)
        endpoint = find_endpoint(viewer=viewer, endpoint_id=endpoint_id)
        delivery = promise_test_event(endpoint=endpoint, now=now)
        _keep(claim, delivery, now)
    ring_bell(SEND_TASK)
    return delivery


def _owner(
    viewer: Viewer, client_id: UUID | None, agency_id: UUID | None
) -> Client | Agency | None:
    clients = visible_clients(viewer)
    if client_id is not None:
        owner = clients.filter(pk=client_id).order_by("pk").first()
        if owner is None:
            raise ValidationFailedError(errors={"client_id": ["There is no such client."]})
        return owner
    if viewer.sees_platform:
        return None if agency_id is None else Agency.objects.get(pk=agency_id)
    if viewer.agency_ids:
        return Agency.objects.get(pk=next(iter(sorted(viewer.agency_ids))))
    return clients.get(pk=next(iter(sorted(viewer.client_ids))))


def _insert(endpoint: WebhookEndpoint) -> None:
    try:
        endpoint.save(force_insert=True)
    except IntegrityError as error:
        if not is_violation_of("alerts_webhook_owner_has_room", error):
            raise
        raise ValidationFailedError(
            errors={"url": [f"There are {MOST_ENDPOINTS} endpoints already."]}
        ) from None


def _seal_as_previous(endpoint: WebhookEndpoint) -> str:
    try:
        secret = decrypt(endpoint.secret_encrypted, context=SECRET_CONTEXT)
    except DecryptionError:
        raise SecretUnreadableError(endpoint_id=endpoint.pk) from None
    return encrypt(secret, context=PREVIOUS_CONTEXT)


def _lock(viewer: Viewer, endpoint_id: UUID) -> WebhookEndpoint:
    return pick_endpoint(visible_endpoints(viewer).select_for_update(no_key=True), endpoint_id)


def _keep(claim: KeyClaim | None, delivery: WebhookDelivery, now: datetime) -> None:
    if claim is not None:
        # As it is promised, for a repeat that comes when it has been sent.
        details = {"tries": len(delivery.tries), "due": now.isoformat()}
        keep_answer(claim=claim, object_id=delivery.pk, status=202, now=now, details=details)


def _facts(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
    }


def _record(
    endpoint: WebhookEndpoint, what: str, viewer: Viewer, now: datetime, **sides: Any
) -> None:
    owner: Client | Agency | None = None
    if endpoint.client_id is not None:
        owner = Client.objects.filter(pk=endpoint.client_id).order_by("pk").first()
    elif endpoint.agency_id is not None:
        owner = Agency.objects.filter(pk=endpoint.agency_id).order_by("pk").first()
    record_event(
        actor=viewer.actor,
        action=f"webhook_endpoint.{what}",
        object_kind="webhook_endpoint",
        object_id=endpoint.pk,
        owner=owner,
        now=now,
        **sides,
    )
