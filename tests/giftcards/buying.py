"""Pools that buy, for tests: a buffer, and orders that have come to an end."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from giftcards.models import Pool, ProviderOrder
from tests.world import NOW, World

SLUG = "amazon-us"


def sell_at(world: World, slug: str = SLUG) -> None:
    """Give the world's brand a name at the provider."""
    world.brand.provider_slug = slug
    world.brand.save(update_fields=["provider_slug"])


def make_buffer(world: World, *, target: int | None = 3, **more: Any) -> Pool:
    """Make a buffer pool of the world's value, whose brand the provider sells."""
    sell_at(world, more.pop("slug", SLUG))
    return Pool.objects.create(
        **{
            "name": "Bought ahead",
            "brand": world.brand,
            "denomination": world.denomination,
            "kind": Pool.Kind.BUFFER,
            "purchase_method": Pool.PurchaseMethod.API_ONLY,
            "api_provider": "tillo",
            "target_level": target,
            **more,
        }
    )


def end_orders(*, state: str, now: datetime = NOW, **changes: Any) -> int:
    """Let all orders that are in work come to an end, as the workers would."""
    is_settled = state in ("failed", "reversed")
    return ProviderOrder.objects.filter(state="requested").update(
        state=state,
        next_attempt_at=None,
        last_attempt_at=now,
        settled_at=now if is_settled else None,
        **changes,
    )


def buy_orders(world: World, pool: Pool, *, now: datetime = NOW, cost_minor: int = 2400) -> None:
    """Let all orders that are in work be bought into a pool."""
    for order in ProviderOrder.objects.filter(state="requested", pool=pool).order_by("pk"):
        (card,) = world.stock(1, pool=pool)
        ProviderOrder.objects.filter(pk=order.pk).update(
            state="succeeded",
            next_attempt_at=None,
            settled_at=now,
            cost_minor=cost_minor,
            card=card,
            provider_reference=uuid4().hex,
        )
