"""Rewards to take back, and what must be true of one that was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from alerts.transactions import transaction
from credit.models import Entry
from credit.selectors.viewers import SYSTEM
from giftcards.models import CardEvent, GiftCard
from redemption.models import Campaign, Redemption, RevealLink
from redemption.services.cancelling import cancel_redemption
from redemption.services.claim_expiry import ClaimExpiry, expire_claims
from redemption.services.ending import Ended
from redemption.services.redeem import RedeemResult
from redemption.services.replacing import Replaced, replace_card
from redemption.services.stuck import CleanUp, clean_up_stuck
from sms.models import Message
from sms.services.cancelling import cancel_messages, lock_messages_about
from tests.redemption.asking import ask
from tests.world import NOW, World

WHY = "The recipient moved away"
LATER = NOW + timedelta(minutes=11)


def redeem_one(world: World, **changes: Any) -> RedeemResult:
    """Put a card in stock and redeem it."""
    world.stock(1)
    return ask(world.invite()[0], **changes)


def cancel(result: RedeemResult, **changes: Any) -> Ended:
    facts = {"viewer": SYSTEM, "reason": WHY, "now": LATER}
    return cancel_redemption(**{**facts, "redemption_id": result.redemption_id, **changes})


def expire(now: datetime = LATER) -> ClaimExpiry:
    """Let every campaign's claims end a minute before, and take back what nobody opened."""
    Campaign.objects.update(claim_expires_at=now - timedelta(minutes=1))
    return expire_claims(now=now, limit=100)


def replace(result: RedeemResult, **changes: Any) -> Replaced:
    facts = {"viewer": SYSTEM, "reason": "The card was empty", "now": LATER}
    return replace_card(**{**facts, "redemption_id": result.redemption_id, **changes})


def clean_up(now: datetime = LATER) -> CleanUp:
    return clean_up_stuck(now=now, limit=1000)


def give_up_text(result: RedeemResult) -> None:
    """Let the text of a reward fail for good."""
    texts = Message.objects.filter(reference_id=result.redemption_id, purpose="reward")
    texts.update(state="failed", next_attempt_at=None)


def cancel_text(result: RedeemResult) -> None:
    """Take the text of a reward out of the queue."""
    with transaction():
        messages = lock_messages_about(
            reference_kind="redemption", reference_id=result.redemption_id
        )
        cancel_messages(messages=messages)


def row(result: RedeemResult) -> Redemption:
    return Redemption.objects.get(pk=result.redemption_id)


def card_of(result: RedeemResult) -> GiftCard:
    """Return the card that a redemption was first given."""
    assert result.card is not None
    return GiftCard.objects.get(pk=result.card.card_id)


def history(card: GiftCard) -> list[tuple[str, str, str, str]]:
    rows = CardEvent.objects.filter(card=card).order_by("pk")
    return list(rows.values_list("from_status", "to_status", "actor", "reason"))


def live_links(result: RedeemResult) -> list[int]:
    links = RevealLink.objects.filter(redemption_id=result.redemption_id, revoked_at=None)
    return list(links.values_list("version", flat=True))


def message_states(result: RedeemResult) -> list[tuple[str, str]]:
    rows = Message.objects.filter(reference_id=result.redemption_id).order_by("created_at", "pk")
    return list(rows.values_list("purpose", "state"))


def refunds() -> list[int]:
    rows = Entry.objects.filter(transaction__kind="refund", amount_minor__gt=0)
    return list(rows.values_list("amount_minor", flat=True))
