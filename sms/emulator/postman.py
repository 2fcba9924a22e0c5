"""Posting a signed form to a webhook, over connections that are kept alive."""

import dataclasses
import http.client
import secrets
import select
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from sms.emulator.signature import sign_form

CONNECTION_CLASSES: Final = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reply:
    """What a webhook answered; ``status`` is None when there was no answer, for ``error``."""

    status: int | None = None
    content_type: str = ""
    body: bytes = b""
    error: str = ""

    @property
    def was_down(self) -> bool:
        """Whether the same post may fare better later."""
        return self.status is None or self.status >= 500


class Postman:
    """Posts forms as Twilio does. For one thread: it keeps one connection per server."""

    def __init__(self, *, auth_token: str, timeout_seconds: float) -> None:
        self._auth_token = auth_token
        self._timeout_seconds = timeout_seconds
        self._connections: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def post(self, url: str, form: Mapping[str, str], *, token: str = "") -> Reply:
        """Post ``form`` to ``url`` with its signature.

        :param token: the same for every try of one post, so that the receiver can tell.
        """
        parts = urlsplit(url)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": token or secrets.token_hex(16),
            "X-Twilio-Signature": sign_form(url=url, form=form, auth_token=self._auth_token),
        }
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        server = parts.scheme, parts.netloc
        body = urlencode(form).encode()
        try:
            return self._exchange(server, target, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._forget(server)
            return Reply(error=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        for server in list(self._connections):
            self._forget(server)

    def _exchange(
        self, server: tuple[str, str], target: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        scheme, address = server
        connection = self._connections.get(server)
        if connection is None or _is_closed(connection):
            self._forget(server)
            connection = CONNECTION_CLASSES[scheme](address, timeout=self._timeout_seconds)
            self._connections[server] = connection
        connection.request("POST", target, body, dict(headers))
        response = connection.getresponse()
        return Reply(
            status=response.status,
            content_type=response.headers.get_content_type(),
            body=response.read(),
        )

    def _forget(self, server: tuple[str, str]) -> None:
        connection = self._connections.pop(server, None)
        if connection is not None:
            connection.close()


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Return whether the server has closed a connection that lay idle."""
    if connection.sock is None:
        return True
    # Between two exchanges the only thing there is to read is the end.
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
