"""A markup as people write it, ``"12.5"`` percent, and as it is kept, 1250 basis points."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext as _

from credit.money import (
    AmountTooLargeError,
    MalformedAmountError,
    NegativeAmountError,
    TooManyDecimalsError,
)

# 1000 %: eleven times the face value.
LARGEST_MARKUP_BASIS_POINTS: Final = 100_000
_DIGITS: Final = 2
_PERCENT: Final = re.compile(r"(?P<sign>-?)(?P<units>[0-9]+)(?:\.(?P<fraction>[0-9]+))?")
_LONGEST_TEXT: Final = 64


def parse_markup(text: str) -> int:
    """Read a markup in percent: ``"12.5"``, or ``"12.5 %"``, is 1250 basis points.

    :raises credit.money.AmountError: it is written otherwise, is negative, has more than two
        decimals or is over 1000 %; the message is a sentence for who wrote it.
    """
    stripped = text.strip(" \t\r\n").removesuffix("%").rstrip(" \t")
    match = _PERCENT.fullmatch(stripped) if len(stripped) <= _LONGEST_TEXT else None
    if match is None:
        raise MalformedAmountError(_("Write the markup as a percentage, such as 12.5."))
    if match["sign"]:
        raise NegativeAmountError(
            _("The markup can't be negative; for a lower price, set a price.")
        )
    fraction = match["fraction"] or ""
    if len(fraction) > _DIGITS:
        raise TooManyDecimalsError(_("A markup has at most 2 decimals, such as 12.25."))
    basis_points = int(match["units"] + fraction.ljust(_DIGITS, "0"))
    if basis_points > LARGEST_MARKUP_BASIS_POINTS:
        raise AmountTooLargeError(_("The markup is at most 1000 %."))
    return basis_points


def format_markup(basis_points: int) -> str:
    """Print a markup for forms and pages: ``"12.5"``, ``"0"``; ``parse_markup`` reads it."""
    units, hundredths = divmod(basis_points, 10**_DIGITS)
    fraction = f"{hundredths:0{_DIGITS}}".rstrip("0")
    return f"{units}.{fraction}" if fraction else str(units)
