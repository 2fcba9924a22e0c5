"""Examples for the OpenAPI page."""

from typing import Any

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
        media_type="application/json",
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
                "to_masked": "•••0123",
                "state": "queued",
            },
            "created_at": "2026-03-02T15:30:00Z",
            "issued_at": "2026-03-02T15:30:00Z",
            "delivered_at": None,
        },
        response_only=True,
        status_codes=["201"],
        media_type="application/json",
    ),
    OpenApiExample(
        "Being bought",
        value={
            "id": "5e0c2a4e-3f36-4f7a-b6e4-0a4b6f5a1c55",
            "state": "provisioning",
            "reason": {
                "code": "GC-005",
                "detail": "Your gift card is being prepared, which can take a few minutes. "
                "It will be sent to you by itself. Please don't enter your code again.",
            },
            "campaign_id": "8b0f5a55-7f0e-4a52-9d5a-0d8f5b1f2c11",
            "recipient_id": "a2f1c6de-6e0f-4a44-8a3f-6f5f0f6b7d01",
            "condition_number": 1,
            "source": None,
            "face_value": "25.00",
            "charged": None,
            "currency": "USD",
            "credit_remaining": None,
            "card": None,
            "reveal_url": None,
            "message": None,
            "created_at": "2026-03-02T15:30:00Z",
            "issued_at": None,
            "delivered_at": None,
        },
        response_only=True,
        status_codes=["202"],
        media_type="application/json",
    ),
    OpenApiExample(
        "Where the campaign asks for a second factor",
        value={
            "code": "4821773",
            "contact": {"method": "sms", "phone": "+12025550123"},
            "verification": {"last_name": "Sample"},
        },
        request_only=True,
    ),
]
PROVISION = [
    OpenApiExample(
        "To a recipient, with a text",
        value={
            "campaign_id": "8b0f5a55-7f0e-4a52-9d5a-0d8f5b1f2c11",
            "condition_number": 1,
            "recipient_id": "a2f1c6de-6e0f-4a44-8a3f-6f5f0f6b7d01",
            "contact": {"method": "sms", "phone": "+12025550123"},
        },
        request_only=True,
    ),
    OpenApiExample(
        "By a code, sure of the card, with a word for the opt-in",
        value={
            "campaign_id": "8b0f5a55-7f0e-4a52-9d5a-0d8f5b1f2c11",
            "condition_number": 1,
            "code": "7XK2-9QWD-ME4R8",
            "brand_id": "1f7a3c52-90d4-4a8e-b1c6-2e5d8f9a0b34",
            "denomination": "25.00",
            "contact": {"method": "sms", "phone": "+12025550123"},
            "skip_opt_in_reason": "Agreed to a text in the call",
        },
        request_only=True,
    ),
    *(one for one in REDEEM if one.response_only),
]
_ISSUED: dict[str, Any] = REDEEM[1].value
_CARD: dict[str, Any] = _ISSUED["card"]
_NO_SECRETS = {"code": None, "pin": None, "number": None, "url": None}
_STEP = {
    "step": "take_back",
    "status": "cancelled",
    "code": None,
    "message": "The card is back in stock: nobody has seen its code.",
    "milliseconds": 0.0,
    "at": "2026-03-02T16:05:00Z",
}
REDEMPTION = [
    OpenApiExample(
        "Delivered, to a key without cards:reveal",
        value={
            **_ISSUED,
            "state": "delivered",
            "card": {**_CARD, **_NO_SECRETS},
            "reveal_url": None,
            "message": {**_ISSUED["message"], "state": "delivered"},
            "delivered_at": "2026-03-02T15:30:02Z",
            "refunded": "0.00",
            "messages": [{**_ISSUED["message"], "state": "delivered"}],
            "trace": [{**_STEP, "step": "claim_card", "status": "ok", "message": "From stock."}],
        },
        response_only=True,
        status_codes=["200"],
        media_type="application/json",
    ),
]
REDEMPTIONS = [
    OpenApiExample(
        "A page, to a key without cards:reveal",
        value={"next": None, "previous": None, "results": [REDEMPTION[0].value]},
        response_only=True,
        status_codes=["200"],
        media_type="application/json",
    ),
]
CANCELLED = [
    OpenApiExample(
        "Back in stock, and the money with who paid it",
        value={
            **_ISSUED,
            "state": "cancelled",
            "card": None,
            "reveal_url": None,
            "message": {**_ISSUED["message"], "state": "cancelled"},
            "refunded": "25.00",
            "messages": [{**_ISSUED["message"], "state": "cancelled"}],
            "trace": [_STEP],
        },
        response_only=True,
        status_codes=["200"],
        media_type="application/json",
    ),
    OpenApiExample(
        "Somebody may have seen the code: void, and charged",
        value={
            **_ISSUED,
            "state": "cancelled",
            "card": {**_CARD, **_NO_SECRETS},
            "reveal_url": None,
            "message": {**_ISSUED["message"], "state": "delivered"},
            "delivered_at": "2026-03-02T15:30:02Z",
            "refunded": "0.00",
            "messages": [{**_ISSUED["message"], "state": "delivered"}],
            "trace": [{**_STEP, "message": "The card is void: it had left our hands."}],
        },
        response_only=True,
        status_codes=["200"],
        media_type="application/json",
    ),
]
REPLACED = [
    OpenApiExample(
        "Another card",
        value={
            **_ISSUED,
            "state": "delivered",
            "card": {**_CARD, "code": "SHOP-9036-1152", "pin": "8830", "last4": "1152"},
            "reveal_url": "https://gifts.example/r/7hYq0LkP3sVd9WmXt2RbEg/",
            "delivered_at": "2026-03-02T16:05:00Z",
            "refunded": "0.00",
            "messages": [_ISSUED["message"]],
            "trace": [
                {
                    **_STEP,
                    "step": "replace_card",
                    "status": "ok",
                    "message": "Another card stands in for the one that is void now.",
                }
            ],
        },
        response_only=True,
        status_codes=["200"],
        media_type="application/json",
    ),
]
RESEND = [
    OpenApiExample("To where it went before", value={}, request_only=True),
    OpenApiExample(
        "To a corrected number", value={"method": "sms", "to": "+12025550199"}, request_only=True
    ),
    OpenApiExample(
        "On its way",
        value={
            "message": {
                "id": "7d2b9c11-52a4-4c0e-8e1f-90c5b6a7d8e9",
                "channel": "sms",
                "to_masked": "•••0199",
                "state": "queued",
            }
        },
        response_only=True,
        status_codes=["202"],
        media_type="application/json",
    ),
]
