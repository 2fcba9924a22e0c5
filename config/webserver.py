"""How gunicorn answers what it can't even read as a request: as every failure is answered.

Its own answer would be a page in HTML with the request's text in it, and a line in the log with
that text, which may be a reveal link or a code.
"""

from __future__ import annotations

import socket
import uuid
from http import HTTPStatus
from typing import Any, Final

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

# Everything else that the client did wrong is a 400.
_TOO_LONG: Final = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}
# What we tried to send, and what is wrong with the server's own settings.
_OURS: Final = (
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
    errors.ConfigurationProblem,
)
_HEADERS: Final = (
    "HTTP/1.1 {status} {reason}\r\n"
    "Connection: close\r\n"
    "Content-Type: application/problem+json\r\n"
    "Content-Length: {length}\r\n"
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Request-ID: {request_id}\r\n"
    "\r\n"
)


class Worker(ThreadWorker):  # type: ignore[misc]  # it comes without types
    """A worker with threads that prints problems where gunicorn would print HTML."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        status = status_of(exc)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.exception("Error handling a request")
        else:
            self.log.info("Refused what is no request: %s", type(exc).__name__)
        try:
            util.write_nonblock(client, write_answer(status))
        except OSError:
            self.log.debug("The caller has gone.")


def status_of(exc: BaseException) -> HTTPStatus:
    """Return what to answer where reading a request has failed."""
    for kind, status in _TOO_LONG.items():
        if isinstance(exc, kind):
            return status
    if isinstance(exc, errors.ParseException) and not isinstance(exc, _OURS):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR


def write_answer(status: HTTPStatus) -> bytes:
    """Return a whole answer, since there is no request that Django could answer."""
    # Not above: gunicorn reads this module before the settings are there.
    from django.http import HttpRequest

    from alerts.codes import ErrorCode
    from config.api import problem

    codes = {
        HTTPStatus.BAD_REQUEST: ErrorCode.INVALID_INPUT,
        HTTPStatus.INTERNAL_SERVER_ERROR: ErrorCode.UNEXPECTED,
    }
    request = HttpRequest()
    request.META["giftline.request_id"] = request_id = uuid.uuid4().hex
    body = problem(codes.get(status, ErrorCode.TOO_LARGE), request, status=status.value).content
    headers = _HEADERS.format(
        status=status.value, reason=status.phrase, length=len(body), request_id=request_id
    )
    return headers.encode("ascii") + body
