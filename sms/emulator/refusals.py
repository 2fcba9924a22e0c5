"""What Twilio says when it refuses a request, and when a text does not arrive."""

import dataclasses
from typing import Final

# code: (HTTP status, sentence). A code that is not listed is answered with status 400.
REFUSALS: Final[dict[int, tuple[int, str]]] = {
    20001: (400, "Invalid parameter: {detail}"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20009: (409, "Resource not complete"),
    20404: (404, "The requested resource {detail} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service is unavailable. Please try again"),
    21211: (400, "Invalid 'To' Phone Number: {detail}"),
    21212: (400, "Invalid From Number (caller ID): {detail}"),
    21266: (400, "'To' and 'From' number cannot be the same: {detail}"),
    21408: (400, "Permission to send an SMS has not been enabled for the region: {detail}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (
        400,
        "The 'From' phone number provided ({detail}) is not a valid Twilio phone number.",
    ),
    21608: (
        400,
        "The number {detail} is unverified. Trial accounts may text verified numbers only.",
    ),
    21609: (400, "The 'StatusCallback' URL {detail} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "The 'From' number {detail} has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number: {detail}, is not currently reachable via SMS."),
    21614: (400, "'To' number is not a valid mobile number: {detail}"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21635: (400, "'To' number cannot be a landline: {detail}"),
    21701: (400, "The Messaging Service {detail} does not exist."),
    30409: (409, "This message cannot be canceled"),
    90007: (400, "Invalid validity period value: {detail}"),
}

DELIVERY_ERRORS: Final[dict[int, str]] = {
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30022: "US A2P 10DLC - Rate Limits Exceeded",
    30034: "US A2P 10DLC - Message from an Unregistered Number",
    30036: "Validity Period Expired",
    30450: "Message delivery blocked",
}


@dataclasses.dataclass(eq=False)
class RefusalError(Exception):
    """The request is refused with one of Twilio's error codes."""

    code: int
    detail: str = ""

    @property
    def status(self) -> int:
        return REFUSALS.get(self.code, (400, ""))[0]

    @property
    def sentence(self) -> str:
        """Twilio's words for the code, with the value it complains about filled in."""
        template = REFUSALS.get(self.code, (400, "Error {code}"))[1]
        return template.format(code=self.code, detail=self.detail)


def error_body(*, code: int, message: str, status: int) -> dict[str, object]:
    """Return the JSON object Twilio answers errors with."""
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
