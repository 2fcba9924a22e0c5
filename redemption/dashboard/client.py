"""What every page of a client shares: whose it is, the way back up, the pages beside it."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from credit.models import Client
from credit.selectors.clients import ClientFacts, read_client
from credit.selectors.viewers import MANAGERS, Viewer
from redemption.dashboard.frame import AGENCY_ROLES, Link, with_query


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenClient:
    """A client whose pages are open, and whether who looks may change anything there.

    :param crumbs: the pages above, from the top down, that who looks may open.
    """

    facts: ClientFacts
    may_change: bool
    crumbs: tuple[Link, ...]

    @property
    def client_id(self) -> UUID:
        return self.facts.client_id


def open_client(viewer: Viewer, client_id: UUID) -> OpenClient:
    """Return the client, or answer 404 where there is none for the viewer."""
    try:
        facts = read_client(viewer=viewer, client_id=client_id)
    except Client.DoesNotExist as missing:
        raise Http404 from missing
    managed = viewer.narrowed_to(MANAGERS)
    return OpenClient(
        crumbs=tuple(_way_to(viewer, facts)),
        facts=facts,
        may_change=managed.sees_platform
        or facts.client_id in managed.client_ids
        or facts.agency_id in managed.agency_ids,
    )


def client_context(client: OpenClient, *, current: str) -> dict[str, Any]:
    """Return what the frame draws around a page: ``current`` is the name of its address."""
    facts = client.facts
    pages = [
        ("client-overview", _("Overview")),
        ("client-brands", _("Brands and cards")),
        ("client-warning", _("Low-credit warning")),
        ("client-webhooks", _("Webhooks")),
    ]
    tabs = [
        Link(
            label=label,
            url=reverse(name, args=[facts.client_id]),
            is_current=name == current,
        )
        for name, label in pages
    ]
    if facts.account is not None:
        address = reverse("statement", args=[facts.account.account_id])
        tabs.append(Link(label=_("Statement"), url=address))
    report = with_query(reverse("report-cards"), client=facts.client_id)
    tabs.append(Link(label=_("Reports"), url=report))
    return {
        "client": facts,
        "may_change": client.may_change,
        "crumbs": client.crumbs,
        "tabs": tabs,
    }


def _way_to(viewer: Viewer, facts: ClientFacts) -> list[Link]:
    agency = viewer.narrowed_to(AGENCY_ROLES)
    if agency.sees_platform or facts.agency_id in agency.agency_ids:
        return [
            Link(label=facts.agency_name, url=reverse("agency-page", args=[facts.agency_id])),
        ]
    if len(viewer.client_ids) > 1:
        return [Link(label=_("Clients"), url=reverse("client"))]
    return []
