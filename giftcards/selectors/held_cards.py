"""Cards that were claimed and have gone nowhere, and what is still under way for their holders."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from giftcards.models import GiftCard, ProviderOrder
from giftcards.models.order import ALIVE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HeldCard:
    """A claimed card and what holds it."""

    card_id: UUID
    holder_id: UUID
    claimed_at: datetime


_FIELDS: Final = ("pk", "holder_id", "claimed_at")


def claimed_before(*, holder_kind: str, before: datetime) -> QuerySet[GiftCard]:
    """Return the cards that holders of a kind claimed before a time, nothing ordered for them.

    The longest claimed first. An order at a provider that is not settled is work, retries and
    those that a person must look at included.
    """
    return (
        GiftCard.objects.filter(
            ~Exists(_orders_alive(holder_kind, OuterRef("holder_id"))),
            status=GiftCard.Status.CLAIMED,
            claimed_at__lt=before,
            holder_kind=holder_kind,
        )
        .order_by("claimed_at", "pk")
        .only(*_FIELDS)
    )


def page_of_held(cards: QuerySet[GiftCard], *, after: HeldCard | None, size: int) -> list[HeldCard]:
    """Return the next so many of the cards after one of them."""
    if after is not None:
        cards = cards.filter(
            Q(claimed_at__gt=after.claimed_at)
            | Q(claimed_at=after.claimed_at, pk__gt=after.card_id)
        )
    return [
        HeldCard(card_id=card_id, holder_id=holder_id, claimed_at=claimed_at)
        for card_id, holder_id, claimed_at in cards.values_list(*_FIELDS)[:size]
        if holder_id is not None and claimed_at is not None
    ]


def has_order_alive(*, holder_kind: str, holder_id: UUID) -> bool:
    """Tell whether something is being bought for a holder, or nobody knows if it was."""
    return _orders_alive(holder_kind, holder_id).exists()


def _orders_alive(holder_kind: str, holder_id: UUID | OuterRef) -> QuerySet[ProviderOrder]:
    return ProviderOrder.objects.filter(
        holder_kind=holder_kind, holder_id=holder_id, state__in=ALIVE
    )
