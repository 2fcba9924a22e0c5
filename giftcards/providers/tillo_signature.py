"""How a request to Tillo is signed."""

import hashlib
import hmac


def sign_request(
    *,
    api_key: str,
    secret_key: str,
    method: str,
    endpoint: str,
    timestamp: int,
    request_id: str = "",
    brand: str = "",
) -> str:
    """Return the Signature header: HMAC-SHA256 over what names the request, in lower-case hex.

    :param endpoint: the path behind the base URL: ``digital/issue``.
    :param timestamp: Unix time in milliseconds, as in the Timestamp header.
    """
    parts = (api_key, method, endpoint.replace("/", "-"), request_id, brand, str(timestamp))
    # What a request does not have leaves no empty place behind.
    signed = "-".join(part for part in parts if part)
    return hmac.new(secret_key.encode(), signed.encode(), hashlib.sha256).hexdigest()
