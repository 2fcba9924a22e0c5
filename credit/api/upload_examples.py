"""What uploads are answered with, as examples for the OpenAPI page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

from credit.api.problems import PROBLEM_TYPE

_BATCH: Final = "4a5b6c7d-8e9f-4012-a345-6789abcdef04"


def upload_examples(
    *,
    sent: Mapping[str, tuple[str, Any]],
    row: Mapping[str, Any],
    imported: Mapping[str, Any] | None = None,
    previewed: Mapping[str, Any] | None = None,
) -> list[OpenApiExample]:
    """Return the examples of an upload of two rows, and of one with a bad row.

    :param sent: by media type the name of what is sent, and that itself.
    :param row: what is told of the bad row.
    :param imported: what the answer has besides.
    :param previewed: what the answer to a dry run has besides.
    """
    bad = {"accepted": 0, "rejected": 1, "errors": [row]}
    good = {"accepted": 2, "rejected": 0, "errors": []}
    refused = {
        "type": "https://rewards.example.com/api/errors/#GC-012",
        "title": "Invalid input",
        "status": 400,
        "detail": "Some of what was sent is not right. Please check it.",
        "code": "GC-012",
        "request_id": "7f2c9d",
        "batch": {"id": _BATCH, "state": "refused"},
    }
    return [
        *(
            OpenApiExample(name, value=value, request_only=True, media_type=media_type)
            for media_type, (name, value) in sent.items()
        ),
        _answer(
            "Imported",
            {"batch": {"id": _BATCH, "state": "imported"}, **good, **(imported or {})},
            "201",
        ),
        _answer(
            "A dry run",
            {"batch": {"id": None, "state": "previewed"}, **bad, **(previewed or {})},
            "200",
        ),
        _answer("A bad row", {**refused, **bad}, "400"),
    ]


def _answer(name: str, value: Any, status: str) -> OpenApiExample:
    return OpenApiExample(
        name,
        value=value,
        response_only=True,
        status_codes=[status],
        media_type=PROBLEM_TYPE if status == "400" else "application/json",
    )
