"""Where the next card would come from, by the rule of Note [Stock]."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from giftcards.models import Denomination, GiftCard, Pool


class Supply(enum.Enum):
    """Where a card would come from."""

    STOCK = "stock"
    # It would be bought on the spot.
    PROVIDER = "provider"
    NOWHERE = "nowhere"


def find_supply(
    *,
    pool_id: UUID | None,
    client_id: UUID,
    brand_id: UUID | None,
    value_minor: int | None,
    currency: str,
    providers: Sequence[str],
    now: datetime,
) -> Supply:
    """Return where a card of a client's campaign would come from now; nothing is claimed.

    :param providers: who is set up to sell us cards.
    """
    if brand_id is None or value_minor is None:
        return Supply.NOWHERE
    usable = Pool.objects.filter(
        Q(client_id=client_id) | Q(client=None),
        denomination__brand_id=brand_id,
        denomination__value_minor=value_minor,
        denomination__currency=currency,
        archived_at=None,
    )
    uploaded = (
        usable.filter(pk=pool_id)
        if pool_id
        else usable.filter(reserved=False).exclude(kind=Pool.Kind.BUFFER)
    )
    if _has_card(uploaded, now):
        return Supply.STOCK
    methods = set(uploaded.values_list("purchase_method", flat=True))
    gets_bought_cards = bool(methods - {Pool.PurchaseMethod.CSV_ONLY}) or not (methods or pool_id)
    if gets_bought_cards and _has_card(usable.filter(kind=Pool.Kind.BUFFER, reserved=False), now):
        return Supply.STOCK
    denomination_id = Denomination.objects.filter(
        brand_id=brand_id, value_minor=value_minor, currency=currency
    ).values_list("pk", flat=True)[:1]
    if denomination_id and _is_route_open(pool_id, client_id, denomination_id[0], providers, now):
        return Supply.PROVIDER
    return Supply.NOWHERE


def _has_card(pools: QuerySet[Pool], now: datetime) -> bool:
    return (
        GiftCard.objects.filter(pool__in=pools, status=GiftCard.Status.AVAILABLE)
        .filter(Q(expires_on=None) | Q(expires_on__gte=now.date()))
        .exists()
    )


def _is_route_open(
    pool_id: UUID | None,
    client_id: UUID,
    denomination_id: UUID,
    providers: Sequence[str],
    now: datetime,
) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT problem IS NULL FROM giftcards_find_route(%s, %s, %s, %s::text[], %s)",
            [pool_id, client_id, denomination_id, list(providers), now],
        )
        (is_open,) = cursor.fetchone()
    return bool(is_open)
