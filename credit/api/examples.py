"""Examples for the OpenAPI page."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from credit.api.example_parts import example_answer, example_page

_AGENCY = "0b7c2f0a-5a3e-4f62-9c1d-3f0e8a6b1c01"
_CLIENT = "3d9a1c7e-2b4f-4d8a-8e6c-5a7b9c0d1e02"
_PLATFORM = "5f1e2d3c-4b5a-4968-8778-695a4b3c2d03"
_TRANSACTION = "7a6b5c4d-3e2f-4a1b-9c8d-7e6f5a4b3c04"


def _account(account_id: str, level: str, name: str, parent_id: str, balance: str) -> Any:
    return {
        "id": account_id,
        "level": level,
        "name": name,
        "parent_id": parent_id,
        "currency": "USD",
        "balance": balance,
        "held": "0.00",
        "low_balance_threshold": "500.00",
        "status": "active",
    }


def _entry(key: str, number: int, account_id: str, amount: str, balance_after: str) -> Any:
    return {
        "id": key,
        "number": number,
        "transaction_id": _TRANSACTION,
        "kind": "allocation",
        "account_id": account_id,
        "amount": amount,
        "currency": "USD",
        "balance_after": balance_after,
        "reference": f"account:{_CLIENT}",
        "note": "Spring campaign",
        "created_at": "2026-03-02T15:30:00Z",
    }


_OUT = _entry("9e8d7c6b-5a49-4838-a727-16f5e4d3c205", 1041, _AGENCY, "-2500.00", "7500.00")
_IN = _entry("1f2e3d4c-5b6a-4798-8786-95a4b3c2d106", 1042, _CLIENT, "2500.00", "3000.00")
_CLIENT_ACCOUNT = _account(_CLIENT, "client", "Acorn Ltd", _AGENCY, "3000.00")


ACCOUNTS = [
    example_answer(
        "An agency and its client",
        example_page(
            _account(_AGENCY, "agency", "Oak Agency", _PLATFORM, "7500.00"), _CLIENT_ACCOUNT
        ),
    )
]
ACCOUNT = [example_answer("A client's account", _CLIENT_ACCOUNT)]
ENTRIES = [example_answer("One allocation", example_page(_IN))]
STATEMENT = [
    example_answer(
        "A month with one allocation",
        {
            "account_id": _CLIENT,
            "name": "Acorn Ltd",
            "currency": "USD",
            "from": "2026-03-01",
            "to": "2026-03-31",
            "opening_balance": "500.00",
            "entries": [_IN],
            "closing_balance": "3000.00",
        },
    )
]
ALLOCATION = [
    OpenApiExample(
        "From an agency to its client",
        value={
            "from_account_id": _AGENCY,
            "to_account_id": _CLIENT,
            "amount": "2500.00",
            "currency": "USD",
            "note": "Spring campaign",
        },
        request_only=True,
    ),
    example_answer(
        "Moved",
        {
            "transaction_id": _TRANSACTION,
            "out_entry": _OUT,
            "in_entry": _IN,
            "from_balance": "7500.00",
            "to_balance": "3000.00",
        },
        "201",
    ),
]
