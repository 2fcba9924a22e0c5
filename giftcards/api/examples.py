"""Examples for the OpenAPI page."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from credit.api.problems import PROBLEM_TYPE

_POOL = {
    "id": "6d2f4b18-93c5-4e7a-8b0d-1c2e3f4a5b01",
    "name": "Acorn Ltd, $25",
    "brand": "Solmara Brightleaf",
    "brand_id": "2b8e6f10-7d4c-4a39-9e15-8c7b6a5d4e02",
    "value": "25.00",
    "currency": "USD",
    "kind": "client",
    "client_id": "3d9a1c7e-2b4f-4d8a-8e6c-5a7b9c0d1e03",
    "purchase_method": "csv_only",
    "low_stock_threshold": 20,
    "total": 500,
    "available": 180,
    "claimed": 4,
    "delivered": 290,
    "redeemed": 20,
    "expired": 6,
    "stuck": 1,
    "available_percent": 36.0,
    "utilisation": 0.62,
    "level": "green",
    "archived_at": None,
}
_BATCH = "4a5b6c7d-8e9f-4012-a345-6789abcdef04"
_ROW = {"line": 3, "field": "code", "message": "The same code is on line 2."}


def _answer(name: str, value: Any, status: str = "200") -> OpenApiExample:
    return OpenApiExample(
        name,
        value=value,
        response_only=True,
        status_codes=[status],
        media_type="application/json" if status < "400" else PROBLEM_TYPE,
    )


POOLS = [_answer("A client's pool", {"next": None, "previous": None, "results": [_POOL]})]
POOL = [_answer("A client's pool", _POOL)]
UPLOAD = [
    OpenApiExample(
        "Two cards",
        value={
            "cards": [
                {"code": "0012-3456-7890", "pin": "0042", "expires_on": "2031-12-31"},
                {"code": "0012-3456-7891"},
            ]
        },
        request_only=True,
        media_type="application/json",
    ),
    OpenApiExample(
        "A file",
        value="code,pin,expires_on\n0012-3456-7890,0042,12/2031\n0012-3456-7891,,\n",
        request_only=True,
        media_type="text/csv",
    ),
    _answer(
        "Imported",
        {
            "batch": {"id": _BATCH, "state": "imported"},
            "accepted": 2,
            "rejected": 0,
            "errors": [],
        },
        "201",
    ),
    _answer(
        "A dry run",
        {
            "batch": {"id": None, "state": "previewed"},
            "accepted": 0,
            "rejected": 1,
            "errors": [_ROW],
        },
    ),
    _answer(
        "A bad row",
        {
            "type": "https://rewards.example.com/api/errors/#GC-012",
            "title": "Invalid input",
            "status": 400,
            "detail": "Some of what was sent is not right. Please check it.",
            "code": "GC-012",
            "request_id": "7f2c9d",
            "batch": {"id": _BATCH, "state": "refused"},
            "accepted": 0,
            "rejected": 1,
            "errors": [_ROW],
        },
        "400",
    ),
]
