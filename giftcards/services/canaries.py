"""Cards that are traps: Note [Canary] in giftcards/sql/canaries.sql."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

from alerts.models import Alert
from alerts.services.alerts import raise_alert
from alerts.transactions import transaction_required
from giftcards.models import GiftCard, Pool
from giftcards.services.secrets import seal_code
from giftcards.services.stock import NO_EXPIRY_BUCKET, draw_claim_key
from giftcards.services.upload_rules import pattern_for

KIND: Final = "canary"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HeldBackCard:
    """A canary that was just planted; its code is shown once and kept sealed."""

    card_id: UUID
    code: str = dataclasses.field(repr=False)


@transaction_required
def plant_card(*, pool: Pool, now: datetime) -> HeldBackCard:
    """Put a card into a pool that looks like its others, and that nobody is ever given.

    :raises ValidationFailedError: the pool takes no cards of ours (GC-012).
    """
    code = pattern_for(pool).make_code()
    sealed = seal_code(code)
    card = GiftCard.objects.create(
        pool=pool,
        brand_id=pool.brand_id,
        client_id=pool.client_id,
        code_encrypted=sealed.encrypted,
        code_digest=sealed.digest,
        last4=sealed.last4,
        value_minor=pool.denomination.value_minor,
        currency=pool.denomination.currency,
        source=GiftCard.Source.MANUAL,
        status=GiftCard.Status.HELD_BACK,
        expiry_bucket=NO_EXPIRY_BUCKET,
        claim_key=draw_claim_key(),
        created_at=now,
    )
    return HeldBackCard(card_id=card.pk, code=code)


@transaction_required
def retire_card(*, card_id: UUID) -> None:
    """End a canary: it is void from here on. Safe to repeat."""
    GiftCard.objects.filter(pk=card_id, status=GiftCard.Status.HELD_BACK).update(
        status=GiftCard.Status.VOID
    )


@transaction_required
def alert_shown(*, card: GiftCard, actor: str, address: str, now: datetime) -> None:
    """Say that somebody has had a canary shown to them, where the card is one."""
    if card.status != GiftCard.Status.HELD_BACK:
        return
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.CRITICAL,
        subject="Somebody has looked at the code of a canary card",
        message="No reward has ever been paid with this card, and nobody has a reason to read its"
        " code. Ask who did, and look at what else they have read.",
        data={"card_id": card.pk, "actor": actor, "address": address, "at": now},
        dedupe_key=f"canary_shown:{card.pk}",
        now=now,
    )
