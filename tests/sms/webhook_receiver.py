"""A webhook of ours, to see what Twilio posts."""

import dataclasses
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl


@dataclasses.dataclass(frozen=True)
class Post:
    """One post as it came in."""

    url: str
    form: Mapping[str, str]
    headers: Mapping[str, str]
    received_at: float

    @property
    def status(self) -> str:
        return self.form["MessageStatus"]


class WebhookReceiver:
    """Keeps posts in ``posts`` and answers 204, or what is next in ``answers``.

    ``answers`` holds (status, content type, body); a status of 0 hangs up instead.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answers: list[tuple[int, str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.receiver = self  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
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
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/twilio/"

    @property
    def statuses(self) -> list[str]:
        return [post.status for post in self.posts]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: WebhookReceiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        post = Post(
            url=f"http://{self.headers['Host']}{self.path}",
            form=dict(parse_qsl(body, keep_blank_values=True)),
            headers=dict(self.headers),
            received_at=time.monotonic(),
        )
        receiver.posts.append(post)
        status, content_type, text = receiver.answers.pop(0) if receiver.answers else (204, "", "")
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        if text:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""
