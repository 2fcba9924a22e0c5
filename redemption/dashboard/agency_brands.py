"""An agency's brands and prices: what is offered, with which markup, at which own price."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from alerts.errors import ValidationFailedError
from credit.dashboard.access import page_for
from credit.money import AmountError, format_amount, minor_digits, parse_amount
from credit.selectors.viewers import Viewer
from giftcards.models import Brand, Denomination
from giftcards.money import format_markup, parse_markup
from giftcards.selectors.offers import AgencyBrandTerms, AgencyDenomination, list_agency_brands
from giftcards.services.prices import set_agency_brand, set_agency_price
from redemption.dashboard.amounts import Amount, show_amount, show_change, symbol_of
from redemption.dashboard.frame import AGENCY_ROLES, say, with_query
from redemption.dashboard.places import OpenAgency, agency_context, open_agency

PER_PAGE: Final = 20
MANY: Final = 8

Errors = dict[str, list[str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """A value of a brand, and what it is charged; ``field`` names its input."""

    field: str
    value: Amount
    value_minor: int
    typed: str
    charged: Amount
    margin: Amount
    has_margin: bool
    is_below: bool
    symbol: str
    currency: str
    digits: int
    errors: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrandRow:
    """A brand with its form."""

    id: str
    name: str
    url: str
    is_offered: bool
    markup: str
    prices: tuple[PriceRow, ...]
    errors: Errors


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What the form of a brand asks for; prices by denomination, None for the markup's."""

    is_offered: bool
    markup_basis_points: int
    prices: Mapping[UUID, int | None]


@require_safe
@page_for(*AGENCY_ROLES)
def agency_brands(request: HttpRequest, viewer: Viewer, agency_id: UUID) -> HttpResponse:
    """Show every brand an agency can offer, on its terms."""
    return _page(request, viewer, open_agency(viewer, agency_id))


@require_http_methods(["POST"])
@page_for(*AGENCY_ROLES)
def save_brand(
    request: HttpRequest, viewer: Viewer, agency_id: UUID, brand_id: UUID
) -> HttpResponse:
    """Change the terms of one brand, and offer to take the change back."""
    agency = open_agency(viewer, agency_id)
    before = _terms(viewer, agency, brand_id)
    wish, errors = _read_wish(request, before)
    if wish is not None:
        try:
            changed = _save(viewer, agency, before, wish)
        except ValidationFailedError as error:
            errors = {"markup": [words for all_ in error.errors.values() for words in all_]}
        except (Brand.DoesNotExist, Denomination.DoesNotExist) as missing:
            raise Http404 from missing
        else:
            _say_saved(request, agency, before, changed=changed)
    if "HX-Request" in request.headers:
        return _part(request, viewer, agency, brand_id, errors)
    if errors:
        return _page(request, viewer, agency, brand_id=brand_id, errors=errors)
    fields = {name: request.POST.get(name) for name in ("q", "page")}
    address = with_query(reverse("agency-brands", args=[agency.agency_id]), **fields)
    return redirect(f"{address}#brand-{brand_id}")


def _terms(viewer: Viewer, agency: OpenAgency, brand_id: UUID) -> AgencyBrandTerms:
    for terms in list_agency_brands(viewer=viewer, agency_id=agency.agency_id):
        if terms.brand_id == brand_id:
            return terms
    raise Http404


def _read_wish(request: HttpRequest, before: AgencyBrandTerms) -> tuple[_Wish | None, Errors]:
    """Read the form; nothing is asked for unless all of it can be read."""
    errors: Errors = {}
    markup = before.markup_basis_points
    try:
        markup = parse_markup(request.POST.get("markup", format_markup(markup)) or "0")
    except AmountError as error:
        errors["markup"] = [str(error)]
    prices: dict[UUID, int | None] = {}
    for row in before.denominations:
        field = _field(row)
        typed = request.POST.get(field, "").strip()
        prices[row.denomination_id] = None
        if not typed:
            continue
        try:
            price = parse_amount(typed.removeprefix(symbol_of(row.currency)), row.currency)
        except AmountError as error:
            errors[field] = [str(error)]
            continue
        if price <= 0:
            errors[field] = [_("Give more than zero, or leave it empty to use the markup.")]
        prices[row.denomination_id] = price
    if errors:
        return None, errors
    is_offered = request.POST.get("is_offered") == "on"
    return _Wish(is_offered=is_offered, markup_basis_points=markup, prices=prices), {}


