"""The call of a webhook: one POST to the address that was checked, and a short look at the answer.

Not with ``requests``: it resolves the name by itself once more, follows redirects, and takes
proxies from the environment. See Note [Where to].
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Final

from requests.certs import where  # type: ignore[attr-defined]  # its one purpose

from alerts.providers.outgoing_addresses import (
    AddressRefusedError,
    Door,
    NameUnknownError,
    Target,
)

_READ_BYTES: Final = 1024
_EXCERPT_LENGTH: Final = 160
# A name may have many addresses; a receiver that is up answers at one of the first.
_ADDRESSES_TRIED: Final = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a call.

    :param status: of the answer; None when there was none.
    :param error: why there was none, in words for the receiver; "" with an answer.
    :param excerpt: the printable beginning of an answer that was no success.
    """

    status: int | None
    error: str = ""
    excerpt: str = ""
    milliseconds: int = 0

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def words(self) -> str:
        """What came of it, in one line."""
        if self.error:
            return self.error
        if self.status is not None and 300 <= self.status < 400:
            return f"Answered {self.status}: redirects are not followed."
        return f"Answered {self.status}."


def call_webhook(
    *, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float, door: Door
) -> Outcome:
    """POST a body and return what came of it; never raises for anything the other side does.

    :param timeout_seconds: for the call as a whole, from connecting to the answer's beginning.
    """
    started = time.monotonic()
    deadline = started + timeout_seconds
    try:
        target = door.check(url)
        addresses = door.find_addresses(target)
        deadline = time.monotonic() + timeout_seconds
        status, excerpt = _post(target, addresses, headers, body, deadline, door.trust)
        outcome = Outcome(status=status, excerpt=excerpt)
    except AddressRefusedError as refusal:
        outcome = Outcome(status=None, error=f"Not called. {refusal}")
    except NameUnknownError as unknown:
        outcome = Outcome(status=None, error=str(unknown))
    except (OSError, http.client.HTTPException, ValueError) as error:
        is_late = time.monotonic() >= deadline
        outcome = Outcome(status=None, error=_explain(error, is_late=is_late))
    return dataclasses.replace(outcome, milliseconds=round((time.monotonic() - started) * 1000))


class _Line:
    """A connection that is cut at its deadline.

    A receiver that drips its answer byte by byte keeps every single read short.
    """

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self.socket = connected
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def wrap(self, trust: ssl.SSLContext, host: str) -> None:
        self.socket = trust.wrap_socket(
            self.socket, server_hostname=host, do_handshake_on_connect=False
        )
        self.socket.do_handshake()

    def close(self) -> None:
        self._timer.cancel()
        self.socket.close()

    def _cut(self) -> None:
        # Not the TLS socket's own shutdown, which takes away what its reader is just using.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


def _post(
    target: Target,
    addresses: list[str],
    headers: Mapping[str, str],
    body: bytes,
    deadline: float,
    trust: ssl.SSLContext | None,
) -> tuple[int, str]:
    with contextlib.closing(_Line(_connect(addresses, target.port, deadline), deadline)) as line:
        if target.scheme == "https":
            line.wrap(trust or _trust(), target.host)
        connection = http.client.HTTPConnection(target.host, target.port)
        # It is there already: http.client neither resolves nor connects any more.
        connection.sock = line.socket
        connection.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", target.host_header)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Connection", "close")
        connection.endheaders(body)
        answer = connection.getresponse()
        if 200 <= answer.status < 300:
            return answer.status, ""
        return answer.status, _printable(answer.read(_READ_BYTES))


def _connect(addresses: list[str], port: int, deadline: float) -> socket.socket:
    tried = addresses[:_ADDRESSES_TRIED]
    failure: OSError = TimeoutError()
    for place, address in enumerate(tried):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            found = socket.create_connection((address, port), timeout=left / (len(tried) - place))
        except OSError as error:
            failure = error
        else:
            found.settimeout(max(deadline - time.monotonic(), 0.001))
            return found
    raise failure


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=where())


def _explain(error: Exception, *, is_late: bool) -> str:
    if is_late or isinstance(error, TimeoutError):
        return "No answer in time."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not good: {error.verify_message.rstrip('.')}."
    if isinstance(error, ssl.SSLError):
        return "No TLS connection could be made."
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused."
    if isinstance(error, ConnectionError | http.client.RemoteDisconnected):
        return "The connection was cut off."
    if isinstance(error, http.client.HTTPException | ValueError):
        return "The answer was not HTTP."
    return "No connection could be made."


def _printable(raw: bytes) -> str:
    text = raw.decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()[:_EXCERPT_LENGTH]
