"""Partners who call the API, and what a failure must look like."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.test import Client as HttpClient

from alerts.transactions import transaction
from credit.models import Account, Agency, Client
from credit.services.api_keys import SCOPES, create_api_key
from tests.world import NOW, World


class Partner:
    """A program with an API key; ``owner`` None is the platform."""

    def __init__(self, owner: Agency | Client | None, scopes: tuple[str, ...] = SCOPES) -> None:
        with transaction():
            secret = create_api_key(name="Test", owner=owner, scopes=scopes, now=NOW)[1]
        self.http = HttpClient()
        self.headers = {"Authorization": f"Api-Key {secret}"}

    def get(self, path: str, **parameters: Any) -> Any:
        return self.http.get(f"/api/v1{path}", parameters, headers=self.headers)

    def follow(self, url: str) -> Any:
        """Get the address that an answer gave."""
        base = settings.PUBLIC_BASE_URL
        assert url.startswith(f"{base}/api/v1/"), url
        return self.http.get(url.removeprefix(base), headers=self.headers)

    def post(self, path: str, body: Any, *, key: str | None = None, **headers: str) -> Any:
        sent = {**self.headers, **headers}
        if key is not None:
            sent["Idempotency-Key"] = key
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(f"/api/v1{path}", raw, content_type="application/json", headers=sent)

    def allocate(
        self, payer: Account, payee: Account, amount: Any, *, key: str | None = None, **fields: Any
    ) -> Any:
        body = {
            "from_account_id": str(payer.pk),
            "to_account_id": str(payee.pk),
            "amount": amount,
            "currency": "USD",
            **fields,
        }
        return self.post("/allocations/", body, key=key or str(uuid4()))


def send_file(
    partner: Partner,
    path: str,
    body: Any,
    *,
    content_type: str = "text/csv",
    key: str | None = "new",
    query: str = "",
) -> Any:
    """Send a file as its body, as a form or as JSON; ``key`` None sends no Idempotency-Key."""
    headers = dict(partner.headers)
    if key is not None:
        headers["Idempotency-Key"] = str(uuid4()) if key == "new" else key
    if content_type == "application/json":
        body = json.dumps(body)
    address = f"/api/v1{path}{query}"
    if not body and content_type == "text/csv":
        # Of an empty body the test client would leave the type out.
        headers["Content-Type"] = content_type
    if content_type == "multipart":
        return partner.http.post(address, body, headers=headers)
    return partner.http.post(address, body, content_type=content_type, headers=headers)


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["code"], body["status"]) == (code, status)
    assert set(body) >= {"type", "title", "detail", "request_id"}
    return body


def agency_account(world: World) -> Account:
    assert world.account.parent is not None
    return world.account.parent
