"""The HTTP side: connections in, answers out."""

import logging
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Final

from alerts.emulator.exchange import Answer, Request
from alerts.tracing import tracing

log = logging.getLogger(__name__)

BODY_CAP_BYTES: Final = 1_000_000
# Of so many requests it is remembered which of the caller's they belong to.
_REMEMBERED: Final = 1000
REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class EmulatorServer(ThreadingHTTPServer):
    """Serves ``respond`` over HTTP/1.1 with connections that stay open.

    ``json_type`` is what the vendor calls its JSON.
    """

    daemon_threads = True
    block_on_close = False
    # A storm opens its connections at once; the default backlog of 5 would refuse some.
    request_queue_size = 512

    def __init__(
        self,
        address: tuple[str, int],
        respond: Callable[[Request], Answer],
        *,
        json_type: str = "application/json",
    ) -> None:
        super().__init__(address, _Handler)
        self.respond = respond
        self.json_type = json_type
        self.released = Event()
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self.request_ids: deque[str] = deque(maxlen=_REMEMBERED)
        self._thread = Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="server", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the door and every open connection."""
        self.shutdown()
        self.release_held()
        self.server_close()
        # Kept alive by its client, a connection would go on talking to a stopped emulator.
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def hold(self, seconds: float) -> None:
        """Wait, until :meth:`release_held` at most."""
        if seconds:
            self.released.wait(seconds)

    def release_held(self) -> None:
        """Let every answer go that is being held back."""
        released, self.released = self.released, Event()
        released.set()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about clients that hung up; print anything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: EmulatorServer

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_CAP_BYTES:
            self.close_connection = True
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        request = Request(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )
        request_id = request.headers.get("x-request-id", "")
        if request_id:
            self.server.request_ids.append(request_id)
        answer = self.server.respond(request)
        if request_id:
            # Without the target, which names sales and phone numbers.
            with tracing(request_id):
                log.info("[EMULATOR] Answered %s", answer.status)
        self.server.hold(answer.hold_seconds)
        try:
            if answer.is_dropped:
                self.close_connection = True
            else:
                self._write(answer)
        finally:
            # A client that hung up changes nothing: the request was carried out.
            if answer.afterwards is not None:
                answer.afterwards()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _write(self, answer: Answer) -> None:
        body = answer.render()
        headers = {
            "Date": self.date_time_string(),
            "Content-Type": "text/html" if answer.html else self.server.json_type,
            "Content-Length": str(len(body)),
            **answer.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        start = f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}\r\n"
        # One write for head and body: two would wait for the client's delayed acknowledgement.
        self.wfile.write(f"{start}{head}\r\n".encode() + body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing: targets name sales and phone numbers."""
