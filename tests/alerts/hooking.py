"""A receiver of webhooks that checks as the published algorithm says, and endpoints to it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from alerts.models import WebhookDelivery, WebhookEndpoint
from alerts.providers.outgoing_addresses import Door
from alerts.services.webhook_events import EVENTS
from alerts.services.webhook_sending import send_due_webhooks
from credit.models import Agency, Client
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import create_endpoint

SANDBOX = Door(is_sandbox=True)


@dataclasses.dataclass(frozen=True)
class Post:
    """One call as it came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def is_signed_with(self, secret: str) -> bool:
        """Check as https://www.standardwebhooks.com/ has it, with nothing of ours."""
        key = base64.b64decode(secret.split("_", 1)[1])
        content = b".".join(
            [self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body]
        )
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
        given = [one.split(",", 1) for one in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and text.encode() == expected for version, text in given)


class Receiver:
    """Keeps what it gets in ``posts`` and answers 204, or what is next in ``answers``.

    An answer is a status, or a status with headers and a body; ``on_post`` runs before it.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[Post] = []
        self.answers: list[int | tuple[int, dict[str, str], bytes]] = []
        self.always: int | tuple[int, dict[str, str], bytes] = 204
        self.delay_seconds = 0.0
        self.on_post: Callable[[Post], object] = lambda _post: None
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "http" if tls is None else "https"
        self._server.receiver = self  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/hook"

    def types(self) -> list[str]:
        return sorted(post.json["type"] for post in self.posts)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        post = Post(
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        with receiver.lock:
            receiver.posts.append(post)
            answer = receiver.answers.pop(0) if receiver.answers else receiver.always
        receiver.on_post(post)
        time.sleep(receiver.delay_seconds)
        status, headers, text = (answer, {}, b"") if isinstance(answer, int) else answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    # A redirect that is followed would come as this.
    do_GET = do_POST  # noqa: N815  the library's own name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


def subscribe(
    client: Client | None,
    url: str,
    *events: str,
    agency: Agency | None = None,
    door: Door = SANDBOX,
    now: datetime | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint of a client or an agency (neither: the platform's)."""
    return create_endpoint(
        viewer=SYSTEM,
        client_id=None if client is None else client.pk,
        agency_id=None if agency is None else agency.pk,
        url=url,
        events=events or EVENTS,
        description="",
        now=now or datetime.now(UTC),
        door=door,
    )


def send(*, door: Door = SANDBOX, later: float = 0) -> int:
    """Send what is due now, or so many seconds later; return how many calls were made."""
    return send_due_webhooks(now=now_and(later), door=door)


def now_and(seconds: float = 0) -> datetime:
    """Return the time so many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def deliveries(endpoint: WebhookEndpoint) -> list[WebhookDelivery]:
    """Return what an endpoint was promised, the oldest first."""
    return list(WebhookDelivery.objects.filter(endpoint=endpoint).order_by("created_at", "pk"))
