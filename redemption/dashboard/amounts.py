"""Amounts as the pages print them: the words, and whether they are below zero."""

from __future__ import annotations

import dataclasses

from credit.money import display_amount


@dataclasses.dataclass(frozen=True, slots=True)
class Amount:
    """Money to print: ``"$1,250.00"``. The sign tells what is negative, colour only repeats it."""

    text: str
    is_negative: bool

    def __str__(self) -> str:
        return self.text


def show_amount(amount_minor: int, currency: str) -> Amount:
    """Print what an account holds: ``"$1,250.00"``, ``"-$5.00"``."""
    return Amount(display_amount(amount_minor, currency), amount_minor < 0)


def show_change(amount_minor: int, currency: str) -> Amount:
    """Print what comes in or goes out, always with its sign: ``"+$500.00"``, ``"-$25.00"``."""
    sign = "+" if amount_minor > 0 else ""
    return Amount(sign + display_amount(amount_minor, currency), amount_minor < 0)


def show_rounded(amount_minor: int, currency: str) -> str:
    """Print an amount on a scale, without decimals that are all zero: ``"$1,250"``."""
    text = display_amount(amount_minor, currency)
    units, dot, rest = text.partition(".")
    decimals, space, code = rest.partition(" ")
    return units + space + code if dot and not decimals.strip("0") else text


def symbol_of(currency: str) -> str:
    """Return the sign that stands before an amount; empty where the code stands behind it."""
    text = display_amount(0, currency)
    return "" if text.endswith(currency) else text.partition("0")[0]
