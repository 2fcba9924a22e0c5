"""A vendor that says what it is told to, and keeps what it was asked."""

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self


@dataclasses.dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class VendorStub:
    """Serves ``words`` with ``status`` and ``headers`` to every request.

    ``pause_seconds`` lies between one ten bytes and the next.
    """

    def __init__(self) -> None:
        self.status = 200
        self.words = b""
        self.headers: dict[str, str] = {}
        self.pause_seconds = 0.0
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.stub = self  # type: ignore[attr-defined]
        self._thread = Thread(target=self._server.serve_forever, args=[0.02], daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    def _serve(self) -> None:
        stub: VendorStub = self.server.stub  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        stub.asked.append(Asked(self.command, self.path, dict(self.headers), body))
        self.send_response(stub.status)
        for name, value in {"Content-Length": str(len(stub.words)), **stub.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        step = 10 if stub.pause_seconds else len(stub.words) or 1
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(stub.words), step):
                self.wfile.write(stub.words[start : start + step])
                time.sleep(stub.pause_seconds)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
