"""What Tillo's codes mean for us.

By the code, never by the HTTP status: out of stock (725) comes as a 500, a paused brand (726) as
a 503, "still working on it" (729) as a 400.
"""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Final

from giftcards.providers.outcomes import (
    Failure,
    NoMoney,
    RouteClosed,
    SetUpWrong,
    TryAgain,
    Unknown,
)

SUCCESS: Final = "000"
NOT_UNDOABLE: Final = "100"
SALE_NOT_FOUND: Final = "724"
VALIDATION: Final = "433"

# The codes that are ours, beside Tillo's. They stand in the same column.
UNREACHABLE: Final = "unreachable"  # no connection came about, so nothing was sent
TOO_MANY_REQUESTS: Final = "429"  # without a code of Tillo's: something in front of it said so
AMOUNT_TOO_FINE: Final = "amount"  # Tillo takes two decimals, and this value has more

# It works, and has too much to do; or, with 729, is still at it.
TURNED_AWAY: Final = frozenset({TOO_MANY_REQUESTS, "211"})
BUSY: Final = TURNED_AWAY | {"729"}


class Meaning(enum.Enum):
    """The class of a code: what becomes of the order."""

    TRY_AGAIN = "try_again"
    ROUTE_CLOSED = "route_closed"
    NO_MONEY = "no_money"
    SET_UP = "set_up"


@dataclasses.dataclass(frozen=True, slots=True)
class CodeRule:
    """How one code is answered.

    :param may_be_done: it may have been carried out all the same; of those to try again only.
    :param only_with_status: the code means this with that HTTP status alone, and else nothing.
    """

    meaning: Meaning
    may_be_done: bool = True
    only_with_status: int | None = None


_TRY_AGAIN: Final = CodeRule(Meaning.TRY_AGAIN)
_TURNED_AWAY: Final = CodeRule(Meaning.TRY_AGAIN, may_be_done=False)
_CLOSED: Final = CodeRule(Meaning.ROUTE_CLOSED)
_NO_MONEY: Final = CodeRule(Meaning.NO_MONEY)
_SET_UP: Final = CodeRule(Meaning.SET_UP)

CODES: Final[Mapping[str, CodeRule]] = {
    UNREACHABLE: _TURNED_AWAY,
    TOO_MANY_REQUESTS: _TURNED_AWAY,
    "211": _TURNED_AWAY,  # too many requests
    "600": _TRY_AGAIN,  # an internal error
    "602": _TRY_AGAIN,  # maintenance
    "603": _TRY_AGAIN,  # the brand's processor failed
    "604": _TRY_AGAIN,  # the health check failed
    "715": _TRY_AGAIN,  # the host of the card's page is down
    "729": _TRY_AGAIN,  # the first request of this id is still at work
    "999": CodeRule(Meaning.TRY_AGAIN, only_with_status=500),  # an internal error
    "072": _CLOSED,  # no such brand, or not for us
    "706": _CLOSED,  # the brand's sale is switched off
    AMOUNT_TOO_FINE: _CLOSED,
    "709": _CLOSED,
    "713": _CLOSED,  # the brand does not deliver this way
    "719": _CLOSED,  # our account may not do this
    "720": _CLOSED,  # the brand does not do this
    "723": _CLOSED,  # the brand is not sold in this currency
    "725": _CLOSED,  # out of stock
    "726": _CLOSED,  # the brand is paused
    "610": _NO_MONEY,  # our float is too low
    "615": _NO_MONEY,  # our credit with the brand is too low
    "070": _SET_UP,  # a parameter is missing
    "210": _SET_UP,  # our address is not on their list
    VALIDATION: _SET_UP,
    "434": _SET_UP,  # the key, the signature or the timestamp
    "704": _SET_UP,  # a value that is not allowed: amount or sector
    "708": _SET_UP,  # this id was used for something else
    "712": _SET_UP,  # no such way of delivery
    "714": _SET_UP,  # no way of delivery given
    "721": _SET_UP,  # no such currency
    "722": _SET_UP,
}


def classify_code(
    code: str, *, http_status: int, retry_after_seconds: float | None = None
) -> Failure:
    """Return what a refusal means for an order.

    A code that nobody told us of may hide a sale, so it is as good as no answer.
    """
    rule = CODES.get(code)
    if rule is None or rule.only_with_status not in (None, http_status):
        return Unknown(f"code {code}")
    if rule.meaning is Meaning.ROUTE_CLOSED:
        return RouteClosed(code)
    if rule.meaning is Meaning.NO_MONEY:
        return NoMoney(code)
    if rule.meaning is Meaning.SET_UP:
        return SetUpWrong(code)
    return TryAgain(code, retry_after_seconds, may_be_done=rule.may_be_done)
