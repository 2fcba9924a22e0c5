"""The real web server on the test's database, and partners who call it over a socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import httpx
from django.db import connection

from alerts.transactions import transaction
from config.bench.web import Web, web_server
from credit.models import Agency, Client
from credit.services.api_keys import SCOPES, create_api_key
from tests.world import NOW

# A line for each of thousands of requests costs more than it tells; the server writes its own.
logging.getLogger("httpx").setLevel(logging.WARNING)

# A second is long for any of these calls, but two cores may be shared by many tests.
_PATIENCE_SECONDS = 30


# The tests ask more often than anybody may, all from one address.
_UNLIMITED = {
    "RATE_LIMIT_ADDRESS": "1000000/5m",
    "RATE_LIMIT_CODE": "1000000/h",
    "RATE_LIMIT_BLOCK_AFTER": "1000000/24h",
    "RATE_LIMIT_API_KEY": "1000000/m",
    "RATE_LIMIT_API_KEY_FAILURES": "1000000/m",
}


@contextlib.contextmanager
def serving(folder: Path, application: str = "config.wsgi", **settings: str) -> Iterator[Web]:
    """Run gunicorn as the demo does, without limits.

    :param settings: others than the tests' own.
    """
    with mock.patch.dict(os.environ, {**_UNLIMITED, **settings}):
        server = web_server(folder, application)
        web = server.__enter__()
    try:
        yield web
    finally:
        server.__exit__(None, None, None)


def make_secret(owner: Agency | Client | None, scopes: tuple[str, ...] = SCOPES) -> str:
    """Make a key and return what its holder sends; ``owner`` None is the platform."""
    with transaction():
        return create_api_key(name="Test", owner=owner, scopes=scopes, now=NOW)[1]


class Caller:
    """A program with a key, on connections of its own."""

    def __init__(self, web: Web, secret: str | None) -> None:
        self.secret = secret
        self.base = f"http://127.0.0.1:{web.port}"
        self.headers = {} if secret is None else {"Authorization": f"Api-Key {secret}"}
        self.http = httpx.Client(base_url=self.base, timeout=_PATIENCE_SECONDS)

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content_type: str | None = "application/json",
        **headers: str,
    ) -> httpx.Response:
        """Send a body as it is (bytes) or as JSON; None sends none."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {**self.headers, **headers}
        if raw is not None and content_type is not None:
            sent["Content-Type"] = content_type
        return self.http.request(method, path, content=raw, headers=sent)

    def post(self, path: str, body: Any, *, key: str | None = None) -> httpx.Response:
        """Post JSON under an Idempotency-Key; a fresh one, when none is given."""
        key = str(uuid4()) if key is None else key
        return self.send("POST", f"/api/v1{path}", body=body, **{"Idempotency-Key": key})


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that a failure looks as every failure must, and return its body."""
    assert response.status_code == status, (response.status_code, response.text[:500])
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["code"], body["status"]) == (code, status)
    assert set(body) >= {"type", "title", "detail", "request_id"}
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert "Traceback" not in response.text
    assert "<html" not in response.text.lower()
    return body


def send_raw(web: Web, raw: bytes) -> httpx.Response:
    """Send bytes as they are and read one answer; for what no library would send."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=_PATIENCE_SECONDS) as peer:
        peer.sendall(raw)
        answer = http.client.HTTPResponse(peer)
        answer.begin()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


# What a refusal may leave behind: that it was given, and that somebody tried.
_NOTES = {
    "alerts_alert",
    "credit_apikey",
    "credit_auditevent",
    "credit_idempotencyrecord",
    "redemption_attemptlog",
}


def count_rows() -> dict[str, int]:
    """Return how many rows each table has, without notes of refusals."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
        )
        tables = sorted({name for (name,) in cursor.fetchall()} - _NOTES)
        counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables)
        cursor.execute(counts)
        return dict(cursor.fetchall())
