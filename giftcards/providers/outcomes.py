"""What may become of an order at a provider: closed sets, so that no ending can be forgotten.

Nothing here prints a card: the fields that are worth money stay out of ``repr``.
"""

import dataclasses
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from credit.money import Money


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SoldCard:
    """A card as the provider handed it over.

    :param reference: the provider's own name for the sale.
    :param cost: what we paid; None when the answer did not say it in a way we can read.
    :param float_balance: what is left of our money at the provider, where it says so.
    """

    reference: str
    face_value: Money
    cost: Money | None = None
    discount_percent: Decimal | None = None
    float_balance: Money | None = None
    expires_on: date | None = None
    code: str = dataclasses.field(default="", repr=False)
    pin: str = dataclasses.field(default="", repr=False)
    serial_number: str = dataclasses.field(default="", repr=False)
    security_code: str = dataclasses.field(default="", repr=False)
    url: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Sold:
    """The card is ours, and paid for."""

    card: SoldCard


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """The provider took the order and works on it: ask for its status.

    :param state: in the provider's words.
    """

    reference: str = ""
    state: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class RouteClosed:
    """This provider does not sell this card now; another may. Nothing was sold."""

    code: str


@dataclasses.dataclass(frozen=True, slots=True)
class NoMoney:
    """Our money at the provider does not suffice. Nothing was sold."""

    code: str


@dataclasses.dataclass(frozen=True, slots=True)
class SetUpWrong:
    """Something of ours is wrong: a key, an address, the request. Nothing was sold by it.

    One exception: 708 says that the id had been used for another order, which may have been sold.
    """

    code: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it was done: the hold stays, and the same id is asked again."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class TryAgain:
    """Not now: send the same id again later.

    :param retry_after_seconds: how long the provider asked us to stay away.
    :param may_be_done: whether this attempt may have been carried out all the same. Earlier
        attempts under the same id are the caller's to remember.
    """

    code: str
    retry_after_seconds: float | None = None
    may_be_done: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class NotSold:
    """The provider ended the order without a card.

    :param state: in the provider's words.
    """

    state: str


@dataclasses.dataclass(frozen=True, slots=True)
class NotFound:
    """The provider knows of no such sale.

    It proves that nothing was sold only once no attempt is on its way any more.
    """

    code: str


@dataclasses.dataclass(frozen=True, slots=True)
class Undone:
    """The sale was taken back and our money returned.

    :param reference: the provider's name for the undoing, not for the sale.
    """

    reference: str
    float_balance: Money | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class CannotUndo:
    """The sale stands: too late, taken back before, or not something this brand allows."""

    code: str


Failure: TypeAlias = RouteClosed | NoMoney | SetUpWrong | Unknown | TryAgain
IssueOutcome: TypeAlias = Sold | Pending | Failure
StatusOutcome: TypeAlias = Sold | Pending | NotSold | NotFound | Failure
UndoOutcome: TypeAlias = Undone | CannotUndo | NotFound | SetUpWrong | Unknown | TryAgain
