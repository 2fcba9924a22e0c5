"""An agency's clients as a list: searched, sorted, turned page by page, or as a CSV file."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from alerts.csvfiles import safe_cell
from credit.money import format_amount
from redemption.dashboard.amounts import Amount, show_amount
from redemption.dashboard.frame import with_query
from redemption.selectors.agencies import AgencyStanding, ClientStanding

PER_PAGE: Final = 25
# From so many clients on there is something to search in.
MANY: Final = 8

_COLUMNS: Final = (
    "client",
    "client_id",
    "currency",
    "balance",
    "campaign_budgets",
    "set_aside",
    "used_this_month",
    "redemptions_this_month",
    "low_balance_threshold",
    "is_low",
    "campaigns_out_of_credit",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Something that needs somebody's care; ``tone`` (bad, warn) only repeats the words."""

    words: str
    tone: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """A client in the list; amounts are None where it has no account."""

    name: str
    url: str
    flags: tuple[Flag, ...]
    balance: Amount | None
    campaigns: Amount | None
    held: Amount | None
    used: Amount | None
    redemptions: int
    allocate_url: str
    statement_url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SortLink:
    """A column's head: where it leads and how the list is sorted by it now."""

    label: str
    url: str
    aria_sort: str
    is_amount: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientList:
    """The list as it stands on the page."""

    rows: tuple[ClientRow, ...]
    page: Page[ClientStanding]
    query: str
    columns: tuple[SortLink, ...]
    search: str
    shows_short: bool
    is_many: bool
    count: int
    short_count: int
    csv_url: str
    all_url: str
    short_url: str


_SORTS: Final[dict[str, Callable[[ClientStanding], tuple[object, ...]]]] = {
    "name": lambda client: (client.name.casefold(),),
    "balance": lambda client: (
        client.account is not None,
        client.account.balance_minor if client.account else 0,
    ),
    "campaigns": lambda client: (client.campaigns_minor,),
    "held": lambda client: (client.held_minor,),
    "used": lambda client: (client.used_minor,),
    "redemptions": lambda client: (client.redemptions,),
}


def choose_clients(agency: AgencyStanding, fields: QueryDict) -> list[ClientStanding]:
    """Return the clients that the address asks for: ``q``, ``show=short``, ``sort``."""
    search = fields.get("q", "").strip().casefold()
    chosen = [
        client
        for client in agency.clients
        if search in client.name.casefold()
        and (fields.get("show") != "short" or not client.is_fine)
    ]
    sort = fields.get("sort", "")
    key = _SORTS.get(sort.removeprefix("-"), _SORTS["name"])
    return sorted(chosen, key=key, reverse=sort.startswith("-"))


def list_clients(agency: AgencyStanding, fields: QueryDict, *, may_change: bool) -> ClientList:
    """Lay out the page of the list that the address asks for."""
    page = Paginator(choose_clients(agency, fields), PER_PAGE).get_page(fields.get("page"))
    address = reverse("agency-page", args=[agency.agency_id])
    kept = {name: fields.get(name, "") for name in ("q", "show", "sort") if fields.get(name)}
    query = urlencode(kept)
    return ClientList(
        rows=tuple(_row(client, agency, may_change=may_change) for client in page),
        page=page,
        query=f"{query}&" if query else "",
        columns=_columns(address, kept),
        search=fields.get("q", "").strip(),
        shows_short=fields.get("show") == "short",
        is_many=len(agency.clients) > MANY,
        count=len(agency.clients),
        short_count=sum(not client.is_fine for client in agency.clients),
        csv_url=with_query(reverse("agency-clients-csv", args=[agency.agency_id]), **kept),
        all_url=f"{address}#clients",
        short_url=f"{address}?show=short#clients",
    )


def write_clients(agency: AgencyStanding, clients: Iterable[ClientStanding]) -> bytes:
    """Return the list as CSV: UTF-8 with a byte order mark, amounts in digits and a dot."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for client in clients:
        writer.writerow(_cells(client))
    return text.getvalue().encode("utf-8-sig")


def _cells(client: ClientStanding) -> tuple[object, ...]:
    account = client.account
    depleted = safe_cell("; ".join(client.depleted))
    if account is None:
        empty = ("",) * 5
        return (
            safe_cell(client.name),
            client.client_id,
            *empty,
            client.redemptions,
            "",
            "",
            depleted,
        )
    threshold = account.low_balance_threshold_minor
    amounts = (
        account.balance_minor or 0,
        client.campaigns_minor,
        client.held_minor,
        client.used_minor,
    )
    return (
        safe_cell(client.name),
        client.client_id,
        account.currency,
        *(format_amount(amount, account.currency) for amount in amounts),
        client.redemptions,
        "" if threshold is None else format_amount(threshold, account.currency),
        "yes" if client.is_low else "no",
        depleted,
    )


def _row(client: ClientStanding, agency: AgencyStanding, *, may_change: bool) -> ClientRow:
    account = client.account
    allocate_url = ""
    if may_change and agency.account and account and account.parent_id == agency.account.account_id:
        allocate_url = with_query(
            reverse("allocate", args=[agency.account.account_id]), to=account.account_id
        )

    def amount(amount_minor: int) -> Amount | None:
        return show_amount(amount_minor, account.currency) if account else None

    return ClientRow(
        name=client.name,
        url=reverse("client-overview", args=[client.client_id]),
        flags=tuple(_flags(client)),
        balance=amount((account.balance_minor or 0) if account else 0),
        campaigns=amount(client.campaigns_minor),
        held=amount(client.held_minor),
        used=amount(client.used_minor),
        redemptions=client.redemptions,
        allocate_url=allocate_url,
        statement_url=reverse("statement", args=[account.account_id]) if account else "",
    )


def _flags(client: ClientStanding) -> Iterable[Flag]:
    if not client.is_active:
        yield Flag(words=_("Switched off"), tone="warn")
    if client.account is None:
        yield Flag(words=_("No account yet"), tone="warn")
    elif client.account.status != "active":
        yield Flag(words=_("Account not active"), tone="bad")
    if client.is_low and client.account and client.account.low_balance_threshold_minor is not None:
        threshold = show_amount(client.account.low_balance_threshold_minor, client.account.currency)
        yield Flag(words=_("Low credit: under %(amount)s") % {"amount": threshold}, tone="warn")
    for name in client.depleted:
        yield Flag(words=_("Out of credit: %(campaign)s") % {"campaign": name}, tone="bad")


def _columns(address: str, kept: dict[str, str]) -> tuple[SortLink, ...]:
    labels = {
        "name": _("Client"),
        "balance": _("Balance"),
        "campaigns": _("Campaign budgets"),
        "held": _("Set aside"),
        "used": _("Used this month"),
        "redemptions": _("Redemptions this month"),
    }
    now = kept.get("sort", "") or "name"
    heads = []
    for name, label in labels.items():
        # Names begin with A, figures with the largest; a second press turns the order around.
        first, second = (name, f"-{name}") if name == "name" else (f"-{name}", name)
        link = with_query(address, **{**kept, "sort": second if now == first else first})
        state = "ascending" if now == name else "descending" if now == f"-{name}" else ""
        heads.append(
            SortLink(
                label=label,
                url=f"{link}#clients",
                aria_sort=state,
                is_amount=name != "name",
            )
        )
    return tuple(heads)
