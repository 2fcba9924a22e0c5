"""A platform's pool to sell from, and the sale most tests begin with."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from credit.selectors.viewers import SYSTEM
from giftcards.models import GiftCard, Pool
from giftcards.services.sales import Sale, sell_cards
from tests.world import NOW, World


def master_pool(world: World, cards: int = 0) -> Pool:
    """Return a new pool of the platform, of the world's value, with cards in it."""
    pool = Pool.objects.create(
        name="Stock",
        brand=world.brand,
        denomination=world.denomination,
        kind=Pool.Kind.MASTER,
        cost_per_card_minor=2300,
    )
    world.stock(cards, pool=pool)
    return pool


def sell(world: World, pool: Pool, quantity: int, **changes: Any) -> Sale:
    """Sell cards at 24 dollars each to the world's client, under a key of its own."""
    facts = {
        "viewer": SYSTEM,
        "master_pool_id": pool.pk,
        "client_id": world.client.pk,
        "quantity": quantity,
        "price_per_card_minor": 2400,
        "key": str(uuid4()),
        "now": NOW,
    }
    return sell_cards(**{**facts, **changes})


def count_available(pool: Pool) -> int:
    return GiftCard.objects.filter(pool=pool, status="available").count()
