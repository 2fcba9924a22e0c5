"""What is in stock."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from giftcards.models import GiftCard, Pool


def has_stock(
    *,
    pool_id: UUID | None,
    client_id: UUID,
    brand_id: UUID | None,
    value_minor: int | None,
    currency: str,
    now: datetime,
) -> bool:
    """Tell whether a card could be claimed now, from the pools that ``claim`` would look into."""
    if brand_id is None or value_minor is None:
        return False
    pools = Pool.objects.filter(
        Q(client_id=client_id) | Q(client=None),
        denomination__brand_id=brand_id,
        denomination__value_minor=value_minor,
        denomination__currency=currency,
        archived_at=None,
    ).exclude(purchase_method=Pool.PurchaseMethod.API_ONLY)
    pools = pools.filter(pk=pool_id) if pool_id else pools.filter(reserved=False)
    return (
        GiftCard.objects.filter(pool__in=pools, status=GiftCard.Status.AVAILABLE)
        .filter(Q(expires_on=None) | Q(expires_on__gte=now.date()))
        .exists()
    )
