"""Orders at providers, as operators look for them."""

from __future__ import annotations

from django.db.models import Q

from giftcards.models import GiftCard, ProviderOrder

_SAME_LAST4 = 500


def count_unknown_orders() -> int:
    """Count the orders of which nobody knows what became: each waits for a person."""
    return ProviderOrder.objects.filter(state=ProviderOrder.State.UNKNOWN).count()


def match_last4(term: str) -> Q:
    """Return the orders whose card's code ends so, whatever its case; each step by an index."""
    cards = GiftCard.objects.filter(last4=term.upper(), provider_order__isnull=False)
    return Q(card__in=list(cards.order_by().values_list("pk", flat=True)[:_SAME_LAST4]))
