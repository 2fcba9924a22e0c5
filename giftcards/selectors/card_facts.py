"""A card as those who hand it out know it."""

from __future__ import annotations

import dataclasses
from datetime import date
from uuid import UUID

from giftcards.models import Brand, GiftCard


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """A card that was given to somebody; secrets are encrypted, the value is in minor units.

    :param was_disclosed: somebody may have seen its code, so it never goes back to stock.
    """

    card_id: UUID
    brand: str
    value_minor: int
    currency: str
    last4: str
    expires_on: date | None
    redemption_url: str
    code_encrypted: str
    pin_encrypted: str
    number_encrypted: str
    url_encrypted: str
    was_disclosed: bool = False


def card_facts(card: GiftCard, *, brand: Brand) -> CardFacts:
    """Return what is known of a card of a brand."""
    return CardFacts(
        card_id=card.pk,
        brand=brand.name,
        value_minor=card.value_minor,
        currency=card.currency,
        last4=card.last4,
        expires_on=card.expires_on,
        redemption_url=brand.redemption_url,
        code_encrypted=card.code_encrypted,
        pin_encrypted=card.pin_encrypted,
        number_encrypted=card.number_encrypted,
        url_encrypted=card.url_encrypted,
        was_disclosed=card.disclosed_at is not None,
    )
