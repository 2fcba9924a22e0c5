"""Twilio, by its official library."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance
from urllib3.exceptions import NewConnectionError

from alerts.tracing import request_headers
from sms.policies import NOT_AUTHENTICATED, TOO_MANY_REQUESTS
from sms.providers import NoAnswerError, OutgoingText, ProviderText, RefusedError, UnreachableError

# The provider's own default is ten hours: a text that late would only surprise.
VALIDITY_SECONDS: Final = 3600
CONNECTIONS: Final = 32
_LISTED_AT_MOST: Final = 1000
_LISTED_WITHOUT_DATE: Final = 50
_LONGEST_ERROR: Final = 300


class KeepAliveHttpClient(HttpClient):  # type: ignore[misc]
    """The library's way out: one session of ours, whose connections are used again.

    The library's own client keeps the last answer in an attribute and returns it from there, so
    that two threads may get each other's answer. This one shares nothing but connections.
    """

    def __init__(self, *, timeout_seconds: float) -> None:
        self.is_async = False
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            adapter = HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
            self._session.mount(scheme, adapter)

    def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: FBT001, FBT002  the library's signature
    ) -> Response:
        """Make one request; there is always a time limit, and nothing is logged of it.

        :raises RefusedError: there were too many requests; only here is their header in reach.
        """
        answer = self._session.request(
            method,
            url,
            params=params,  # type: ignore[arg-type]
            data=data,
            headers={**(headers or {}), **request_headers()},
            auth=auth,
            timeout=timeout or self._timeout_seconds,
            allow_redirects=allow_redirects,
        )
        if answer.status_code == requests.codes.too_many_requests:
            retry_after = answer.headers.get("Retry-After", "")
            raise RefusedError(
                TOO_MANY_REQUESTS,
                "Too many requests",
                float(retry_after) if retry_after.isdecimal() else None,
            )
        return Response(answer.status_code, answer.text, answer.headers)


class Twilio:
    """Sends texts by Twilio and asks what became of them."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        from_number: str = "",
        messaging_service_sid: str = "",
        base_url: str = "",
        timeout_seconds: float,
    ) -> None:
        self._client = Client(
            account_sid,
            auth_token,
            http_client=KeepAliveHttpClient(timeout_seconds=timeout_seconds),
        )
        if base_url:
            self._client.api.base_url = base_url
        # A service chooses the number itself, by the recipient's country.
        self._sender: dict[str, str] = (
            {"messaging_service_sid": messaging_service_sid}
            if messaging_service_sid
            else {"from_": from_number}
        )

    def send(self, text: OutgoingText) -> ProviderText:
        """Hand a text over, to be delivered within the hour or not at all."""
        with _in_our_words():
            return _to_text(
                self._client.messages.create(
                    to=text.to,
                    body=text.body,
                    status_callback=text.callback_url,
                    validity_period=VALIDITY_SECONDS,
                    **self._sender,
                )
            )

    def find(self, *, to: str, since: datetime) -> list[ProviderText]:
        """Return what was sent to a number since then, oldest first."""
        with _in_our_words():
            found = self._client.messages.list(
                to=to, date_sent_after=since.astimezone(UTC), limit=_LISTED_AT_MOST
            )
            if not found:
                # What still waits in its queue has no date of sending to be found by.
                found = self._client.messages.list(to=to, limit=_LISTED_WITHOUT_DATE)
            texts = [_to_text(one) for one in found if one.direction != "inbound"]
        return sorted(
            (text for text in texts if text.created_at is None or text.created_at >= since),
            key=lambda text: text.created_at or since,
        )

    def fetch(self, provider_id: str) -> ProviderText:
        """Return how a text stands."""
        with _in_our_words():
            return _to_text(self._client.messages(provider_id).fetch())

    def redact(self, provider_id: str) -> None:
        """Empty the body of a text that has reached its end."""
        with _in_our_words():
            self._client.messages(provider_id).update(body="")


def connect_twilio() -> Twilio:
    """Return this process's connection, made anew when the settings are others."""
    return _connect(
        os.getpid(),  # a forked worker must not share its parent's sockets
        account_sid=settings.TWILIO_ACCOUNT_SID,
        auth_token=settings.TWILIO_AUTH_TOKENS[0],
        from_number=settings.TWILIO_FROM_NUMBER,
        messaging_service_sid=settings.TWILIO_MESSAGING_SERVICE_SID,
        base_url=settings.TWILIO_API_BASE_URL,
        timeout_seconds=settings.SMS_TIMEOUT,
    )


@functools.lru_cache(maxsize=4)
def _connect(_process_id: int, **options: Any) -> Twilio:
    return Twilio(**options)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Turn what the library and the network raise into how far the request came."""
    try:
        yield
    except (TwilioRestException, TwilioServiceException) as error:
        raise _refusal(error) from None
    except requests.ConnectTimeout:
        raise UnreachableError("timeout while connecting") from None
    except requests.ConnectionError as error:
        # A refused connection and a broken one are the same class to the library.
        reason = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(reason, NewConnectionError):
            raise UnreachableError(type(reason).__name__) from None
        raise NoAnswerError(type(error).__name__) from None
    except requests.RequestException as error:
        raise NoAnswerError(type(error).__name__) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # It said yes, or something, in a way nobody can read.
        raise NoAnswerError(f"unreadable answer: {type(error).__name__}") from None


def _refusal(
    error: TwilioRestException | TwilioServiceException,
) -> RefusedError | NoAnswerError:
    if error.status >= requests.codes.server_error:
        # A gateway's 502 or 504 says nothing of what happened behind it.
        return NoAnswerError(f"HTTP {error.status}")
    if error.status < requests.codes.bad_request:
        return NoAnswerError(f"HTTP {error.status}, not an answer of the API")
    code = str(error.code)
    if code == str(requests.codes.unauthorized):
        code = NOT_AUTHENTICATED
    # The words may quote the number.
    return RefusedError(code, f"HTTP {error.status}, error {code}"[:_LONGEST_ERROR])


def _to_text(message: MessageInstance) -> ProviderText:
    if not message.sid:
        raise KeyError("sid")
    segments = str(message.num_segments or "")
    created_at = message.date_created
    # Cut to what our columns hold.
    return ProviderText(
        provider_id=str(message.sid)[:64],
        status=str(message.status or "")[:24],
        error_code=str(message.error_code or "")[:16],
        sender=str(message.from_ or message.messaging_service_sid or "")[:64],
        segments=int(segments) if 0 < len(segments) < 4 and segments.isdecimal() else None,
        price=str(message.price or "")[:24],
        body=message.body or "",
        created_at=created_at if isinstance(created_at, datetime) else None,
    )
