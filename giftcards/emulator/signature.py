"""Whether a request is signed by the account it names."""

import dataclasses
import hashlib
import hmac

from alerts.emulator.exchange import Request

# A timestamp in seconds has ten digits; the rule says milliseconds.
_TIMESTAMP_DIGITS = 13


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """The one account the emulator serves; no sectors listed means any."""

    api_key: str
    secret_key: str = dataclasses.field(repr=False)
    sectors: tuple[str, ...] = ()

    def recognises(self, request: Request, *, endpoint: str) -> bool:
        """Return whether the request's three headers are this account's.

        :param endpoint: the path behind ``/api/v2/``.
        """
        timestamp = request.headers.get("timestamp", "")
        if not timestamp.isdecimal() or len(timestamp) != _TIMESTAMP_DIGITS:
            return False
        if not hmac.compare_digest(request.headers.get("api-key", ""), self.api_key):
            return False
        signed = f"{self.api_key}-{request.method}-{endpoint.replace('/', '-')}"
        if request.method == "GET":
            named = [request.query.get("brand")]
        else:
            named = [request.fields.get("client_request_id"), request.fields.get("brand")]
        for part in named:
            if part:
                signed += f"-{part}"
        signed += f"-{timestamp}"
        expected = hmac.new(self.secret_key.encode(), signed.encode(), hashlib.sha256)
        given = request.headers.get("signature", "").encode()
        return hmac.compare_digest(given, expected.hexdigest().encode())
