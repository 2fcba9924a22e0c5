"""Carts that Stripe is paid for, and how things stand afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from loyalty.models import Checkout, Customer, Payment
from loyalty.services.payments import ASKED_AFTER, SettleRun, settle_due
from tests.loyalty.shop import Shop
from tests.loyalty.till import sale

VISA = "pm_card_visa"
REFUSED = "pm_card_visa_chargeDeclinedInsufficientFunds"
# A search finds nothing, as Stripe's does for a minute.
BLIND = {"match": {"request": "search"}, "action": "blind"}


def card_sale(
    shop: Shop,
    customer: Customer | None = None,
    *,
    method: str = VISA,
    amount: str = "14.00",
    points: int = 200,
    **more: Any,
) -> dict[str, Any]:
    """Return the body of a checkout of a coffee and a mug by card, with points."""
    payment = {"gateway": "stripe", "amount": amount, "payment_method": method}
    return sale(shop, customer, points=points, **{"payment": payment, **more})


def payment_of(checkout_id: Any) -> Payment:
    return Payment.objects.get(checkout_id=checkout_id)


def begun_at(checkout_id: Any) -> datetime:
    return Checkout.objects.get(pk=checkout_id).created_at


def settle(checkout_id: Any, *, after: timedelta = ASKED_AFTER) -> SettleRun:
    """Run the job so long after the checkout was begun."""
    return settle_due(now=begun_at(checkout_id) + after, limit=100)


def articles_of(shop: Shop) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many coffees and mugs there are, and how many of each are set aside."""
    shop.coffee.refresh_from_db()
    shop.mug.refresh_from_db()
    return (
        (shop.coffee.on_hand, shop.coffee.reserved),
        (shop.mug.on_hand, shop.mug.reserved),
    )


SOLD = ((99, 0), (9, 0))
HELD = ((100, 1), (10, 1))
FREE = ((100, 0), (10, 0))
