"""What is done to points besides checking out, by the functions of the database themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection

from tests.loyalty.shop import NOW, Shop, points_out_of_order
from tests.world import World

_ADJUST: Final = "SELECT loyalty_adjust_points(%s, %s, %s, %s, 'Counted again', 'test', %s)"
_REFUND: Final = (
    "SELECT id FROM loyalty_refund_checkout(%s, %s, %s, %s, %s::text[], %s::integer[], 'Cracked',"
    " 'test', '', %s)"
)
_REWARD: Final = (
    "SELECT id FROM loyalty_take_reward(%s, %s, %s, %s, 'none', '', 'en', false, NULL, %s, %s,"
    " ARRAY[]::text[], 'test', '', NULL, NULL, NULL, %s)"
)


def ask_database(statement: str, *parameters: Any) -> Any:
    """Return the one value of a statement, as whom the application is."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        (value,) = cursor.fetchone()
    return value


def adjust(client_id: UUID, customer_id: UUID, points: int, *, now: datetime = NOW) -> int:
    """Give or take points by hand; return the balance."""
    balance: int = ask_database(_ADJUST, client_id, customer_id, points, uuid4(), now)
    return balance


def refund(
    client_id: UUID,
    checkout_id: UUID,
    *,
    amount_minor: int | None = None,
    lines: Sequence[tuple[str, int]] = (),
    now: datetime = NOW,
) -> UUID:
    """Refund an amount, or articles."""
    refund_id: UUID = ask_database(
        _REFUND,
        uuid4(),
        client_id,
        checkout_id,
        amount_minor,
        [sku for sku, _ in lines],
        [quantity for _, quantity in lines],
        now,
    )
    return refund_id


def take_reward(
    client_id: UUID, customer_id: UUID, denomination_id: UUID, *, now: datetime = NOW
) -> UUID:
    """Take a gift card from stock for points."""
    reward_id = uuid4()
    taken: UUID = ask_database(
        _REWARD, reward_id, client_id, customer_id, denomination_id, reward_id.bytes * 2, now, now
    )
    return taken


def expire(customer_id: UUID, *, before: datetime, now: datetime = NOW) -> int:
    """Expire the points that were earned before; return how many."""
    expired: int = ask_database(
        "SELECT loyalty_expire_points(%s, %s, 'test', %s)", customer_id, before, now
    )
    return expired


def replay(item_id: UUID, *, now: datetime = NOW) -> bool:
    """Try once more to apply what is owed; tell whether it is applied."""
    is_applied: bool = ask_database(
        "SELECT loyalty_replay_item(%s, 'Replayed', 'test', %s)", item_id, now
    )
    return is_applied


def use_shop(shop: Shop, world: World) -> None:
    """Leave a row of everything: a sale, a refund, points that are owed, a card for points."""
    customer = shop.customer(points=5000)
    bought = shop.buy(shop.cart(customer, coffees=1, points=100))
    refund(shop.client.pk, bought.checkout_id, amount_minor=100)
    with points_out_of_order():
        shop.buy(shop.cart(customer, mugs=1, points=50))
    world.stock(1)
    take_reward(shop.client.pk, customer.pk, world.denomination.pk)
