"""Examples of customers for the OpenAPI page."""

from __future__ import annotations

from typing import Any

from loyalty.api.example_parts import AT, CHECKOUT_ID, CLIENT, CUSTOMER, asked, page_of_one, told

_ANA: dict[str, Any] = {
    "id": CUSTOMER,
    "client_id": CLIENT,
    "first_name": "Ana",
    "last_name": "Reyes",
    "phone": "+12025550123",
    "email": "ana@example.com",
    "points_balance": 340,
    "points_held": 0,
    "points_available": 340,
    "lifetime_points": 640,
    "tier": "Gold",
    "is_active": True,
    "created_at": AT,
}
_NEW = {
    **_ANA,
    "points_balance": 0,
    "points_available": 0,
    "lifetime_points": 0,
    "tier": None,
}
_EARNED = {
    "id": "e5d4c3b2-7a6f-4c8b-8e9d-2a1f3c4b5d07",
    "points": 14,
    "type": "earned",
    "reference_type": "order",
    "reference_id": CHECKOUT_ID,
    "balance_before": 326,
    "balance_after": 340,
    "description": "Order 4711",
    "created_at": AT,
}

CUSTOMERS = [told("One customer", page_of_one(_ANA))]
ONE = [told("A customer", _ANA)]
NEW_CUSTOMER = [
    asked(
        "Somebody at the till",
        {
            "first_name": "Ana",
            "last_name": "Reyes",
            "phone": "+12025550123",
            "email": "ana@example.com",
        },
    ),
    told("Added", _NEW, "201"),
]
POINTS = [told("Points of an order", page_of_one(_EARNED))]
