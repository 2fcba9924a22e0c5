"""The catalogue as a partner may hand it out: brands with the values offered in its scope."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, UUIDField, Value

from credit.models import Client
from credit.selectors.viewers import Viewer
from giftcards.models import Brand, Denomination
from giftcards.selectors.offers import enabled_denominations


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OfferedValue:
    """A value of a brand that may be handed out; in minor units."""

    denomination_id: UUID
    value_minor: int
    currency: str


def list_offered_brands(*, viewer: Viewer) -> QuerySet[Brand]:
    """Return the brands of which some value is offered in the viewer's scope.

    To the platform that is what it has switched on, to an agency what it offers its clients, to
    a client what its agency offers and it wants.
    """
    values = _offered(viewer).filter(brand=OuterRef("pk"))
    return Brand.objects.filter(Exists(values), is_enabled=True)


def list_offered_values(
    *, viewer: Viewer, brand_ids: Collection[UUID]
) -> dict[UUID, list[OfferedValue]]:
    """Return the values offered in the viewer's scope by brand, the lowest first."""
    values: dict[UUID, list[OfferedValue]] = defaultdict(list)
    rows = _offered(viewer).filter(brand_id__in=brand_ids)
    for row in rows.order_by("currency", "value_minor"):
        values[row.brand_id].append(
            OfferedValue(denomination_id=row.pk, value_minor=row.value_minor, currency=row.currency)
        )
    return values


def _offered(viewer: Viewer) -> QuerySet[Denomination]:
    values = enabled_denominations()
    if viewer.sees_platform:
        return values
    buyers: list[tuple[UUID, UUID | None]] = [(pk, None) for pk in sorted(viewer.agency_ids)]
    buyers += (
        Client.objects.filter(pk__in=viewer.client_ids)
        .order_by("pk")
        .values_list("agency_id", "pk")
    )
    if not buyers:
        return values.none()
    condition = Q()
    for agency_id, client_id in buyers:
        condition |= Q(
            Func(
                Value(agency_id, output_field=UUIDField()),
                Value(client_id, output_field=UUIDField()),
                F("pk"),
                function="giftcards_is_offered",
                output_field=BooleanField(),
            )
        )
    return values.filter(condition)
