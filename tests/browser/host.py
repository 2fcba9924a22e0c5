"""A client's own web site, on another host than ours: the page that docs/embedding.md shows."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PAGE = """<!doctype html>
<html lang="en"><head><meta name="viewport" content="width=device-width"><title>Acorn</title></head>
<body><h1>Acorn's own page</h1>
<div data-giftline="{client_id}"><a href="{site}/redeem/">Redeem your code</a></div>
<script src="{site}/static/js/embed.js" async></script>
</body></html>"""


@contextlib.contextmanager
def host_page(*, site: str, client_id: object) -> Iterator[str]:
    """Serve a page that embeds a client's form; yields the page's origin."""
    page = _PAGE.format(site=site, client_id=client_id).encode()

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
