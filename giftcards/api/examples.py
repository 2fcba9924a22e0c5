"""Examples for the OpenAPI page."""

from credit.api.example_parts import example_answer, example_page
from credit.api.upload_examples import upload_examples

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


POOLS = [example_answer("A client's pool", example_page(_POOL))]
POOL = [example_answer("A client's pool", _POOL)]
UPLOAD = upload_examples(
    sent={
        "application/json": (
            "Two cards",
            {
                "cards": [
                    {"code": "0012-3456-7890", "pin": "0042", "expires_on": "2031-12-31"},
                    {"code": "0012-3456-7891"},
                ]
            },
        ),
        "text/csv": (
            "A file",
            "code,pin,expires_on\n0012-3456-7890,0042,12/2031\n0012-3456-7891,,\n",
        ),
    },
    row={"line": 3, "field": "code", "message": "The same code is on line 2."},
)
