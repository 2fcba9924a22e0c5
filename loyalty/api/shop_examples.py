"""Examples of articles and tills for the OpenAPI page."""

from __future__ import annotations

from loyalty.api.example_parts import AT, CLIENT, SESSION, asked, page_of_one, told

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

STOCK_ITEMS = [told("One article", page_of_one(_COFFEE))]
STOCK_ITEM = [told("An article", _COFFEE)]
NEW_STOCK_ITEM = [
    asked("Coffee", {"sku": "COFFEE", "name": "Coffee", "price": "4.00", "on_hand": 100}),
    told("Added", {**_COFFEE, "reserved": 0}, "201"),
]
SESSIONS = [told("One till", page_of_one(_BUSY))]
ONE_SESSION = [told("A till that is open", _BUSY)]
NEW_SESSION = [asked("In the morning", {"register": "Till 1"}), told("Opened", _OPEN, "201")]
CLOSE = [asked("In the evening", {}), told("Closed", _CLOSED)]
