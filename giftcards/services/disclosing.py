"""Cards that are about to be seen, and so are delivered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection

from alerts.transactions import transaction_required
from giftcards.models import GiftCard


@transaction_required
def disclose_card(*, card_id: UUID, actor: str, now: datetime) -> GiftCard | None:
    """Mark a card as seen and return it; None where it may not be shown (any more).

    Safe to repeat. Nothing is shown before the caller's transaction is committed: see Note
    [Disclosure].
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('giftline.actor', %s, true)", [actor])
    cards = GiftCard.objects.raw(
        "SELECT * FROM giftcards_disclose_card(%s, %s) WHERE id IS NOT NULL", [card_id, now]
    )
    return next(iter(cards), None)
