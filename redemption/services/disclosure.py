"""Marking a card as seen, before its code is shown: see Note [Disclosure]."""

import dataclasses
from datetime import datetime
from uuid import UUID

from alerts.scope import EVERYTHING, seeing
from alerts.transactions import transaction
from giftcards.models import GiftCard
from giftcards.services.disclosing import disclose_card
from redemption.models import Redemption


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """What may be shown from now on: this card and no other; None for a test's, which is none.

    A redemption may be given another card the moment after. Who shows one reads it from here,
    never from the redemption again: that other card has not been disclosed.
    """

    card: GiftCard | None


@seeing(EVERYTHING)
def disclose_redemption(*, redemption_id: UUID, actor: str, now: datetime) -> Disclosure | None:
    """Commit that the card of a redemption is about to be seen, and so delivered.

    Safe to repeat. Returns what may be shown, None when there is nothing (any more): one that
    has ended has no card to show, whatever it once had.
    """
    with transaction():
        redemption = Redemption.objects.select_for_update(no_key=True).get(pk=redemption_id)
        # Who takes a card back holds this row's lock and ends the redemption with it, so either
        # the mark is there before they look, or the card is gone when we do.
        if redemption.state not in Redemption.STANDING:
            return None
        if redemption.card_id is None:
            return Disclosure(card=None) if redemption.is_test else None
        card = disclose_card(card_id=redemption.card_id, actor=actor, now=now)
        if card is None:
            return None
        if redemption.state == Redemption.State.ISSUED:
            redemption.state = Redemption.State.DELIVERED
            redemption.delivered_at = now
            redemption.save(update_fields=["state", "delivered_at"])
        return Disclosure(card=card)
