"""Examples of points that are still to come for the OpenAPI page."""

from __future__ import annotations

from credit.api.example_parts import example_answer, example_page, example_request
from loyalty.api.example_parts import AT, CHECKOUT_ID, CLIENT, CUSTOMER

_OPEN = {
    "id": "f2a3b4c5-6d7e-4f8a-8b9c-0d1e2f3a4b14",
    "checkout_id": CHECKOUT_ID,
    "client_id": CLIENT,
    "customer_id": CUSTOMER,
    "points_earned": 14,
    "points_redeemed": 200,
    "order_total": "14.00",
    "currency": "USD",
    "error": "55P03: canceling statement due to lock timeout",
    "attempts": 1,
    "created_at": AT,
    "last_attempt_at": "2026-03-02T15:31:00Z",
    "resolved": False,
    "resolved_at": None,
    "resolved_by": "",
    "resolution_note": "",
}
_DONE = {
    **_OPEN,
    "attempts": 2,
    "last_attempt_at": "2026-03-02T15:40:00Z",
    "resolved": True,
    "resolved_at": "2026-03-02T15:40:00Z",
    "resolved_by": "key:0b7c2f0a-5a3e-4f62-9c1d-3f0e8a6b1c01",
}
_NOTE = "The customer was given the points by hand"

ITEMS = [
    example_answer(
        "One checkout",
        example_page(
            _OPEN,
            summary={"unresolved_count": 1, "lost_earnings": 14, "incorrect_redemptions": 200},
        ),
    )
]
REPLAY = [example_request("Now", {}), example_answer("Written", _DONE)]
RESOLVE = [
    example_request("Given up", {"note": _NOTE}),
    example_answer("Resolved", {**_DONE, "attempts": 1, "resolution_note": _NOTE}),
]
