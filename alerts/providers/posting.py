"""One POST to an address that an operator gave: once, in bounded time, without following it on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError as TransferError

from alerts.providers.telling import NotTakenError

_CONNECT_SECONDS: Final = 5.0
# Nothing of an answer matters but its status; this much is read, so that it was heard to its end.
_ANSWER_CAP_BYTES: Final = 65_536
_CHUNK_BYTES: Final = 8_192
_SCHEMES: Final = ("http", "https")
_PASSES: Final = frozenset({408, 425, 429})
# Whoever asks for more patience than that is asked again after it.
_LONGEST_PATIENCE: Final = 30 * 86_400.0


def post(url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> None:
    """Post a body; return when it was taken (any 2xx).

    The address is a secret, and so is quoted nowhere: not in the error, nor in its cause.

    :raises NotTakenError: it was not, or nobody knows.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in _SCHEMES or not parts.hostname:
        raise NotTakenError("The address is not one of http or https", is_permanent=True)
    deadline = time.monotonic() + timeout_seconds
    try:
        with requests.Session() as session:
            # Else the library would look into ~/.netrc for a password to send along.
            session.auth = _leave_alone
            with session.post(
                url,
                data=body,
                headers={"User-Agent": "Giftline", **headers},
                timeout=(min(_CONNECT_SECONDS, timeout_seconds), timeout_seconds),
                allow_redirects=False,
                stream=True,
            ) as answer:
                _judge(answer)
                _hear_out(answer, deadline)
    except requests.ConnectTimeout:
        raise NotTakenError("No connection in time") from None
    except requests.Timeout:
        raise NotTakenError("No answer in time") from None
    except (requests.exceptions.InvalidURL, UnicodeError):
        raise NotTakenError("The address can't be read", is_permanent=True) from None
    except requests.exceptions.SSLError:
        raise NotTakenError("No encrypted connection that can be trusted") from None
    except requests.ConnectionError:
        raise NotTakenError("No connection, or it broke off") from None
    except (requests.RequestException, TransferError) as error:
        raise NotTakenError(type(error).__name__) from None


def _judge(answer: requests.Response) -> None:
    status = answer.status_code
    if status < 300:
        return
    if status < 400:
        raise NotTakenError(f"HTTP {status}: it leads elsewhere", is_permanent=True)
    raise NotTakenError(
        f"HTTP {status}",
        is_permanent=status < 500 and status not in _PASSES,
        retry_after_seconds=_retry_after(answer.headers.get("Retry-After", "")),
    )


def _hear_out(answer: requests.Response, deadline: float) -> None:
    """Read what comes after a yes; one that trickles in has said yes all the same."""
    received = 0
    while received < _ANSWER_CAP_BYTES and time.monotonic() < deadline:
        chunk = answer.raw.read1(_CHUNK_BYTES)
        if not chunk:
            return
        received += len(chunk)


def _retry_after(text: str) -> float:
    """Return the seconds of a Retry-After, given as such or as a date; 0 where there are none."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), _LONGEST_PATIENCE)
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    if until.tzinfo is None:
        return 0.0
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_PATIENCE)


def _leave_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
