"""Examples of articles and tills for the OpenAPI page."""

from __future__ import annotations

from credit.api.example_parts import example_answer, example_page, example_request
from loyalty.api.example_parts import AT, CLIENT, SESSION

_COFFEE = {
    "id": "f6e5d4c3-8b7a-4d9c-9f0e-3b2a4d5c6e08",
    "client_id": CLIENT,
    "sku": "COFFEE",
    "name": "Coffee",
    "price": "4.00",
    "currency": "USD",
    "on_hand": 100,
    "reserved": 2,
    "is_active": True,
    "created_at": AT,
}
_OPEN = {
    "id": SESSION,
    "client_id": CLIENT,
    "register": "Till 1",
    "currency": "USD",
    "opened_at": AT,
    "closed_at": None,
    "orders": 0,
    "sales": "0.00",
    "refunds": "0.00",
    "points_spent": 0,
    "points_earned": 0,
}
_BUSY = {**_OPEN, "orders": 1, "sales": "14.00", "points_spent": 200, "points_earned": 14}
_CLOSED = {**_BUSY, "closed_at": "2026-03-02T22:00:00Z"}

STOCK_ITEMS = [example_answer("One article", example_page(_COFFEE))]
STOCK_ITEM = [example_answer("An article", _COFFEE)]
NEW_STOCK_ITEM = [
    example_request("Coffee", {"sku": "COFFEE", "name": "Coffee", "price": "4.00", "on_hand": 100}),
    example_answer("Added", {**_COFFEE, "reserved": 0}, "201"),
]
SESSIONS = [example_answer("One till", example_page(_BUSY))]
ONE_SESSION = [example_answer("A till that is open", _BUSY)]
NEW_SESSION = [
    example_request("In the morning", {"register": "Till 1"}),
    example_answer("Opened", _OPEN, "201"),
]
CLOSE = [example_request("In the evening", {}), example_answer("Closed", _CLOSED)]
