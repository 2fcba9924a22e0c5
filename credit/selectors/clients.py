"""Clients with the account they pay from, for whoever may see them."""

from __future__ import annotations

import dataclasses
from uuid import UUID

from django.db.models import Q

from credit.models import Account, Client
from credit.selectors.balances import AccountFacts, account_facts
from credit.selectors.organisations import find_client
from credit.selectors.viewers import Viewer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """A client and whose it is; ``account`` is None until one was opened for it."""

    client_id: UUID
    name: str
    agency_id: UUID
    agency_name: str
    account: AccountFacts | None


def read_client(*, viewer: Viewer, client_id: UUID) -> ClientFacts:
    """Return a client that the viewer may see.

    :raises Client.DoesNotExist: there is none, or not for this viewer.
    """
    return _facts_of([find_client(viewer=viewer, client_id=client_id)])[0]


def list_visible_clients(*, viewer: Viewer, limit: int) -> list[ClientFacts]:
    """Return the first clients by name that the viewer may see."""
    visible = (
        Q()
        if viewer.sees_platform
        else Q(pk__in=viewer.client_ids) | Q(agency_id__in=viewer.agency_ids)
    )
    clients = Client.objects.filter(visible).select_related("agency").order_by("name", "pk")
    return _facts_of(list(clients[:limit]))


def _facts_of(clients: list[Client]) -> list[ClientFacts]:
    accounts = Account.objects.filter(level=Account.Level.CLIENT, client__in=clients)
    by_client = {account.client_id: account for account in account_facts(accounts)}
    return [
        ClientFacts(
            client_id=client.pk,
            name=client.name,
            agency_id=client.agency_id,
            agency_name=client.agency.name,
            account=by_client.get(client.pk),
        )
        for client in clients
    ]
