"""Examples of gift cards for points for the OpenAPI page."""

from __future__ import annotations

from credit.api.example_parts import example_answer, example_request
from loyalty.api.example_parts import AT, CUSTOMER

_ISSUED = {
    "id": "d0e1f2a3-4b5c-4d6e-8f7a-8b9c0d1e2f12",
    "customer_id": CUSTOMER,
    "state": "issued",
    "reason": None,
    "source": "csv",
    "face_value": "25.00",
    "charged": "26.25",
    "currency": "USD",
    "credit_remaining": None,
    "card": {
        "brand": "Solmara Brightleaf",
        "value": "25.00",
        "currency": "USD",
        "code": "SOLM-4821-7730-5512",
        "pin": None,
        "number": None,
        "url": None,
        "expires_on": None,
        "redemption_url": None,
        "last4": "5512",
    },
    "reveal_url": "https://gifts.example/points/q3mZ8vK1xT6pR0sW4yB7nA/",
    "message": {
        "id": "e1f2a3b4-5c6d-4e7f-9a8b-9c0d1e2f3a13",
        "channel": "sms",
        "to_masked": "•••• 0123",
        "state": "queued",
    },
    "created_at": AT,
    "issued_at": AT,
    "delivered_at": None,
    "points_spent": 2500,
    "points_balance": 340,
}
_BOUGHT = {
    **_ISSUED,
    "state": "provisioning",
    "reason": {
        "code": "GC-005",
        "detail": "Your gift card is being prepared, which can take a few minutes. "
        "Your points are set aside for it, and there is nothing more to do.",
    },
    "source": None,
    "charged": None,
    "card": None,
    "reveal_url": None,
    "message": None,
    "issued_at": None,
    "points_balance": 2840,
}

REWARD = [
    example_request(
        "A card of 25 dollars",
        {
            "customer_id": CUSTOMER,
            "denomination_id": "c9d0e1f2-3a4b-4c5d-9e6f-7a8b9c0d1e11",
            "contact": {"method": "sms", "phone": "+12025550123"},
        },
    ),
    example_answer("The card", _ISSUED, "201"),
    example_answer("The card is being bought", _BOUGHT, "202"),
]
