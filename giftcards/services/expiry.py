"""Cards past their date leave the stock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection

from alerts.transactions import durable, transaction
from giftcards.models import Pool
from giftcards.services.stock import expiry_bucket_of

_BATCH_CARDS: Final = 500

# By the index of the claims. A card that somebody is claiming, selling or taking back just now
# is stepped over: if it stays in stock, its turn comes the next time.
_EXPIRE: Final = """
    UPDATE giftcards_giftcard SET status = 'expired'
    WHERE id IN (
        SELECT id FROM giftcards_giftcard
        WHERE pool_id = %(pool)s AND status = 'available'
            AND expiry_bucket <= %(bucket)s AND expires_on < %(today)s
        ORDER BY expiry_bucket, claim_key LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""


@durable
def expire_cards(*, now: datetime) -> int:
    """Move available cards whose last day (UTC) is over to ``expired``; return how many.

    Only cards in stock: what is held stays its holder's. Each batch is committed by itself and
    has its entries in the cards' history; a repeat finds the rest.
    """
    count = 0
    for pool_id in Pool.objects.order_by("pk").values_list("pk", flat=True):
        today = now.astimezone(UTC).date()
        values = {
            "pool": pool_id,
            "bucket": expiry_bucket_of(today),
            "today": today,
            "limit": _BATCH_CARDS,
        }
        while expired := _expire_batch(values):
            count += expired
    return count


def _expire_batch(values: dict[str, Any]) -> int:
    with transaction(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('giftline.actor', 'system', true),"
            " set_config('giftline.reason', 'Past its date', true)"
        )
        cursor.execute(_EXPIRE, values)
        return int(cursor.rowcount)
