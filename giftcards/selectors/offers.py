"""Which brands and values an agency and its clients hand out, and what each costs them.

The database decides (``giftcards/sql/price.sql``, Note [Price]); here is only asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from itertools import groupby
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    BooleanField,
    F,
    Func,
    QuerySet,
    UUIDField,
    Value,
)

from credit.selectors.organisations import find_agency, find_client
from credit.selectors.viewers import Viewer
from giftcards.models import (
    AgencyBrand,
    AgencyPrice,
    Brand,
    ClientBrand,
    ClientDenomination,
    Denomination,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgencyDenomination:
    """A value of a brand with what it costs an agency's clients; all in minor units.

    :param custom_price_minor: the agency's own price; None where the markup makes the price.
    :param price_minor: what a redemption is charged now.
    """

    denomination_id: UUID
    value_minor: int
    currency: str
    custom_price_minor: int | None
    price_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgencyBrandTerms:
    """A brand with the terms on which an agency offers it."""

    brand_id: UUID
    name: str
    is_offered: bool
    markup_basis_points: int
    denominations: tuple[AgencyDenomination, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientDenominationChoice:
    """A value of a brand, whether the client wants it, and what it is charged for it.

    :param is_offered: the client's own choice for the value; its choice for the brand goes first.
    """

    denomination_id: UUID
    value_minor: int
    currency: str
    price_minor: int
    is_offered: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientBrandChoice:
    """A brand of the agency's, and whether the client wants it."""

    brand_id: UUID
    name: str
    is_offered: bool
    denominations: tuple[ClientDenominationChoice, ...]


def list_agency_brands(*, viewer: Viewer, agency_id: UUID) -> list[AgencyBrandTerms]:
    """Return every brand an agency can offer, by name, with its terms and resulting prices.

    What the platform has switched off, and brands without a value, are left out.

    :raises Agency.DoesNotExist: the viewer does not act for such an agency.
    """
    agency = find_agency(viewer=viewer, agency_id=agency_id)
    terms = {row.brand_id: row for row in AgencyBrand.objects.filter(agency=agency)}
    own_prices = dict(
        AgencyPrice.objects.filter(agency=agency).values_list("denomination_id", "price_minor")
    )
    return [
        AgencyBrandTerms(
            brand_id=brand.pk,
            name=brand.name,
            is_offered=terms[brand.pk].is_offered if brand.pk in terms else True,
            markup_basis_points=terms[brand.pk].markup_basis_points if brand.pk in terms else 0,
            denominations=tuple(
                AgencyDenomination(
                    denomination_id=row.pk,
                    value_minor=row.value_minor,
                    currency=row.currency,
                    custom_price_minor=own_prices.get(row.pk),
                    price_minor=row.price_minor,  # type: ignore[attr-defined]  # annotated
                )
                for row in rows
            ),
        )
        for brand, rows in _by_brand(_priced(enabled_denominations(), agency_id=agency.pk))
    ]


def list_client_brands(*, viewer: Viewer, client_id: UUID) -> list[ClientBrandChoice]:
    """Return the brands and values that a client's agency offers, with the client's choice.

    :raises Client.DoesNotExist: there is none, or not for this viewer.
    """
    client = find_client(viewer=viewer, client_id=client_id)
    brands = dict(ClientBrand.objects.filter(client=client).values_list("brand_id", "is_offered"))
    values = dict(
        ClientDenomination.objects.filter(client=client).values_list(
            "denomination_id", "is_offered"
        )
    )
    offered = _priced(offered_by_agency(client.agency_id), agency_id=client.agency_id)
    return [
        ClientBrandChoice(
            brand_id=brand.pk,
            name=brand.name,
            is_offered=brands.get(brand.pk, True),
            denominations=tuple(
                ClientDenominationChoice(
                    denomination_id=row.pk,
                    value_minor=row.value_minor,
                    currency=row.currency,
                    price_minor=row.price_minor,  # type: ignore[attr-defined]  # annotated
                    is_offered=values.get(row.pk, True),
                )
                for row in rows
            ),
        )
        for brand, rows in _by_brand(offered)
    ]


def enabled_denominations() -> QuerySet[Denomination]:
    """Return the values that the platform has switched on, of brands that are."""
    return Denomination.objects.filter(is_enabled=True, brand__is_enabled=True)


def offered_by_agency(agency_id: UUID) -> QuerySet[Denomination]:
    """Return the values that an agency offers, from which its clients choose."""
    return (
        enabled_denominations()
        .annotate(
            is_offered_by_agency=Func(
                Value(agency_id, output_field=UUIDField()),
                Value(None, output_field=UUIDField()),
                F("pk"),
                function="giftcards_is_offered",
                output_field=BooleanField(),
            )
        )
        .filter(is_offered_by_agency=True)
    )


def _priced(rows: QuerySet[Denomination], *, agency_id: UUID) -> QuerySet[Denomination]:
    return (
        rows.annotate(
            price_minor=Func(
                Value(agency_id, output_field=UUIDField()),
                F("pk"),
                function="giftcards_price",
                output_field=BigIntegerField(),
            )
        )
        .select_related("brand")
        .order_by("brand__name", "brand_id", "currency", "value_minor")
    )


def _by_brand(
    rows: Iterable[Denomination],
) -> list[tuple[Brand, list[Denomination]]]:
    grouped = groupby(rows, key=lambda row: row.brand_id)
    return [(values[0].brand, values) for values in (list(group) for _, group in grouped)]
