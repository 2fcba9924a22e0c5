"""Phone numbers that misbehave without any script, after the manner of Twilio's test numbers."""

import re
from typing import Final

REFUSED_RECIPIENTS: Final = {
    "+15005550001": 21211,  # not a phone number
    "+15005550002": 21612,  # cannot be reached by SMS
    "+15005550003": 21408,  # a country the account may not text
    "+15005550004": 21610,  # replied STOP
}
REFUSED_SENDERS: Final = {
    "+15005550001": 21212,  # not a phone number
    "+15005550007": 21606,  # belongs to somebody else
    "+15005550008": 21611,  # its queue is full
}
UNREACHABLE_RECIPIENTS: Final = {"+15005550009": 30006}  # a landline, found out by the carrier

# The last five digits are the error: +15005521614 is refused with 21614, +15005530003 is
# accepted and ends undelivered with 30003. None of Twilio's own test numbers looks like this.
CODED_NUMBER: Final = re.compile(r"\+150055([23]\d{4})")

E164: Final = re.compile(r"\+[1-9]\d{6,14}")
SHORT_CODE: Final = re.compile(r"\d{3,8}")
SENDER_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}")


def refusal_of_recipient(phone: str) -> int | None:
    """Return the error code that texts to ``phone`` are refused with, or None."""
    if phone in REFUSED_RECIPIENTS:
        return REFUSED_RECIPIENTS[phone]
    if not E164.fullmatch(phone):
        return 21211
    code = _code_in(phone)
    return code if code is not None and code < 30000 else None


def refusal_of_sender(phone: str) -> int | None:
    """Return the error code that texts from ``phone`` are refused with, or None."""
    if phone in REFUSED_SENDERS:
        return REFUSED_SENDERS[phone]
    well_formed = any(form.fullmatch(phone) for form in (E164, SHORT_CODE, SENDER_NAME))
    return None if well_formed else 21212


def failure_of_recipient(phone: str) -> int | None:
    """Return the error code that accepted texts to ``phone`` end undelivered with, or None."""
    if phone in UNREACHABLE_RECIPIENTS:
        return UNREACHABLE_RECIPIENTS[phone]
    code = _code_in(phone)
    return code if code is not None and code >= 30000 else None


def _code_in(phone: str) -> int | None:
    found = CODED_NUMBER.fullmatch(phone)
    return int(found[1]) if found else None
