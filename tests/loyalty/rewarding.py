"""Taking gift cards for points."""

from __future__ import annotations

from typing import Any

from loyalty.models import Customer
from loyalty.services.contacts import Contact
from loyalty.services.rewards import RewardResult, take_reward
from tests.loyalty.shop import NOW, Shop
from tests.world import World

TEXT = Contact(method="sms", to="+12025550143")
NOWHERE = Contact(method="none")


def take(shop: Shop, world: World, customer: Customer, **changes: Any) -> RewardResult:
    """Let a customer take a card of the world's value."""
    fields: dict[str, Any] = {
        "client_id": shop.client.pk,
        "customer_id": customer.pk,
        "denomination_id": world.denomination.pk,
        "contact": NOWHERE,
        "actor": "key:test",
        "request_id": "req-3",
        "now": NOW,
    }
    return take_reward(**{**fields, **changes})
