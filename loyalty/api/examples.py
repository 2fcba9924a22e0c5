"""Examples of customers for the OpenAPI page."""

from __future__ import annotations

from typing import Any

from credit.api.example_parts import example_answer, example_page, example_request
from loyalty.api.example_parts import AT, CHECKOUT_ID, CLIENT, CUSTOMER

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

CUSTOMERS = [example_answer("One customer", example_page(_ANA))]
ONE = [example_answer("A customer", _ANA)]
NEW_CUSTOMER = [
    example_request(
        "Somebody at the till",
        {
            "first_name": "Ana",
            "last_name": "Reyes",
            "phone": "+12025550123",
            "email": "ana@example.com",
        },
    ),
    example_answer("Added", _NEW, "201"),
]
CHANGE = [
    example_request("A new number", {"phone": "+12025550123"}),
    example_answer("Changed", _ANA),
]
POINTS = [example_answer("Points of an order", example_page(_EARNED))]
