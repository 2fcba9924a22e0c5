"""Examples of adding recipients for the OpenAPI page."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from credit.api.problems import PROBLEM_TYPE

_BATCH = "4a5b6c7d-8e9f-4012-a345-6789abcdef05"
_ROW = {
    "line": 3,
    "field": "phone",
    "message": "This number doesn't exist. Please check each digit.",
}


def _answer(name: str, value: Any, status: str) -> OpenApiExample:
    return OpenApiExample(
        name,
        value=value,
        response_only=True,
        status_codes=[status],
        media_type="application/json" if status < "400" else PROBLEM_TYPE,
    )


UPLOAD = [
    OpenApiExample(
        "Two people",
        value={
            "recipients": [
                {
                    "first_name": "Ana",
                    "last_name": "Sample",
                    "phone": "(202) 555-0143",
                    "email": "ana@example.com",
                    "country": "US",
                    "external_crm_id": "A-1",
                },
                {"first_name": "Bo", "external_crm_id": "A-2", "redemption_code": "QR4K-7M2P-XN9T"},
            ]
        },
        request_only=True,
        media_type="application/json",
    ),
    OpenApiExample(
        "A file",
        value="first_name,phone,external_crm_id\nAna,(202) 555-0143,A-1\nBo,,A-2\n",
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
            "recipients": [
                {
                    "id": "5f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d406",
                    "external_crm_id": "A-1",
                    "redemption_code": "7K3M-Q9TX-2WBE8",
                },
                {
                    "id": "6a2d3e4f-5b6c-4d7e-9f80-a1b2c3d4e507",
                    "external_crm_id": "A-2",
                    "redemption_code": "QR4K7M2PXN9T",
                },
            ],
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
            "recipients": [],
        },
        "200",
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
