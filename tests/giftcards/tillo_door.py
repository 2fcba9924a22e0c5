"""The emulator's doors, knocked at without our client: signed by the written rule alone."""

import hashlib
import hmac
import itertools
import time
from typing import Any

import requests

from tests.giftcards.tillo_fixture import API_KEY, SECRET_KEY, SECTOR

_numbers = itertools.count(1)


def ask(
    base_url: str,
    method: str,
    endpoint: str,
    *,
    query: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    timeout: float = 2.0,
) -> requests.Response:
    """Make a signed request; ``headers`` replace the right ones."""
    timestamp = str(time.time_ns() // 1_000_000)
    named = query or {} if method == "GET" else body or {}
    parts = [API_KEY, method, *endpoint.split("/")]
    parts += [named["client_request_id"]] if named.get("client_request_id") else []
    parts += [named["brand"]] if named.get("brand") else []
    text = "-".join([*parts, timestamp])
    signature = hmac.new(SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
    right = {"API-Key": API_KEY, "Timestamp": timestamp, "Signature": signature}
    return requests.request(
        method,
        f"{base_url}/{endpoint}",
        params=query,
        json=body,
        headers=right | (headers or {}),
        timeout=timeout,
        allow_redirects=False,
    )


def order(**changes: Any) -> dict[str, Any]:
    """Return the body of a purchase, with an id of its own."""
    return {
        "client_request_id": f"door-{next(_numbers):04}",
        "brand": "amazon-us",
        "face_value": {"amount": "25.00", "currency": "USD"},
        "delivery_method": "code",
        "fulfilment_by": "partner",
        "sector": SECTOR,
        **changes,
    }


def undoing(bought: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the body that takes a purchase back."""
    kept = {name: bought[name] for name in ("brand", "face_value", "sector")}
    return {
        "client_request_id": f"undo-{next(_numbers):04}",
        "original_client_request_id": bought["client_request_id"],
        **kept,
        **changes,
    }


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    payload = answer.json()
    assert payload["status"] == "error"
    return answer.status_code, payload["code"]
