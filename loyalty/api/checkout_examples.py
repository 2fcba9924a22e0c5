"""Examples of quotes, checkouts and refunds for the OpenAPI page."""

from __future__ import annotations

from typing import Any

from credit.api.example_parts import example_answer, example_page, example_request
from loyalty.api.example_parts import AT, CHECKOUT_ID, CLIENT, CUSTOMER, SESSION

_LINES = [{"sku": "COFFEE", "quantity": 1}, {"sku": "MUG", "quantity": 1}]
_CART = {"customer_id": CUSTOMER, "lines": _LINES, "points_to_redeem": 200}
_PRICE = {"subtotal": "16.00", "discount": "2.00", "total": "14.00", "currency": "USD"}
_PAID: dict[str, Any] = {
    "id": CHECKOUT_ID,
    "client_id": CLIENT,
    "customer_id": CUSTOMER,
    "register_session_id": SESSION,
    "order_number": "4711",
    "state": "completed",
    "loyalty": "applied",
    **_PRICE,
    "refunded": "0.00",
    "points_redeemed": 200,
    "points_earned": 14,
    "points_balance": 154,
    "lines": [
        {"sku": "COFFEE", "name": "Coffee", "quantity": 1, "price": "4.00", "refunded": 0},
        {"sku": "MUG", "name": "Mug", "quantity": 1, "price": "12.00", "refunded": 0},
    ],
    "payment": {
        "id": "a7b8c9d0-1e2f-4a3b-9c4d-5e6f7a8b9c09",
        "gateway": "manual",
        "state": "approved",
        "amount": "14.00",
        "currency": "USD",
        "reference": "slip-0815",
    },
    "steps": [
        {"name": "validate", "status": "ok", "milliseconds": 0.412},
        {"name": "reserve_stock", "status": "ok", "milliseconds": 0.305},
        {"name": "hold_points", "status": "ok", "milliseconds": 0.121},
        {"name": "take_payment", "status": "approved", "milliseconds": 0},
        {"name": "finalise_stock", "status": "ok", "milliseconds": 0.288},
        {"name": "update_points", "status": "ok", "milliseconds": 0.634},
        {"name": "update_register_session", "status": "ok", "milliseconds": 0.097},
    ],
    "created_at": AT,
}
_OPEN = {
    **_PAID,
    "state": "payment_unknown",
    "loyalty": "pending",
    "points_balance": 340,
    "payment": {**_PAID["payment"], "gateway": "stripe", "state": "unknown", "reference": ""},
    "steps": _PAID["steps"][:3],
}

QUOTE = [
    example_request("A coffee and a mug, with points", _CART),
    example_answer(
        "What it comes to",
        {**_PRICE, "points_to_earn": 14, "redeemable": True, "available": 340},
    ),
]
CHECKOUTS = [example_answer("One checkout", example_page(_PAID))]
ONE_CHECKOUT = [example_answer("A checkout", _PAID)]
CHECKOUT = [
    example_request(
        "Paid at a terminal",
        {
            **_CART,
            "order_number": "4711",
            "register_session_id": SESSION,
            "payment": {
                "gateway": "manual",
                "result": "approved",
                "amount": "14.00",
                "reference": "slip-0815",
            },
        },
    ),
    example_request(
        "Charged by us, through Stripe",
        {
            **_CART,
            "order_number": "4712",
            "register_session_id": SESSION,
            "payment": {"gateway": "stripe", "amount": "14.00", "payment_method": "pm_card_visa"},
        },
    ),
    example_answer("Sold", _PAID, "201"),
    example_answer("The payment is not known yet", _OPEN, "202"),
]
REFUND = [
    example_request(
        "The mug comes back",
        {"lines": [{"sku": "MUG", "quantity": 1}], "reason": "It has a crack"},
    ),
    example_answer(
        "Refunded",
        {
            "refund_id": "b8c9d0e1-2f3a-4b4c-8d5e-6f7a8b9c0d10",
            "checkout_id": CHECKOUT_ID,
            "state": "done",
            "amount": "10.50",
            "currency": "USD",
            "points_taken_back": 10,
            "points_returned": 150,
            "shortfall_points": 0,
            "points_balance": 294,
        },
        "201",
    ),
]
