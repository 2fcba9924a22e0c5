"""Bodies that come in chunks, without saying how long they are.

Django reads as much of a body as its Content-Length says, so that one without is empty to it:
a partner whose HTTP library streams would be told that every field is missing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any, Final

from config.api import MAX_BODY_BYTES

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
_API: Final = "/api/"


def measure_bodies(application: Application) -> Application:
    """Return the application as it gets a chunked body of an API call: read, with its length.

    One that is too long is read no further than shows it, and its length says so.
    """

    def measured(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_open_ended = (
            environ.get("wsgi.input_terminated")
            and environ.get("HTTP_TRANSFER_ENCODING")
            and not environ.get("CONTENT_LENGTH")
        )
        if is_open_ended and str(environ.get("PATH_INFO", "")).startswith(_API):
            body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
            environ["CONTENT_LENGTH"] = str(len(body))
            environ["wsgi.input"] = io.BytesIO(body)
        return application(environ, start_response)

    return measured
