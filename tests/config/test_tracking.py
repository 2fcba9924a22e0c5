"""Errors told to a tracker: a process fails, and what arrives over HTTP is read."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from config.environment import PROJECT_DIR
from config.tracking import scrub_words
from tests.config import tracking_app as app

SECRETS = (
    app.CODE, "7788", app.PIN, app.KEY, app.TOKEN, app.PHONE, "5550188", "hooks.slack.com",
    "verysecret", app.MAIL, "Authorization", "fails/", "giftline_device",
)  # fmt: skip


class Ingest:
    """What a tracker's server does: takes envelopes, and keeps them."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.ingest = self  # type: ignore[attr-defined]

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.server.server_address[1]}/1"

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for body in self.bodies for line in body.splitlines() if line]
        return [line for line in lines if "platform" in line]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.ingest.bodies.append(body.decode())  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: Any) -> None:
        """Print nothing."""


@pytest.fixture
def ingest() -> Iterator[Ingest]:
    ingest = Ingest()
    threading.Thread(target=ingest.server.serve_forever, args=(0.05,), daemon=True).start()
    yield ingest
    ingest.server.shutdown()
    ingest.server.server_close()


def fail_in_a_process(**env: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.config.tracking_app"],
        env={**os.environ, **env},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


class TestTellOfErrors:
    def test_tells_type_place_and_request_and_no_secret(self, ingest: Ingest) -> None:
        said = fail_in_a_process(SENTRY_DSN=ingest.dsn, SENTRY_ENVIRONMENT="staging")
        assert said == {"status": 500, "sdk": True}
        everything = "\n".join(ingest.bodies)
        assert [secret for secret in SECRETS if secret in everything] == []
        of_view, of_line, of_order = ingest.events
        (error,) = of_view["exception"]["values"]
        assert (error["type"], of_view["environment"]) == ("ValueError", "staging")
        assert error["stacktrace"]["frames"][-1]["function"] == "failing"
        assert of_view["tags"] == {"request_id": app.REQUEST_ID}
        assert {"request", "user", "breadcrumbs", "contexts", "server_name"} & set(of_view) == set()
        assert of_line["logentry"]["message"].startswith("Slack at … refused …")
        assert of_line["extra"] == {"code": "GC-014"}
        assert of_order["logentry"]["message"] == "[ORDER] Could not be recorded"
        assert of_order["extra"] == {"order_id": "7"}
        assert of_order["exception"]["values"][0]["type"] == "ValueError"

    def test_is_not_even_loaded_without_an_address(self, ingest: Ingest) -> None:
        assert fail_in_a_process(SENTRY_DSN="") == {"status": 500, "sdk": False}
        assert ingest.bodies == []


class TestScrubWords:
    @pytest.mark.parametrize(
        "secret",
        [
            app.CODE, app.PIN, app.KEY, app.TOKEN, app.PHONE, app.SLACK, app.MAIL,
            "Bearer abc", "/r/abcdef", "(206) 555-0188", "6006 4912 3456 7890", "ABCD1234EFGH",
        ],
    )  # fmt: skip
    def test_takes_out(self, secret: str) -> None:
        assert secret not in scrub_words(f"It is {secret} here")
        assert scrub_words(f"It is {secret} here").startswith("It is …")

    def test_leaves_our_sentences_alone(self) -> None:
        words = "[TWILIO] SMS given up: nobody knows what became of it"
        assert scrub_words(words) == words
