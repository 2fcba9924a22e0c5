"""Places that several pages share: an agency's frame, and the way to an account's owner."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from credit.models import Account, Agency
from credit.selectors.balances import AccountFacts, find_account
from credit.selectors.organisations import find_agency
from credit.selectors.viewers import MANAGERS, Viewer
from redemption.dashboard.frame import AGENCY_ROLES, CLIENT_ROLES, Link


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenAgency:
    """An agency whose pages are open, and whether who looks may change anything there."""

    agency_id: UUID
    name: str
    account_id: UUID | None
    may_change: bool


def open_agency(viewer: Viewer, agency_id: UUID) -> OpenAgency:
    """Return the agency, or answer 404 where there is none for the viewer."""
    try:
        agency = find_agency(viewer=viewer, agency_id=agency_id)
    except Agency.DoesNotExist as missing:
        raise Http404 from missing
    account = Account.objects.filter(level=Account.Level.AGENCY, agency=agency)
    managed = viewer.narrowed_to(MANAGERS)
    return OpenAgency(
        agency_id=agency.pk,
        name=agency.name,
        account_id=account.values_list("pk", flat=True).order_by("pk").first(),
        may_change=managed.sees_platform or agency.pk in managed.agency_ids,
    )


def agency_context(viewer: Viewer, agency: OpenAgency, *, current: str) -> dict[str, Any]:
    """Return what the frame draws around a page: ``current`` is the name of its address."""
    pages = [
        ("agency-page", _("Overview"), agency.agency_id),
        ("agency-brands", _("Brands and prices"), agency.agency_id),
        ("agency-warning", _("Low-credit warning"), agency.agency_id),
        ("agency-webhooks", _("Webhooks"), agency.agency_id),
    ]
    if agency.account_id is not None:
        pages.append(("statement", _("Statement"), agency.account_id))
    several = viewer.sees_platform or len(viewer.agency_ids) > 1
    return {
        "agency": agency,
        "may_change": agency.may_change,
        "crumbs": [Link(label=_("Agencies"), url=reverse("agency"))] if several else [],
        "tabs": [
            *(
                Link(label=label, url=reverse(name, args=[key]), is_current=name == current)
                for name, label, key in pages
            ),
            Link(label=_("Reports"), url=reverse("reports")),
        ],
    }


def open_account(viewer: Viewer, account_id: UUID) -> AccountFacts:
    """Return an account of an organisation, or answer 404 where there is none for the viewer."""
    try:
        account = find_account(viewer=viewer, account_id=account_id)
    except Account.DoesNotExist as missing:
        raise Http404 from missing
    return account


def way_to(viewer: Viewer, account: AccountFacts) -> list[Link]:
    """Return the pages above an account's own, from the top down, that the viewer may open."""
    way = []
    agency = viewer.narrowed_to(AGENCY_ROLES)
    if account.agency_id and (agency.sees_platform or account.agency_id in agency.agency_ids):
        name = Agency.objects.values_list("name", flat=True).get(pk=account.agency_id)
        way.append(Link(label=name, url=reverse("agency-page", args=[account.agency_id])))
    if account.client_id and viewer.narrowed_to(CLIENT_ROLES).grants:
        client_account = Account.objects.filter(
            level=Account.Level.CLIENT, client_id=account.client_id
        )
        names = client_account.values_list("client__name", flat=True).order_by("pk")
        way.append(
            Link(
                label=names.first() or "", url=reverse("client-overview", args=[account.client_id])
            )
        )
    return way
