"""What Tillo says when it refuses a request."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

# code: (HTTP status, sentence). A code that is not listed is answered with status 400.
REFUSALS: Final[dict[str, tuple[int, str]]] = {
    "070": (400, "There were errors validating the request"),
    "072": (400, "The requested brand [{detail}] does not exist"),
    "100": (422, "{detail}"),
    "210": (401, "Invalid IP address"),
    "211": (429, "Too many attempts for the API rate limit"),
    "433": (422, "There were errors validating the request"),
    "434": (401, "Authentication failed"),
    "600": (500, "Internal error"),
    "602": (500, "Internal error"),
    "603": (500, "Error returned by the Processor"),
    "604": (503, "Error"),
    "610": (422, "Insufficient balance on account"),
    "615": (422, "Insufficient credit with [{detail}]"),
    "704": (400, "There were errors validating the request"),
    "706": (401, "Brand [{detail}] is not available through the API"),
    "708": (422, "The client request id was used for another request"),
    "709": (422, "The brand is not available for this partner"),
    "712": (404, "The requested delivery method was not found"),
    "713": (400, "You cannot deliver codes via [{detail}]"),
    "714": (400, "There were errors validating the request"),
    "715": (503, "The URL hosting service is currently unavailable"),
    "719": (422, "The transaction type is not supported by the partner"),
    "720": (422, "The transaction type is not available for the requested brand"),
    "721": (422, "The requested currency was not found"),
    "722": (422, "The requested currency is not supported by this partner"),
    "723": (422, "The requested currency is not supported by this brand"),
    "724": (422, "The sale could not be found"),
    "725": (500, "Brand [{detail}] is out of stock"),
    "726": (503, "Brand [{detail}] is temporarily unavailable"),
    "729": (400, "The request is still being processed"),
    "999": (500, "Internal error"),
}


@dataclasses.dataclass(eq=False)
class RefusalError(Exception):
    """The request is refused with one of Tillo's error codes.

    :param data: what is wrong, by the field of the request.
    """

    code: str
    detail: str = ""
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    http_status: int | None = None

    @property
    def status(self) -> int:
        return self.http_status or REFUSALS.get(self.code, (400, ""))[0]

    def body(self, message: str = "") -> dict[str, object]:
        """Return the JSON object Tillo answers errors with."""
        template = REFUSALS.get(self.code, (400, "Error"))[1]
        return {
            "code": self.code,
            "status": "error",
            "message": message or template.format(detail=self.detail),
            **({"data": dict(self.data)} if self.data else {}),
        }
