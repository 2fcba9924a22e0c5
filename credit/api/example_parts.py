"""What the examples on the OpenAPI page have in common."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_JSON: Final = "application/json"


def example_request(name: str, value: Any) -> OpenApiExample:
    """Return an example of a body."""
    return OpenApiExample(name, value=value, request_only=True, media_type=_JSON)


def example_answer(name: str, value: Any, status: str = "200") -> OpenApiExample:
    """Return an example of an answer."""
    return OpenApiExample(
        name, value=value, response_only=True, status_codes=[status], media_type=_JSON
    )


def example_page(*results: Any, **more: Any) -> dict[str, Any]:
    """Return the only page of a list."""
    return {"next": None, "previous": None, "results": list(results), **more}
