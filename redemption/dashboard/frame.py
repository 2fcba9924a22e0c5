"""The frame around every signed-in page: where one can go, where one is, what just happened.

``templates/base_app.html`` draws it from the context's ``frame`` (config/context.py), which is
made only when a page asks for it. A view adds ``crumbs`` and ``tabs`` for its own place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from credit.models import User
from credit.selectors.viewers import MANAGERS, MONEY_READERS, Role, Viewer, viewer_of_user

AGENCY_ROLES = (Role.AGENCY_MANAGER, Role.AUDITOR, Role.PLATFORM_ADMIN)
CLIENT_ROLES = (Role.CLIENT_MANAGER, Role.AGENCY_MANAGER, Role.AUDITOR, Role.PLATFORM_ADMIN)
MONEY_ROLES = tuple(sorted(MONEY_READERS))
# Whose work is elsewhere, and who may sit down at the desk for a call.
_SUPERVISORS = tuple(sorted(MANAGERS))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way to go: in the navigation, in breadcrumbs, in tabs, on a tile."""

    label: str
    url: str
    text: str = ""
    is_current: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Who is signed in, and the ways that are open to them."""

    person_name: str
    organisation: str
    roles: str
    links: tuple[Link, ...]
    account_url: str


def build_frame(request: HttpRequest) -> Frame | None:
    """Return the frame for who is signed in; None when nobody is."""
    if not request.user.is_authenticated:
        return None
    user = request.user
    viewer = viewer_of_user(user.pk)
    links = [
        Link(label=_("Home"), url=reverse("welcome")),
        *homes_of(viewer, user),
        *desk_links(viewer),
        *report_links(viewer),
    ]
    return Frame(
        person_name=user.get_short_name() or user.get_username(),
        organisation=", ".join(viewer.organisation_names),
        roles=", ".join(_(name) for name in viewer.role_names),
        links=tuple(
            dataclasses.replace(link, is_current=request.path.startswith(link.url))
            for link in links
        ),
        account_url=reverse("your-account"),
    )


def homes_of(viewer: Viewer, user: User) -> list[Link]:
    """Return where the person's work is: one address for each kind of role that they hold."""
    homes = []
    if viewer.sees_platform and user.is_staff:
        homes.append(
            Link(
                label=_("Administration"),
                text=_("Campaigns, pools, accounts, messages"),
                url=reverse("admin:index"),
            )
        )
    agency = viewer.narrowed_to(AGENCY_ROLES)
    if agency.sees_platform or agency.agency_ids:
        homes.append(
            Link(
                label=_("Agencies") if _are_many(agency, agency.agency_ids) else _("Agency"),
                text=_("Credit, clients, brands and prices"),
                url=reverse("agency"),
            )
        )
    client = viewer.narrowed_to((Role.CLIENT_MANAGER, Role.AUDITOR))
    if client.sees_platform or client.client_ids:
        homes.append(
            Link(
                label=_("Clients") if _are_many(client, client.client_ids) else _("Client"),
                text=_("Budgets, campaigns and brands"),
                url=reverse("client"),
            )
        )
    if viewer.narrowed_to((Role.AGENT,)).grants:
        homes.append(_desk())
    return homes


def desk_links(viewer: Viewer) -> list[Link]:
    """Return the way to the desk, for whom it is and is no home."""
    is_home = bool(viewer.narrowed_to((Role.AGENT,)).grants)
    return [] if is_home or not viewer.narrowed_to(_SUPERVISORS).grants else [_desk()]


def _desk() -> Link:
    return Link(
        label=_("Desk"), text=_("Take calls: find, check, give, send again"), url=reverse("desk")
    )


def report_links(viewer: Viewer) -> list[Link]:
    """Return the way to the reports, for whom they are; it is nobody's home."""
    if not viewer.narrowed_to(MONEY_ROLES).grants:
        return []
    return [
        Link(
            label=_("Reports"),
            text=_("What was used, what is in stock, what expires"),
            url=reverse("reports"),
        )
    ]


def say(
    request: HttpRequest,
    words: str,
    *,
    link: Link | None = None,
    undo_url: str = "",
    undo_fields: dict[str, str] | None = None,
) -> None:
    """Tell on the next page what was done; ``undo_fields`` posted to ``undo_url`` take it back."""
    messages.success(
        request,
        render_to_string(
            "parts/done.html",
            {"words": words, "link": link, "undo_url": undo_url, "undo_fields": undo_fields},
            request,
        ),
    )


def with_query(url: str, **fields: str | UUID | None) -> str:
    """Return the address with those fields that say something."""
    query = urlencode({name: str(value) for name, value in fields.items() if value})
    return f"{url}?{query}" if query else url


def _are_many(viewer: Viewer, ids: Collection[UUID]) -> bool:
    return viewer.sees_platform or len(ids) > 1
