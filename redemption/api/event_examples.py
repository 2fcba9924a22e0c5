"""Examples of events, for the OpenAPI page."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_ISSUED: Final[dict[str, Any]] = {
    "event_id": "evt_2026-03-02_4711",
    "outcome": "issued",
    "code": None,
    "redemption_id": "5e0c2a4e-3f36-4f7a-b6e4-0a4b6f5a1c55",
    "duplicate": False,
}


def _answer(words: str, status: int = 200, **changes: Any) -> OpenApiExample:
    return OpenApiExample(
        words, value={**_ISSUED, **changes}, response_only=True, status_codes=[str(status)]
    )


REPORT: Final = [
    OpenApiExample(
        "An appointment was kept",
        value={
            "event_type": "appointment.kept",
            "contact_id": "4711",
            "campaign_id": "8b0f5a55-7f0e-4a52-9d5a-0d8f5b1f2c11",
            "occurred_at": "2026-03-02T15:29:41Z",
            "data": {"branch": "Leeds"},
        },
        request_only=True,
    ),
    _answer("Rewarded"),
    _answer("Sent before", duplicate=True),
    _answer("Waits for stock", outcome="waiting", code="GC-003"),
    _answer("Had the reward before", outcome="already_redeemed", code="GC-010"),
    _answer("The campaign is paused", outcome="refused", code="GC-104", redemption_id=None),
    _answer("Nobody we know; kept for a replay", 202, outcome="unmatched", redemption_id=None),
    _answer("The card is being bought", 202, outcome="provisioning", code="GC-005"),
]
