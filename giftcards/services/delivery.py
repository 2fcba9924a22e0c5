"""Cards on their way to the people they are held for."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection

from alerts.transactions import transaction_required
from giftcards.models import GiftCard


@transaction_required
def mark_cards_delivered(*, card_ids: Collection[UUID], actor: str, now: datetime) -> int:
    """Note that what leads to these claimed cards is out of our hands; return how many it changed.

    From then on none of them goes back to stock, although nobody may have seen the code yet:
    only when its time is over and what leads to it is dead.
    Cards in any other state stay as they are.

    :param actor: who did it, for the cards' history.
    """
    if not card_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('giftline.actor', %s, true)", [actor])
    return GiftCard.objects.filter(pk__in=card_ids, status=GiftCard.Status.CLAIMED).update(
        status=GiftCard.Status.DELIVERED, delivered_at=now
    )
