"""What a report's address asks for: the period, the brand, the client, and how to group."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from credit.models import Client, User
from credit.selectors.viewers import MANAGERS, MONEY_READERS, Role, Viewer
from giftcards.models import Brand
from redemption.dashboard.frame import Link, with_query
from redemption.dashboard.periods import Period, read_period
from redemption.selectors.card_report import ReportScope, choose_scope
from redemption.selectors.reward_days import Group

# An agent sees no money; an auditor reads everything of its scope.
REPORT_ROLES: Final = tuple(sorted(MONEY_READERS))
# What single people at the desk did is for those who lead them.
LEADERS: Final = tuple(sorted(MANAGERS))

_GROUPS: Final[tuple[Group, ...]] = ("pool", "brand", "client")
_DAYS_OF: Final = {"30d": 30, "90d": 90, "12m": 365}
_MOST_DAYS: Final = 3 * 366


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something to choose in a form's list."""

    value: str
    label: str
    is_chosen: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilters:
    """What was asked for, and what there is to choose from.

    :param kept: the address's fields that stay when something else is chosen.
    """

    scope: ReportScope
    brands: tuple[Choice, ...]
    clients: tuple[Choice, ...]
    kept: dict[str, str]

    @property
    def is_narrowed(self) -> bool:
        return self.scope.brand_id is not None or self.scope.client_id is not None


def read_filters(request: HttpRequest, viewer: Viewer) -> ReportFilters:
    """Return what the address narrows a report to; what is not there for the viewer is a 404."""
    client_id = read_id(request.GET, "client")
    brand_id = read_id(request.GET, "brand")
    try:
        scope = choose_scope(viewer=viewer, client_id=client_id, brand_id=brand_id)
    except (Client.DoesNotExist, Brand.DoesNotExist) as missing:
        raise Http404 from missing
    kept = {"brand": str(brand_id or ""), "client": str(client_id or "")}
    return ReportFilters(
        scope=scope,
        brands=tuple(choices_of(scope.brand_names.items(), brand_id)),
        # Who has one client has nothing to choose.
        clients=tuple(choices_of(scope.client_names.items(), client_id))
        if len(scope.client_names) > 1
        else (),
        kept={name: value for name, value in kept.items() if value},
    )


def read_group(fields: QueryDict) -> Group:
    """Return by what the report is grouped: by pool where the address says nothing."""
    asked = fields.get("by", "pool")
    for group in _GROUPS:
        if group == asked:
            return group
    raise Http404


def read_report_period(fields: QueryDict, *, now: datetime) -> Period:
    """Return the days that a report is about: the last thirty where the address says nothing."""
    name = fields.get("period") or "30d"
    if not (fields.get("from") or fields.get("to")) and name in _DAYS_OF:
        today = now.astimezone(UTC).date()
        return _named(name, today - timedelta(days=_DAYS_OF[name] - 1), today)
    period = read_period(fields, now=now)
    if (period.end - period.start).days > _MOST_DAYS:
        return dataclasses.replace(
            read_report_period(QueryDict(), now=now),
            name="custom",
            typed_from=fields.get("from", "")[:32],
            typed_to=fields.get("to", "")[:32],
            errors={"from": [_("Choose at most three years.")]},
        )
    return period


def period_links(address: str, period: Period, kept: dict[str, str]) -> list[Link]:
    """Return the ways to the usual periods."""
    labels = {
        "30d": _("30 days"),
        "90d": _("90 days"),
        "12m": _("12 months"),
        "this": _("This month"),
        "last": _("Last month"),
    }
    return [
        Link(
            label=label,
            url=with_query(address, **kept, period=name),
            is_current=period.name == name,
        )
        for name, label in labels.items()
    ]


def report_context(request: HttpRequest, viewer: Viewer, *, current: str) -> dict[str, Any]:
    """Return what the frame draws around a report: ``current`` is the name of its address."""
    pages = [
        ("report-live", _("Live")),
        ("report-daily", _("Daily")),
        ("report-cards", _("Cards")),
        ("report-brands", _("Brands")),
        ("report-inventory", _("Inventory")),
        ("report-pools", _("Pools")),
        ("report-expiring", _("Expiring cards")),
        ("report-campaigns", _("Campaigns")),
        ("report-geography", _("Geography")),
        ("report-delivery", _("Delivery")),
        ("report-messages", _("Messages")),
        *([("report-agents", _("Agents"))] if leads_agents(viewer) else []),
        ("report-goals", _("Goals")),
    ]
    user = cast(User, request.user)
    return {
        "crumbs": [Link(label=_("Reports"), url=reverse("reports"))],
        "tabs": [
            Link(label=label, url=reverse(name), is_current=name == current)
            for name, label in pages
        ],
        "may_open_admin": viewer.sees_platform and user.is_staff,
    }


def leads_agents(viewer: Viewer) -> bool:
    """Tell whether what single agents did is the viewer's to know: not an auditor's."""
    return bool(viewer.narrowed_to(LEADERS).grants)


def sees_agency_margin(viewer: Viewer) -> bool:
    """Tell whether what an agency earns is the viewer's to know."""
    agency = viewer.narrowed_to((Role.AGENCY_MANAGER, Role.AUDITOR, Role.PLATFORM_ADMIN))
    return agency.sees_platform or bool(agency.agency_ids)


def _named(name: str, start: date, end: date) -> Period:
    return Period(
        name=name,
        start=start,
        end=end,
        typed_from=start.isoformat(),
        typed_to=end.isoformat(),
        errors={},
    )


def choices_of(rows: Any, chosen: UUID | None) -> list[Choice]:
    """Return (key, name) pairs as a form's list."""
    return [Choice(value=str(key), label=name, is_chosen=key == chosen) for key, name in rows]


def read_id(fields: QueryDict, name: str) -> UUID | None:
    """Return an id that the address names, None without one; what is no id is a 404."""
    text = fields.get(name, "")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Http404 from error
