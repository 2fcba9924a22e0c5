"""How pools and uploads are printed for partners."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from credit.api.uploads import print_batch
from credit.money import format_amount
from giftcards.models import CardBatch, Pool
from giftcards.selectors.pools import PoolCounts


def print_pool(pool: Pool, counts: PoolCounts) -> dict[str, Any]:
    """Print a pool as it stands."""
    value = pool.denomination
    return {
        "id": str(pool.pk),
        "name": pool.name,
        "brand": pool.brand.name,
        "brand_id": str(pool.brand_id),
        "value": format_amount(value.value_minor, value.currency),
        "currency": value.currency,
        "kind": pool.kind,
        "client_id": None if pool.client_id is None else str(pool.client_id),
        "purchase_method": pool.purchase_method,
        "low_stock_threshold": pool.low_stock_threshold,
        "total": counts.total,
        "available": counts.available,
        "claimed": counts.claimed,
        "delivered": counts.delivered,
        "redeemed": counts.redeemed,
        "expired": counts.expired,
        "stuck": counts.stuck,
        "available_percent": counts.available_percent,
        "utilisation": counts.utilisation,
        "level": counts.colour,
        "archived_at": (
            None
            if pool.archived_at is None
            else pool.archived_at.isoformat().replace("+00:00", "Z")
        ),
    }


def print_kept_batch(object_id: UUID) -> dict[str, Any]:
    """Print the first answer about an upload again, whatever became of it since."""
    batch = CardBatch.objects.get(pk=object_id)
    return print_batch(
        batch_id=batch.pk,
        is_refused=batch.state == CardBatch.State.REFUSED,
        accepted=batch.accepted,
        rejected=batch.rejected,
        rejects=batch.rejects,
    )
