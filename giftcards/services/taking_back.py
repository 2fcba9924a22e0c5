"""Cards that are taken from their holder: back to stock, out of use, or aside.

Only a card whose code nobody can have seen goes back to stock: see Note [Disclosure]. The caller
has locked what holds the card (Note [Lock order]), and each step is one guarded UPDATE, so that
what the card's own row says at that moment decides.
"""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from alerts.transactions import transaction_required
from giftcards.models import GiftCard

Status = GiftCard.Status


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What holds a card: ``("redemption", id)``."""

    kind: str
    id: UUID


@transaction_required
def lock_card(card_id: UUID) -> GiftCard:
    """Lock a card's row until the transaction ends, after its holder's, and return it."""
    return GiftCard.objects.select_for_update(no_key=True, of=("self",)).get(pk=card_id)


@transaction_required
def return_card(
    *, card_id: UUID, holder: Holder, actor: str, reason: str, is_unopened: bool = False
) -> bool:
    """Put a claimed card back into its pool; return whether it is there.

    It is not when somebody may have seen its code, or when what leads to it is out of our hands.

    :param is_unopened: the caller knows that whatever is out of our hands leads nowhere any more,
        from this transaction on.
    """
    states = [Status.CLAIMED, Status.DELIVERED] if is_unopened else [Status.CLAIMED]
    return _change(
        _held(card_id, holder).filter(status__in=states, disclosed_at=None),
        actor,
        reason,
        status=Status.AVAILABLE,
        holder_kind=None,
        holder_id=None,
        claimed_at=None,
        delivered_at=None,
    )


@transaction_required
def void_card(*, card_id: UUID, holder: Holder, actor: str, reason: str) -> bool:
    """Take a held card out of use for good; it keeps its holder as history.

    Return whether it was held by this holder.
    """
    return _change(
        _held(card_id, holder).exclude(status=Status.VOID), actor, reason, status=Status.VOID
    )


@transaction_required
def quarantine_card(*, card_id: UUID, holder: Holder, actor: str, reason: str) -> bool:
    """Set a claimed card aside until a person has looked at it; return whether it is."""
    return _change(
        _held(card_id, holder).filter(status=Status.CLAIMED),
        actor,
        reason,
        status=Status.QUARANTINED,
    )


def _held(card_id: UUID, holder: Holder) -> QuerySet[GiftCard]:
    return GiftCard.objects.filter(pk=card_id, holder_kind=holder.kind, holder_id=holder.id)


def _change(cards: QuerySet[GiftCard], actor: str, reason: str, **changes: Any) -> bool:
    with connection.cursor() as cursor:
        # For the cards' history, which their trigger writes.
        cursor.execute(
            "SELECT set_config('giftline.actor', %s, true),"
            " set_config('giftline.reason', %s, true)",
            [actor, reason],
        )
    changed = cards.update(**changes)
    with connection.cursor() as cursor:
        # Whatever follows in this transaction has reasons of its own.
        cursor.execute("SELECT set_config('giftline.reason', '', true)")
    return bool(changed)
