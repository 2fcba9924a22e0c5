"""The one account the emulator serves."""

import base64
import binascii
import dataclasses
import hmac
from typing import Final

DEFAULT_SERVICE_NUMBER: Final = "+15005550006"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """Its credentials, and the numbers it may send from; none listed means any."""

    sid: str
    auth_token: str
    senders: tuple[str, ...] = ()

    @property
    def service_number(self) -> str:
        """The number a messaging service sends from."""
        return self.senders[0] if self.senders else DEFAULT_SERVICE_NUMBER

    def owns(self, sender: str) -> bool:
        return not self.senders or sender in self.senders

    def recognises(self, authorization: str) -> bool:
        """Return whether an Authorization header carries this account's SID and token."""
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        return hmac.compare_digest(given, f"{self.sid}:{self.auth_token}".encode())
