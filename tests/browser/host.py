"""A client's own web site, on another host than ours: the page that docs/embedding.md shows."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

from django.conf import settings

_EXAMPLE = Path(settings.BASE_DIR) / "docs" / "examples" / "embedded-form.html"
_SERVER, _CLIENT = "https://gifts.example.com", str(UUID(int=0))


@contextlib.contextmanager
def host_page(*, site: str, client_id: object) -> Iterator[str]:
    """Serve a page that embeds a client's form; yields the page's origin."""
    text = _EXAMPLE.read_text()
    assert text.count(_SERVER) == 2
    assert text.count(_CLIENT) == 1
    page = text.replace(_SERVER, site).replace(_CLIENT, str(client_id)).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 204)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page if self.path == "/" else b"")

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
