"""What an agency offers at which price, and what its clients choose from that.

A change holds from the next redemption on; what has been redeemed keeps the figures of its
moment. Whoever may look may not therefore change: that the role allows it is the page's to say.
Repeating a change changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Model

from alerts.errors import ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Agency, Client
from credit.money import LARGEST_AMOUNT_MINOR
from credit.selectors.organisations import find_agency, find_client
from credit.selectors.viewers import Viewer
from credit.services.audit import record_event
from giftcards.models import (
    AgencyBrand,
    AgencyPrice,
    Brand,
    ClientBrand,
    ClientDenomination,
    Denomination,
)
from giftcards.money import LARGEST_MARKUP_BASIS_POINTS
from giftcards.selectors.offers import enabled_denominations, offered_by_agency

Facts = Mapping[str, bool | int | None]
RowType = TypeVar("RowType", bound=Model)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TermsChange:
    """What was agreed before and after; the fields are those of the row that was changed."""

    before: Facts
    after: Facts

    @property
    def is_change(self) -> bool:
        """Whether anything is different now."""
        return self.before != self.after


@durable
def set_agency_brand(
    *,
    viewer: Viewer,
    agency_id: UUID,
    brand_id: UUID,
    is_offered: bool,
    markup_basis_points: int,
    now: datetime,
) -> TermsChange:
    """Say whether an agency offers a brand, and with which markup on the face value.

    :param markup_basis_points: hundredths of a percent; ``giftcards.money.parse_markup`` reads
        it from what people write.
    :raises Agency.DoesNotExist: the viewer does not act for such an agency.
    :raises Brand.DoesNotExist: there is none, or the platform has switched it off.
    :raises ValidationFailedError: the markup is negative or over 1000 % (``markup``).
    """
    if not 0 <= markup_basis_points <= LARGEST_MARKUP_BASIS_POINTS:
        raise ValidationFailedError(errors={"markup": ["Give a markup from 0 to 1000 %."]})
    with seeing(viewer.scope), transaction():
        agency = _lock(find_agency(viewer=viewer, agency_id=agency_id))
        brand = Brand.objects.filter(is_enabled=True).get(pk=brand_id)
        change = _save(
            AgencyBrand,
            key={"agency_id": agency.pk, "brand_id": brand.pk},
            values={"is_offered": is_offered, "markup_basis_points": markup_basis_points},
            unset={"is_offered": True, "markup_basis_points": 0},
        )
        _record("agency_brand", viewer, agency, brand, change, now)
    return change


@durable
def set_agency_price(
    *,
    viewer: Viewer,
    agency_id: UUID,
    denomination_id: UUID,
    price_minor: int | None,
    now: datetime,
) -> TermsChange:
    """Set an agency's own price for a value, which then goes before its markup.

    :param price_minor: in the denomination's currency; None goes back to the markup.
    :raises Agency.DoesNotExist: the viewer does not act for such an agency.
    :raises Denomination.DoesNotExist: there is none, or the platform has switched it off.
    :raises ValidationFailedError: the price is not positive, or wider than its column (``price``).
    """
    if price_minor is not None and not 0 < price_minor <= LARGEST_AMOUNT_MINOR:
        raise ValidationFailedError(
            errors={"price": ["Give more than zero, or leave it empty to use the markup."]}
        )
    with seeing(viewer.scope), transaction():
        agency = _lock(find_agency(viewer=viewer, agency_id=agency_id))
        denomination = enabled_denominations().get(pk=denomination_id)
        key = {"agency_id": agency.pk, "denomination_id": denomination.pk}
        if price_minor is None:
            change = _forget(AgencyPrice, key=key, field="price_minor")
        else:
            change = _save(
                AgencyPrice,
                key=key,
                values={"price_minor": price_minor},
                unset={"price_minor": None},
            )
        _record("agency_price", viewer, agency, denomination, change, now)
    return change


@durable
def set_client_brand(
    *, viewer: Viewer, client_id: UUID, brand_id: UUID, is_offered: bool, now: datetime
) -> TermsChange:
    """Say whether a client hands out a brand that its agency offers.

    :raises Client.DoesNotExist: there is none, or not for this viewer.
    :raises Brand.DoesNotExist: there is none, or the agency does not offer it.
    """
    with seeing(viewer.scope), transaction():
        client = _lock(find_client(viewer=viewer, client_id=client_id))
        brand = Brand.objects.get(
            pk=brand_id, pk__in=offered_by_agency(client.agency_id).values("brand_id")
        )
        change = _save(
            ClientBrand,
            key={"client_id": client.pk, "brand_id": brand.pk},
            values={"is_offered": is_offered},
            unset={"is_offered": True},
        )
        _record("client_brand", viewer, client, brand, change, now)
    return change


@durable
def set_client_denomination(
    *, viewer: Viewer, client_id: UUID, denomination_id: UUID, is_offered: bool, now: datetime
) -> TermsChange:
    """Say whether a client hands out one value of a brand.

    :raises Client.DoesNotExist: there is none, or not for this viewer.
    :raises Denomination.DoesNotExist: there is none, or the agency does not offer it.
    """
    with seeing(viewer.scope), transaction():
        client = _lock(find_client(viewer=viewer, client_id=client_id))
        denomination = offered_by_agency(client.agency_id).get(pk=denomination_id)
        change = _save(
            ClientDenomination,
            key={"client_id": client.pk, "denomination_id": denomination.pk},
            values={"is_offered": is_offered},
            unset={"is_offered": True},
        )
        _record("client_denomination", viewer, client, denomination, change, now)
    return change


@transaction_required
def _lock(organisation: RowType) -> RowType:
    """Let one change of an organisation's terms wait for the other, also of a row not there yet."""
    rows = type(organisation)._default_manager  # noqa: SLF001  Django's public door
    # An agency may not change its own row, and to lock is to PostgreSQL as good as to change.
    with seeing(EVERYTHING):
        return rows.select_for_update(no_key=True).get(pk=organisation.pk)


@transaction_required
def _save(
    model: type[RowType], *, key: Mapping[str, UUID], values: Facts, unset: Facts
) -> TermsChange:
    rows = model._default_manager  # noqa: SLF001  Django's public door
    row = rows.filter(**key).first()
    if row is None:
        rows.create(**key, **values)
        return TermsChange(before=unset, after=values)
    before = {name: getattr(row, name) for name in values}
    if before != values:
        rows.filter(pk=row.pk).update(**values)
    return TermsChange(before=before, after=values)


@transaction_required
def _forget(model: type[RowType], *, key: Mapping[str, UUID], field: str) -> TermsChange:
    rows = model._default_manager.filter(**key)  # noqa: SLF001  Django's public door
    before = {field: rows.values_list(field, flat=True).first()}
    rows.delete()
    return TermsChange(before=before, after={field: None})


@transaction_required
def _record(
    kind: str,
    viewer: Viewer,
    owner: Agency | Client,
    subject: Brand | Denomination,
    change: TermsChange,
    now: datetime,
) -> None:
    """Keep who changed what, in the transaction of the change; saying it again is no change."""
    if change.is_change:
        record_event(
            actor=viewer.actor,
            action=f"{kind}.changed",
            object_kind=subject._meta.model_name or "",  # noqa: SLF001  Django's public door
            object_id=subject.pk,
            before=change.before,
            after=change.after,
            owner=owner,
            now=now,
        )
