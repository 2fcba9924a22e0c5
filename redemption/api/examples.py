"""Examples for the OpenAPI page."""

from drf_spectacular.utils import OpenApiExample

VALIDATE = [
    OpenApiExample("A code", value={"code": "7XK2-9QWD-ME4R8"}, request_only=True),
    OpenApiExample(
        "It can be redeemed",
        value={
            "valid": True,
            "state": "ready",
            "campaign": {"id": "8b0f5a55-7f0e-4a52-9d5a-0d8f5b1f2c11", "name": "Spring visits"},
            "conditions": [
                {
                    "number": 1,
                    "name": "Came to the appointment",
                    "brand": "Corner Shop",
                    "value": "25.00",
                    "currency": "USD",
                }
            ],
            "requires": ["contact"],
        },
        response_only=True,
        status_codes=["200"],
    ),
]
REDEEM = [
    OpenApiExample(
        "With a text to the recipient",
        value={
            "code": "7XK2-9QWD-ME4R8",
            "condition_number": 1,
            "contact": {"method": "sms", "phone": "+12025550123"},
        },
        request_only=True,
    ),
    OpenApiExample(
        "Issued",
        value={
            "id": "5e0c2a4e-3f36-4f7a-b6e4-0a4b6f5a1c55",
            "state": "issued",
            "reason": None,
            "campaign_id": "8b0f5a55-7f0e-4a52-9d5a-0d8f5b1f2c11",
            "recipient_id": "a2f1c6de-6e0f-4a44-8a3f-6f5f0f6b7d01",
            "condition_number": 1,
            "source": "csv",
            "face_value": "25.00",
            "charged": "25.00",
            "currency": "USD",
            "credit_remaining": "9975.00",
            "card": {
                "brand": "Corner Shop",
                "value": "25.00",
                "currency": "USD",
                "code": "SHOP-4821-7730",
                "pin": "0417",
                "number": None,
                "url": None,
                "expires_on": "2027-12-31",
                "redemption_url": "https://shop.example/redeem",
                "last4": "7730",
            },
            "reveal_url": "https://gifts.example/r/0Jx3pW2vQk6tYb8nRz5cLA/",
            "message": {
                "id": "c2b1a0f9-8e7d-4c6b-9a5f-4e3d2c1b0a99",
                "channel": "sms",
                "to_masked": "••• 0123",
                "state": "queued",
            },
            "created_at": "2026-03-02T15:30:00Z",
            "issued_at": "2026-03-02T15:30:00Z",
            "delivered_at": None,
        },
        response_only=True,
        status_codes=["201"],
    ),
]
