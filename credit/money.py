"""Money: an integer of the currency's minor units, and the only place that reads or prints it.

Outside of here an amount is ``amount_minor`` beside its ``currency``; at the edges it is a
string such as ``"25.00"``.
"""

from __future__ import annotations

import dataclasses
import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from django.utils.translation import gettext as _

# The widest amount that a column (bigint) holds, in either direction.
LARGEST_AMOUNT_MINOR: Final = 2**63 - 1

# Currencies whose minor unit is not the hundredth. Source: ISO 4217 List One (CcyMnrUnts), as
# published by SIX, the standard's maintenance agency.
_DIGITS_UNLESS_LISTED: Final = 2
_MINOR_DIGITS: Final = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLF": 4, "UYW": 4,
}  # fmt: skip

# Only signs that name one currency to an American reader; any other is printed by its code.
_SYMBOLS: Final = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CAD": "CA$", "AUD": "A$", "NZD": "NZ$",
    "MXN": "MX$", "BRL": "R$",
}  # fmt: skip

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_AMOUNT: Final = re.compile(r"(?P<sign>-?)(?P<units>[0-9]+)(?:\.(?P<fraction>[0-9]+))?")
_SURROUNDING_SPACE: Final = " \t\r\n"
_LONGEST_TEXT: Final = 64


class AmountError(ValueError):
    """An amount can't be read; the message is a sentence for who wrote it."""


class MalformedAmountError(AmountError):
    """It is not written as digits with at most one dot."""


class TooManyDecimalsError(AmountError):
    """It has more decimals than the currency; rounding is not ours to do."""


class NegativeAmountError(AmountError):
    """It is negative where only a positive one makes sense."""


class AmountTooLargeError(AmountError):
    """It is wider than the column that would hold it."""


class UnknownCurrencyError(AmountError):
    """It is not written as a currency's code."""


class CurrencyMismatchError(ValueError):
    """Two amounts of different currencies can't be added or compared."""


@dataclasses.dataclass(frozen=True)
class Money:
    """An amount with its currency.

    :param amount_minor: of the currency's minor units: 2500 is 25.00 USD, and 2500 JPY.
    """

    amount_minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        self._require_same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._require_same_currency(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount_minor, self.currency)

    def __str__(self) -> str:
        return display_amount(self.amount_minor, self.currency)

    def _require_same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} don't mix.")


def minor_digits(currency: str) -> int:
    """Return how many decimals the currency has: USD 2, JPY 0, KWD 3.

    :raises UnknownCurrencyError: it is not three capital letters.
    """
    if not _CURRENCY.fullmatch(currency):
        raise UnknownCurrencyError("A currency is three capital letters, such as USD.")
    return _MINOR_DIGITS.get(currency, _DIGITS_UNLESS_LISTED)


def parse_amount(text: str, currency: str, *, allow_negative: bool = False) -> int:
    """Read an amount as people and programs write it: ``"25.00"`` USD is 2500.

    Zero is an amount; whether it makes sense is for the caller to say.

    :raises AmountError: it is written otherwise, has more decimals than the currency, is wider
        than a bigint, or is negative and ``allow_negative`` was not given.
    """
    digits = minor_digits(currency)
    stripped = text.strip(_SURROUNDING_SPACE)
    # Python's int() takes quadratic time for a million digits, so the length comes first.
    if len(stripped) > _LONGEST_TEXT:
        raise AmountTooLargeError(_("The amount is too large."))
    match = _AMOUNT.fullmatch(stripped)
    if match is None:
        raise MalformedAmountError(_explain_malformed(stripped, digits))
    if match["sign"] and not allow_negative:
        raise NegativeAmountError(_("The amount can't be negative."))
    fraction = match["fraction"] or ""
    if len(fraction) > digits:
        words = (
            _("An amount in %(currency)s has at most %(digits)s decimals.")
            if digits
            else _("An amount in %(currency)s has no decimals.")
        )
        raise TooManyDecimalsError(words % {"currency": currency, "digits": digits})
    amount_minor = int(match["units"] + fraction.ljust(digits, "0"))
    if amount_minor > LARGEST_AMOUNT_MINOR:
        raise AmountTooLargeError(_("The amount is too large."))
    return -amount_minor if match["sign"] else amount_minor


def format_amount(amount_minor: int, currency: str) -> str:
    """Print an amount for programs and forms: ``"25.00"``, ``"-0.05"``; ``parse_amount`` reads it.

    No currency, no thousands separators.
    """
    digits = minor_digits(currency)
    sign = "-" if amount_minor < 0 else ""
    padded = str(abs(amount_minor)).rjust(digits + 1, "0")
    if not digits:
        return sign + padded
    return f"{sign}{padded[:-digits]}.{padded[-digits:]}"


def display_amount(amount_minor: int, currency: str) -> str:
    """Print an amount for people: ``"$1,250.00"``, ``"-$5.00"``, ``"¥500"``, ``"25.000 KWD"``.

    The same in every language: the programmes' Spanish readers are in the Americas too.
    """
    units, dot, fraction = format_amount(abs(amount_minor), currency).partition(".")
    sign = "-" if amount_minor < 0 else ""
    number = f"{int(units):,}{dot}{fraction}"
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{number} {currency}" if symbol is None else f"{sign}{symbol}{number}"


def apply_percent(amount_minor: int, percent: Decimal) -> int:
    """Return ``percent`` percent of an amount, rounded half-up once.

    A price with a markup of 7.5 % is ``apply_percent(face_value_minor, 100 + markup)``.
    A negative half goes away from zero, as PostgreSQL's ``round(numeric)`` has it.

    :raises ValueError: ``percent`` is NaN or infinite.
    """
    if not percent.is_finite():
        raise ValueError("A percentage is a finite number.")
    # The default context rounds to 28 digits, which would be a second rounding.
    with localcontext(prec=len(str(amount_minor)) + len(percent.as_tuple().digits) + 1):
        exact = (amount_minor * percent).scaleb(-2)
        return int(exact.to_integral_value(rounding=ROUND_HALF_UP))


def _explain_malformed(text: str, digits: int) -> str:
    example = f"1250.{'5'.ljust(digits, '0')}" if digits else "1250"
    if not text:
        words = _("Give an amount, such as %(example)s.")
    elif "," in text or any(character.isspace() or character in "'_" for character in text):
        words = (
            _("Write the amount with no separator but a dot, such as %(example)s.")
            if digits
            else _("Write the amount without separators, such as %(example)s.")
        )
    else:
        words = _("Write the amount in digits, such as %(example)s.")
    return words % {"example": example}
