"""Receivers of notices: a webhook that keeps what it is sent, and a socket that never answers."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any


@dataclasses.dataclass(frozen=True)
class Post:
    """One post as it came in; header names are in lower case."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def text(self) -> str:
        """What Slack would show."""
        return str(self.json["text"])


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a receiver says; ``holds_until`` keeps it waiting for an event first."""

    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    holds_until: Event | None = None


class Receiver:
    """Takes posts on a port of its own, answers what is next in ``answers``, else ``always``."""

    def __init__(self, port: int = 0) -> None:
        self.posts: list[Post] = []
        self.answers: list[Answer] = []
        self.always = Answer()
        self.lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.receiver = self  # type: ignore[attr-defined]
        self.port = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T0/B0/very-secret-part"

    def wait_for(self, count: int) -> None:
        """Wait until so many posts have come in: a process that sends them has to start first."""
        for _ in range(6000):
            if len(self.posts) >= count:
                return
            time.sleep(0.01)
        raise AssertionError(f"{len(self.posts)} posts instead of {count}")

    def start(self) -> None:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with receiver.lock:
            receiver.posts.append(Post(self.path, body, headers))
            answer = receiver.answers.pop(0) if receiver.answers else receiver.always
        if answer.holds_until is not None:
            answer.holds_until.wait(timeout=20)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Receive posts inside the block; the port answers nobody before and after it."""
    receiver = Receiver(port)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


@contextmanager
def silent_socket() -> Iterator[str]:
    """Give the address of a socket that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
