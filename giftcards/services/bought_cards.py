"""A card that was bought: sealed and laid into its pool, already its holder's where it has one."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import connection

from alerts.transactions import transaction_required
from giftcards.models import GiftCard, ProviderOrder
from giftcards.providers.outcomes import SoldCard
from giftcards.services.secrets import SealedCode, seal_code, seal_field
from giftcards.services.stock import draw_claim_key, expiry_bucket_of

# A code that the brand has already is no new card, whatever the provider says.
_STORE: Final = """
    INSERT INTO giftcards_giftcard
        (id, pool_id, brand_id, client_id, code_encrypted, code_digest, last4, pin_encrypted,
         number_encrypted, security_code_encrypted, url_encrypted, value_minor, currency,
         cost_minor, status, source, provider_reference, expires_on, expiry_bucket, claim_key,
         holder_kind, holder_id, claimed_at, created_at)
    SELECT %(id)s, p.id, p.brand_id, p.client_id, %(code)s, %(digest)s, %(last4)s, %(pin)s,
        %(number)s, %(security_code)s, %(url)s, %(value)s, %(currency)s,
        coalesce(%(cost)s, p.cost_per_card_minor), %(status)s, %(source)s, %(reference)s,
        %(expires_on)s, %(bucket)s, %(claim_key)s, %(holder_kind)s, %(holder_id)s, %(claimed_at)s,
        %(now)s
    FROM giftcards_pool p WHERE p.id = %(pool)s
    ON CONFLICT (brand_id, code_digest) DO NOTHING
    RETURNING id
"""


@transaction_required
def store_bought_card(*, order: ProviderOrder, card: SoldCard, now: datetime) -> UUID | None:
    """Lay a card that an order bought into its pool; return its id.

    Claimed by the order's holder, or available where it was bought ahead. None when the brand has
    a card with this code already: then nothing was written.
    """
    sealed = _seal(card)
    is_held = order.holder_id is not None
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "id": uuid4(),
                "pool": order.pool_id,
                "code": sealed.encrypted,
                "digest": sealed.digest,
                "last4": sealed.last4,
                "pin": seal_field(card.pin, field="pin"),
                "number": seal_field(card.serial_number, field="number"),
                "security_code": seal_field(card.security_code, field="security_code"),
                "url": seal_field(card.url, field="url"),
                "value": order.value_minor,
                "currency": order.currency,
                "cost": cost_of(order=order, card=card),
                "status": GiftCard.Status.CLAIMED if is_held else GiftCard.Status.AVAILABLE,
                "source": GiftCard.Source.API if is_held else GiftCard.Source.BUFFER,
                "reference": card.reference,
                "expires_on": card.expires_on,
                "bucket": expiry_bucket_of(card.expires_on),
                "claim_key": draw_claim_key(),
                "holder_kind": order.holder_kind,
                "holder_id": order.holder_id,
                "claimed_at": now if is_held else None,
                "now": now,
            },
        )
        row = cursor.fetchone()
    return None if row is None else row[0]


def cost_of(*, order: ProviderOrder, card: SoldCard) -> int | None:
    """Return what a card cost in minor units of its own currency; None when that was not said."""
    if card.cost is None or card.cost.currency != order.currency:
        return None
    return card.cost.amount_minor


def _seal(card: SoldCard) -> SealedCode:
    if card.code:
        return seal_code(card.code)
    # Delivered as an address alone: that is what tells it from others, and its end is no hint
    # that a person could compare with anything.
    return SealedCode(encrypted="", digest=seal_code(card.url).digest, last4="")
