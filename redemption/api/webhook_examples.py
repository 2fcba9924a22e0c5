"""Examples of webhook endpoints for the OpenAPI page."""

from __future__ import annotations

from typing import Any, Final

from credit.api.example_parts import example_answer, example_page, example_request

_ENDPOINT: Final[dict[str, Any]] = {
    "id": "8c1d2e3f-4a5b-4c6d-8e7f-9a0b1c2d3e08",
    "client_id": "3d9a1c7e-2b4f-4d8a-8e6c-5a7b9c0d1e02",
    "agency_id": None,
    "url": "https://hooks.acorn.example/giftline",
    "description": "The loyalty system",
    "events": ["redemption.issued", "redemption.failed"],
    "state": "active",
    "reason": None,
    "failing_since": None,
    "last_error": None,
    "previous_secret_valid_until": None,
    "created_at": "2026-03-02T15:30:00Z",
}
# Made up, and too even to be one.
_SECRET: Final = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
_DELIVERY: Final[dict[str, Any]] = {
    "id": "4b5c6d7e-8f90-4a1b-8c2d-3e4f5a6b7c09",
    "event_id": "5e6f7a8b-9c0d-4e1f-8a2b-3c4d5e6f7a10",
    "type": "redemption.issued",
    "state": "delivered",
    "tries": [
        {
            "number": 1,
            "at": "2026-03-02T15:30:04Z",
            "status": 503,
            "error": "Answered 503.",
            "answer": "down for maintenance",
            "milliseconds": 81,
        },
        {
            "number": 2,
            "at": "2026-03-02T15:30:35Z",
            "status": 204,
            "error": "",
            "answer": "",
            "milliseconds": 64,
        },
    ],
    "body": {
        "type": "redemption.issued",
        "timestamp": "2026-03-02T15:30:01.250000Z",
        "data": {
            "redemption_id": "6f7a8b9c-0d1e-4f2a-8b3c-4d5e6f7a8b11",
            "campaign_id": "7a8b9c0d-1e2f-4a3b-8c4d-5e6f7a8b9c12",
            "recipient_id": "8b9c0d1e-2f3a-4b4c-8d5e-6f7a8b9c0d13",
            "state": "issued",
            "reason": None,
        },
    },
    "request_id": "0f3c5f0a9d6b4e21a7c8d9e0f1a2b3c4",
    "next_attempt_at": None,
    "created_at": "2026-03-02T15:30:01.250000Z",
    "finished_at": "2026-03-02T15:30:35Z",
}
_ON_ITS_WAY: Final = {
    **_DELIVERY,
    "state": "pending",
    "next_attempt_at": "2026-03-02T16:00:00Z",
    "finished_at": None,
}


LIST: Final = [example_answer("One endpoint", example_page(_ENDPOINT))]
ONE: Final = [example_answer("An endpoint", _ENDPOINT)]
CREATE: Final = [
    example_request(
        "For two kinds of event",
        {
            "url": "https://hooks.acorn.example/giftline",
            "events": ["redemption.issued", "redemption.failed"],
            "description": "The loyalty system",
        },
    ),
    example_answer("With its secret", {**_ENDPOINT, "secret": _SECRET}, "201"),
]
CHANGE: Final = [
    example_request("Pause it", {"state": "paused"}),
    example_answer("Paused", {**_ENDPOINT, "state": "paused"}),
]
ROTATE: Final = [
    example_request("Two days to change over", {"overlap_hours": 48}),
    example_answer(
        "The new secret",
        {**_ENDPOINT, "previous_secret_valid_until": "2026-03-04T15:30:00Z", "secret": _SECRET},
    ),
]
DELIVERIES: Final = [example_answer("Delivered at the second try", example_page(_DELIVERY))]
REPLAY: Final = [
    example_request("Once more", {}),
    example_answer("On its way again", _ON_ITS_WAY, "202"),
]
TEST: Final = [
    example_request("A test", {}),
    example_answer(
        "On its way",
        {
            **_ON_ITS_WAY,
            "type": "webhook.test",
            "tries": [],
            "body": {
                "type": "webhook.test",
                "timestamp": "2026-03-02T15:30:00.000000Z",
                "data": {"endpoint_id": _ENDPOINT["id"]},
            },
        },
        "202",
    ),
]
