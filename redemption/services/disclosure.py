"""Marking a card as seen, before its code is shown: see Note [Disclosure]."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from alerts.scope import EVERYTHING, seeing
from alerts.transactions import transaction
from redemption.models import Redemption


@seeing(EVERYTHING)
def disclose_redemption(*, redemption_id: UUID, actor: str, now: datetime) -> bool:
    """Commit that the card of a redemption is about to be seen, and so delivered.

    Safe to repeat. Returns whether there is a card that may be shown.
    """
    with transaction():
        redemption = Redemption.objects.select_for_update(no_key=True).get(pk=redemption_id)
        if redemption.card_id is None:
            return redemption.is_test and redemption.issued_at is not None
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('giftline.actor', %s, true)", [actor])
            cursor.execute(
                "SELECT id FROM giftcards_disclose_card(%s, %s)", [redemption.card_id, now]
            )
            (card_id,) = cursor.fetchone()
        if card_id is not None and redemption.state == Redemption.State.ISSUED:
            redemption.state = Redemption.State.DELIVERED
            redemption.delivered_at = now
            redemption.save(update_fields=["state", "delivered_at"])
        return card_id is not None
