"""Which addresses a client or an agency has told what happens, what they were sent, and again."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from alerts.models import WebhookDelivery, WebhookEndpoint
from alerts.selectors.webhooks import DeliveryRate, delivery_rates
from alerts.services.webhook_deliveries import WebhookNotReadyError
from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.dashboard.client import client_context, open_client
from redemption.dashboard.frame import AGENCY_ROLES, CLIENT_ROLES, say
from redemption.dashboard.places import agency_context, open_agency
from redemption.selectors.webhook_endpoints import visible_endpoints
from redemption.services.webhook_endpoints import replay_webhook

_LATEST: Final = 10
_DELIVERIES: Final = {
    WebhookDelivery.State.PENDING: ("warn", gettext_lazy("On its way")),
    WebhookDelivery.State.DELIVERED: ("good", gettext_lazy("Delivered")),
    WebhookDelivery.State.FAILED: ("bad", gettext_lazy("Given up")),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One event: what it is, how it stands and what the receiver said last.

    :param said: in the words of the log, which are English.
    """

    delivery_id: UUID
    event: str
    at: datetime
    tone: str
    state: str
    tries: int
    said: str
    may_replay: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPanel:
    """An endpoint with the newest of what it was sent."""

    endpoint: WebhookEndpoint
    tone: str
    state: str
    arrived: str
    deliveries: tuple[DeliveryRow, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    """Whose page is open: its endpoints alone, and whether who looks may change anything."""

    name: str
    endpoints: QuerySet[WebhookEndpoint]
    may_change: bool
    context: dict[str, Any]


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(*CLIENT_ROLES)
def client_webhooks(request: HttpRequest, viewer: Viewer, client_id: UUID) -> HttpResponse:
    """Show a client's endpoints with their latest events; on POST, send one of them once more."""
    client = open_client(viewer, client_id)
    owner = _Owner(
        name=client.facts.name,
        endpoints=visible_endpoints(viewer).filter(client_id=client.client_id),
        may_change=client.may_change,
        context=client_context(client, current="client-webhooks"),
    )
    return _answer(request, viewer, owner)


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(*AGENCY_ROLES)
def agency_webhooks(request: HttpRequest, viewer: Viewer, agency_id: UUID) -> HttpResponse:
    """Do the same for an agency's own endpoints, which hear of all its clients."""
    agency = open_agency(viewer, agency_id)
    owner = _Owner(
        name=agency.name,
        endpoints=visible_endpoints(viewer).filter(agency_id=agency.agency_id),
        may_change=agency.may_change,
        context=agency_context(viewer, agency, current="agency-webhooks"),
    )
    return _answer(request, viewer, owner)


def _answer(request: HttpRequest, viewer: Viewer, owner: _Owner) -> HttpResponse:
    if request.method == "POST":
        _replay(request, viewer, owner)
        return redirect(request.path)
    panels = _panels(owner, timezone.now())
    return render(
        request, "webhooks.html", {**owner.context, "owner_name": owner.name, "panels": panels}
    )


def _replay(request: HttpRequest, viewer: Viewer, owner: _Owner) -> None:
    try:
        delivery_id = UUID(request.POST.get("delivery", ""))
        delivery = WebhookDelivery.objects.get(pk=delivery_id, endpoint__in=owner.endpoints)
    except (ValueError, WebhookDelivery.DoesNotExist) as missing:
        raise Http404 from missing
    try:
        replay_webhook(
            viewer=viewer,
            endpoint_id=delivery.endpoint_id,
            delivery_id=delivery.pk,
            now=timezone.now(),
        )
    except WebhookNotReadyError:
        messages.info(request, _("It is on its way already, or its address is switched off."))
    else:
        say(request, _("“%(event)s” is on its way once more.") % {"event": delivery.event_type})


def _panels(owner: _Owner, now: datetime) -> list[EndpointPanel]:
    endpoints = list(owner.endpoints.defer("secret_encrypted", "previous_secret_encrypted"))
    rates = delivery_rates(endpoint_ids=[one.pk for one in endpoints], now=now)
    return [_panel(one, owner, rates.get(one.pk, DeliveryRate())) for one in endpoints]


def _panel(endpoint: WebhookEndpoint, owner: _Owner, rate: DeliveryRate) -> EndpointPanel:
    # One by one, each by the index of an endpoint's newest: there are twenty at most.
    newest = WebhookDelivery.objects.filter(endpoint=endpoint).order_by("-created_at", "-pk")
    may_replay = owner.may_change and endpoint.state != WebhookEndpoint.State.DISABLED
    tone, state = _standing(endpoint)
    return EndpointPanel(
        endpoint=endpoint,
        tone=tone,
        state=state,
        arrived="–" if rate.percent is None else f"{rate.percent} %",
        deliveries=tuple(_row(one, may_replay=may_replay) for one in newest[:_LATEST]),
    )


def _standing(endpoint: WebhookEndpoint) -> tuple[str, str]:
    if endpoint.state == WebhookEndpoint.State.DISABLED:
        return "bad", _("Switched off")
    if endpoint.state == WebhookEndpoint.State.PAUSED:
        return "warn", _("Paused")
    if endpoint.failing_since is not None:
        return "bad", _("Failing")
    return "good", _("Working")


def _row(delivery: WebhookDelivery, *, may_replay: bool) -> DeliveryRow:
    tone, state = _DELIVERIES[WebhookDelivery.State(delivery.state)]
    last = delivery.tries[-1] if delivery.tries else None
    said = "" if last is None else last["error"] or f"Answered {last['status']}."
    return DeliveryRow(
        delivery_id=delivery.pk,
        event=delivery.event_type,
        at=delivery.created_at,
        tone=tone,
        state=str(state),
        tries=len(delivery.tries),
        said=said,
        may_replay=may_replay and delivery.state != WebhookDelivery.State.PENDING,
    )
