"""How cards, pools and uploads are printed for partners."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from credit.api.uploads import print_batch
from credit.money import format_amount
from giftcards.models import CardBatch, Pool
from giftcards.selectors.card_facts import CardFacts
from giftcards.selectors.pools import PoolCounts
from giftcards.services.secrets import open_field


def print_card(card: CardFacts, *, shows_code: bool) -> dict[str, Any]:
    """Print a card that was given to somebody.

    :param shows_code: print its secrets as well; its disclosure was committed before.
    """

    def secret(sealed: str, field: str) -> str | None:
        return (open_field(sealed, field=field) or None) if shows_code else None

    return {
        "brand": card.brand,
        "value": format_amount(card.value_minor, card.currency),
        "currency": card.currency,
        "code": secret(card.code_encrypted, "code"),
        "pin": secret(card.pin_encrypted, "pin"),
        "number": secret(card.number_encrypted, "number"),
        "url": secret(card.url_encrypted, "url"),
        "expires_on": None if card.expires_on is None else card.expires_on.isoformat(),
        "redemption_url": card.redemption_url or None,
        "last4": card.last4,
    }


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
