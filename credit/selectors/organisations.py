"""One agency or client, as far as somebody may see it."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from credit.models import Agency, Client
from credit.selectors.viewers import SYSTEM, Viewer


def find_agency(*, viewer: Viewer, agency_id: UUID) -> Agency:
    """Return an agency that the viewer acts for; a client's people do not see their agency.

    :raises Agency.DoesNotExist: there is none, or not for this viewer.
    """
    narrowed = Q() if viewer.sees_platform else Q(pk__in=viewer.agency_ids)
    return Agency.objects.filter(narrowed).get(pk=agency_id)


def find_client(*, viewer: Viewer, client_id: UUID) -> Client:
    """Return a client that the viewer may see.

    :raises Client.DoesNotExist: there is none, or not for this viewer.
    """
    return Client.objects.filter(_own_clients(viewer)).get(pk=client_id)


def list_client_names(*, viewer: Viewer) -> list[tuple[UUID, str]]:
    """Return all clients that the viewer may see, by name."""
    clients = Client.objects.filter(_own_clients(viewer)).order_by("name", "pk")
    return list(clients.values_list("pk", "name"))


def list_all_client_names() -> list[tuple[UUID, str]]:
    """Return all clients by name, for a page of the platform (``settings.CLIENT_NAMES``)."""
    return list_client_names(viewer=SYSTEM)


def _own_clients(viewer: Viewer) -> Q:
    if viewer.sees_platform:
        return Q()
    return Q(pk__in=viewer.client_ids) | Q(agency_id__in=viewer.agency_ids)
