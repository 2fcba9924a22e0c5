"""What the tests of orders share beside ordering itself."""

from __future__ import annotations


def fold(text: str) -> str:
    """Return a text as codes are compared: no case, spaces or dashes."""
    return "".join(filter(str.isalnum, text.upper()))


# What the emulator does to the first request, what that is called, and whether the card was sold.
UNCLEAR = [
    ({"action": "timeout", "seconds": 1.5, "sold": True}, "unknown", True),
    ({"action": "timeout", "seconds": 1.5, "sold": False}, "unknown", False),
    ({"action": "drop", "sold": True}, "unknown", True),
    ({"action": "drop", "sold": False}, "unknown", False),
    ({"action": "status", "status": 502}, "unknown", False),
    ({"action": "status", "status": 504, "page": True, "sold": True}, "unknown", True),
    ({"action": "malformed", "sold": True}, "unknown", True),
    ({"action": "error", "code": "600"}, "try_again", False),
    ({"action": "error", "code": "999", "status": 500, "sold": True}, "try_again", True),
    ({"action": "error", "code": "998"}, "unknown", False),
    ({"action": "error", "code": "729"}, "try_again", False),
    ({"action": "rate_limited", "retry_after": 30}, "try_again", False),
    ({"action": "slow", "seconds": 1.0}, "unknown", True),
]


CLOSED = ["072", "706", "709", "713", "719", "720", "723", "725", "726"]


SET_UP = ["070", "210", "433", "434", "704", "712", "714", "721", "722"]
