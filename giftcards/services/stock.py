"""Cards on their way into a pool."""

import secrets
from datetime import date

from alerts.transactions import transaction_required
from giftcards.models import GiftCard, Pool
from giftcards.services.secrets import seal_code, seal_field

NO_EXPIRY_BUCKET = 999912
_CLAIM_KEYS = 2**31 - 1


def expiry_bucket_of(expires_on: date | None) -> int:
    """Return the month of expiry as a number, 202612; the earliest month is claimed first."""
    if expires_on is None:
        return NO_EXPIRY_BUCKET
    return expires_on.year * 100 + expires_on.month


def draw_claim_key() -> int:
    """Return the random place of a card within its month in the order of claims."""
    return secrets.randbelow(_CLAIM_KEYS)


@transaction_required
def add_card(
    *, pool: Pool, code: str, pin: str = "", number: str = "", expires_on: date | None = None
) -> GiftCard:
    """Add one card to a pool by hand.

    :raises django.db.IntegrityError: the brand has a card with this code.
    """
    sealed = seal_code(code)
    return GiftCard.objects.create(
        pool=pool,
        brand_id=pool.brand_id,
        client_id=pool.client_id,
        code_encrypted=sealed.encrypted,
        code_digest=sealed.digest,
        last4=sealed.last4,
        pin_encrypted=seal_field(pin, field="pin"),
        number_encrypted=seal_field(number, field="number"),
        value_minor=pool.denomination.value_minor,
        currency=pool.denomination.currency,
        cost_minor=pool.cost_per_card_minor,
        source=GiftCard.Source.MANUAL,
        expires_on=expires_on,
        expiry_bucket=expiry_bucket_of(expires_on),
        claim_key=draw_claim_key(),
    )
