"""Which webhook endpoints somebody may see."""

from __future__ import annotations

import dataclasses
from typing import ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import WebhookEndpoint
from credit.models import Client
from credit.selectors.viewers import Viewer


@dataclasses.dataclass(eq=False, kw_only=True)
class EndpointNotFoundError(ServiceError):
    """There is no such endpoint or delivery, or not within what the viewer may see."""

    code: ClassVar = ErrorCode.NOT_FOUND


def visible_endpoints(viewer: Viewer) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints of the viewer's organisations, an agency's clients' too."""
    if viewer.sees_platform:
        return WebhookEndpoint.objects.all()
    clients = visible_clients(viewer)
    return WebhookEndpoint.objects.filter(
        Q(client_id__in=clients.values("pk")) | Q(agency_id__in=viewer.agency_ids)
    )


def find_endpoint(*, viewer: Viewer, endpoint_id: UUID) -> WebhookEndpoint:
    """Return one endpoint.

    :raises EndpointNotFoundError: GC-111, out of the viewer's sight.
    """
    return pick_endpoint(visible_endpoints(viewer), endpoint_id)


def pick_endpoint(endpoints: QuerySet[WebhookEndpoint], endpoint_id: UUID) -> WebhookEndpoint:
    """Return one of some endpoints.

    :raises EndpointNotFoundError: GC-111, it is none of them.
    """
    endpoint = endpoints.filter(pk=endpoint_id).order_by("pk").first()
    if endpoint is None:
        raise EndpointNotFoundError
    return endpoint


def visible_clients(viewer: Viewer) -> QuerySet[Client]:
    """Return the clients in the viewer's scope."""
    if viewer.sees_platform:
        return Client.objects.all()
    return Client.objects.filter(Q(pk__in=viewer.client_ids) | Q(agency_id__in=viewer.agency_ids))
