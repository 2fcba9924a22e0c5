"""A till's program that calls the API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from loyalty.models import Customer
from tests.credit.partners import Partner
from tests.loyalty.shop import Shop


def cart(customer: Customer | None = None, *, points: int = 0, **more: Any) -> dict[str, Any]:
    """Return a coffee of 4.00 and a mug of 12.00, as a body has them."""
    lines = [{"sku": "COFFEE", "quantity": 1}, {"sku": "MUG", "quantity": 1}]
    return {
        "customer_id": None if customer is None else str(customer.pk),
        "lines": lines,
        "points_to_redeem": points,
        **more,
    }


def sale(
    shop: Shop,
    customer: Customer | None = None,
    *,
    points: int = 0,
    amount: str = "16.00",
    result: str = "approved",
    **more: Any,
) -> dict[str, Any]:
    """Return the body of a checkout of that cart."""
    return {
        **cart(customer, points=points),
        "order_number": "4711",
        "register_session_id": str(shop.till.pk),
        "payment": {
            "gateway": "manual",
            "result": result,
            "amount": amount,
            "reference": "slip-0815",
        },
        **more,
    }


def post(partner: Partner, path: str, body: Any, *, key: str | None = None) -> Any:
    """Post under a key of its own, unless one is given."""
    return partner.post(f"/loyalty{path}", body, key=str(uuid4()) if key is None else key)