def _save(viewer: Viewer, agency: OpenAgency, before: AgencyBrandTerms, wish: _Wish) -> bool:
    """Make the change; return whether anything is different now."""
    now = timezone.now()
    changes = []
    if (before.is_offered, before.markup_basis_points) != (
        wish.is_offered,
        wish.markup_basis_points,
    ):
        changes.append(
            set_agency_brand(
                viewer=viewer,
                agency_id=agency.agency_id,
                brand_id=before.brand_id,
                is_offered=wish.is_offered,
                markup_basis_points=wish.markup_basis_points,
                now=now,
            )
        )
    changes += [
        set_agency_price(
            viewer=viewer,
            agency_id=agency.agency_id,
            denomination_id=row.denomination_id,
            price_minor=wish.prices[row.denomination_id],
            now=now,
        )
        for row in before.denominations
        if wish.prices[row.denomination_id] != row.custom_price_minor
    ]
    return any(change.is_change for change in changes)


def _say_saved(
    request: HttpRequest, agency: OpenAgency, before: AgencyBrandTerms, *, changed: bool
) -> None:
    if not changed:
        say(request, _("%(brand)s is as it was: nothing was changed.") % {"brand": before.name})
        return
    # The form as it was: sent again, it takes the change back.
    fields = {"markup": format_markup(before.markup_basis_points)}
    if before.is_offered:
        fields["is_offered"] = "on"
    for row in before.denominations:
        if row.custom_price_minor is not None:
            fields[_field(row)] = format_amount(row.custom_price_minor, row.currency)
    for name in ("q", "page"):
        if request.POST.get(name):
            fields[name] = request.POST[name]
    say(
        request,
        _("%(brand)s is saved. It holds from the next redemption on.") % {"brand": before.name},
        undo_url=reverse("agency-brand", args=[agency.agency_id, before.brand_id]),
        undo_fields=fields,
    )


def _part(
    request: HttpRequest, viewer: Viewer, agency: OpenAgency, brand_id: UUID, errors: Errors
) -> HttpResponse:
    row = _row(_terms(viewer, agency, brand_id), agency, request.POST if errors else {}, errors)
    # A refusal too: a browser writes any other status into its console as a fault.
    return render(
        request,
        "agency/_brand_saved.html",
        {
            "row": row,
            "may_change": agency.may_change,
            "q": request.POST.get("q", ""),
            "number": request.POST.get("page", ""),
        },
    )


def _page(
    request: HttpRequest,
    viewer: Viewer,
    agency: OpenAgency,
    *,
    brand_id: UUID | None = None,
    errors: Errors | None = None,
) -> HttpResponse:
    fields = request.POST if errors else request.GET
    search = fields.get("q", "").strip()
    brands = list_agency_brands(viewer=viewer, agency_id=agency.agency_id)
    found = [terms for terms in brands if search.casefold() in terms.name.casefold()]
    page = Paginator(found, PER_PAGE).get_page(fields.get("page"))
    rows = [
        _row(terms, agency, request.POST, errors)
        if errors and terms.brand_id == brand_id
        else _row(terms, agency, {}, {})
        for terms in page
    ]
    return render(
        request,
        "agency/brands.html",
        {
            **agency_context(viewer, agency, current="agency-brands"),
            "rows": rows,
            "page": page,
            "number": page.number if page.number > 1 else "",
            "query": f"{with_query('', q=search).removeprefix('?')}&" if search else "",
            "q": search,
            "is_many": len(brands) > MANY,
            "count": len(brands),
        },
        status=400 if errors else 200,
    )


def _row(
    terms: AgencyBrandTerms, agency: OpenAgency, typed: Mapping[str, str], errors: Errors
) -> BrandRow:
    """Lay out a brand; what was ``typed`` stays in the form that is refused."""
    return BrandRow(
        id=str(terms.brand_id),
        name=terms.name,
        url=reverse("agency-brand", args=[agency.agency_id, terms.brand_id]),
        is_offered=typed.get("is_offered") == "on" if errors else terms.is_offered,
        markup=typed.get("markup", "")[:64] if errors else format_markup(terms.markup_basis_points),
        prices=tuple(_price_row(row, typed, errors) for row in terms.denominations),
        errors=errors,
    )


def _price_row(row: AgencyDenomination, typed: Mapping[str, str], errors: Errors) -> PriceRow:
    own = row.custom_price_minor
    kept = "" if own is None else format_amount(own, row.currency)
    return PriceRow(
        field=_field(row),
        value=show_amount(row.value_minor, row.currency),
        value_minor=row.value_minor,
        typed=typed.get(_field(row), "")[:64] if errors else kept,
        charged=show_amount(row.price_minor, row.currency),
        margin=show_change(row.price_minor - row.value_minor, row.currency),
        has_margin=row.price_minor != row.value_minor,
        is_below=row.price_minor < row.value_minor,
        symbol=symbol_of(row.currency),
        currency=row.currency,
        digits=minor_digits(row.currency),
        errors=tuple(errors.get(_field(row), ())),
    )


def _field(row: AgencyDenomination) -> str:
    return f"price-{row.denomination_id}"
