"""Requests to Tillo and its answers, whatever they are about."""

import dataclasses
import json
import re
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, NoReturn
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransferError
from urllib3.exceptions import NewConnectionError

from alerts.tracing import request_headers
from giftcards.providers import NoAnswerError, RateQuota, UnreachableError
from giftcards.providers.tillo_codes import TOO_MANY_REQUESTS
from giftcards.providers.tillo_signature import sign_request

CONNECTIONS: Final = 32
_CONNECT_SECONDS: Final = 3.05
_WINDOW_SECONDS: Final = 60.0
# All brands with their conditions are a few megabytes.
_ANSWER_CAP_BYTES: Final = 32_000_000
_CHUNK_BYTES: Final = 65_536
_CODE: Final = re.compile(r"[0-9A-Za-z]{1,16}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TilloAnswer:
    """An answer that has a code. ``data`` may hold a card, so it is never printed."""

    http_status: int
    code: str
    data: Mapping[str, Any] = dataclasses.field(repr=False)
    retry_after_seconds: float | None = None


def _read_clock() -> int:
    return time.time_ns() // 1_000_000


class TilloTransport:
    """Signs requests and sends them over connections that stay open; nothing is logged of them."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        secret_key: str,
        timeout_seconds: float,
        proxy_url: str = "",
        clock: Callable[[], int] = _read_clock,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._secret_key = secret_key
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        # Given with each request: what the environment names would go before the session's.
        self._proxies = {"http": proxy_url, "https": proxy_url} if proxy_url else None
        self._session = requests.Session()
        self._session.auth = _leave_alone
        for scheme in ("http://", "https://"):
            adapter = HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
            self._session.mount(scheme, adapter)
        self._lock = Lock()
        self._quotas: dict[str, RateQuota] = {}

    @property
    def quotas(self) -> Mapping[str, RateQuota]:
        """What the last answers said of the limits, by endpoint."""
        with self._lock:
            return MappingProxyType(dict(self._quotas))

    def send(
        self,
        method: str,
        endpoint: str,
        *,
        request_id: str = "",
        brand: str = "",
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> TilloAnswer:
        """Make one request and return what Tillo said, be it yes or no.

        :param brand: as it stands in the query or the body; it is part of the signature.
        :raises UnreachableError: no connection came about.
        :raises NoAnswerError: nobody knows what became of it.
        """
        timestamp = self._clock()
        headers = {
            "Accept": "application/json",
            **request_headers(),
            "API-Key": self._api_key,
            "Timestamp": str(timestamp),
            "Signature": sign_request(
                api_key=self._api_key,
                secret_key=self._secret_key,
                method=method,
                endpoint=endpoint,
                timestamp=timestamp,
                request_id=request_id,
                brand=brand,
            ),
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self._base_url}/{endpoint}" + (f"?{urlencode(query)}" if query else "")
        status, answer_headers, content = self._exchange(
            method, url, headers, None if body is None else json.dumps(body).encode()
        )
        quota = self._note_quota(endpoint, answer_headers)
        return _read_answer(status, content, _retry_after(answer_headers, quota))

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + self._timeout_seconds
        try:
            with self._session.request(
                method,
                url,
                data=content,
                headers=headers,
                proxies=self._proxies,
                timeout=(min(_CONNECT_SECONDS, self._timeout_seconds), self._timeout_seconds),
                allow_redirects=False,
                stream=True,
            ) as answer:
                # The library's limit is for each wait; an answer that trickles in would never end.
                received = bytearray()
                while chunk := answer.raw.read1(_CHUNK_BYTES, decode_content=True):
                    received += chunk
                    if len(received) > _ANSWER_CAP_BYTES:
                        raise NoAnswerError("an answer without end")
                    if time.monotonic() > deadline:
                        raise NoAnswerError("timeout while reading")
                return answer.status_code, answer.headers, bytes(received)
        except requests.RequestException as error:
            _raise_in_our_words(error)
        except TransferError as error:
            raise NoAnswerError(type(error).__name__) from None

    def _note_quota(self, endpoint: str, headers: Mapping[str, str]) -> RateQuota:
        quota = RateQuota(
            limit=_number(headers.get("X-RateLimit-Limit", "")),
            remaining=_number(headers.get("X-RateLimit-Remaining", "")),
            read_at_seconds=time.monotonic(),
        )
        if quota.limit is not None or quota.remaining is not None:
            with self._lock:
                self._quotas[endpoint] = quota
        return quota


def _leave_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    # Without an answer of ours, the library looks into ~/.netrc for a password to send along.
    return request


def _raise_in_our_words(error: requests.RequestException) -> NoReturn:
    """Say how far the request came, in words that quote nothing of it."""
    if isinstance(error, requests.ConnectTimeout):
        raise UnreachableError("timeout while connecting") from None
    # A refused connection and a broken one are the same class to the library.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NewConnectionError):
        raise UnreachableError(type(reason).__name__) from None
    raise NoAnswerError(type(error).__name__) from None


def _read_answer(status: int, content: bytes, retry_after_seconds: float | None) -> TilloAnswer:
    payload = _parse(content)
    code = payload.get("code") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(code, str) or not _CODE.fullmatch(code):
        if status == requests.codes.too_many_requests:
            return TilloAnswer(
                http_status=status,
                code=TOO_MANY_REQUESTS,
                data={},
                retry_after_seconds=retry_after_seconds,
            )
        # A gateway's 502 says nothing of what happened behind it, and an unreadable 200 neither.
        raise NoAnswerError(f"HTTP {status} without a code")
    data = payload.get("data")
    return TilloAnswer(
        http_status=status,
        code=code,
        data=data if isinstance(data, dict) else {},
        retry_after_seconds=retry_after_seconds,
    )


def _parse(content: bytes) -> object:
    """Return the JSON of an answer, amounts exact; None when it is none.

    The parser's own errors carry the text, which may be a card: they end here.
    """
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _retry_after(headers: Mapping[str, str], quota: RateQuota) -> float | None:
    given = _number(headers.get("Retry-After", ""))
    if given is not None:
        return float(given)
    # Tillo counts by the minute and does not say when a minute began.
    return _WINDOW_SECONDS if quota.remaining == 0 else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None
