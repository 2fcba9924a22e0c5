"""What a provider said, in words for tables and logs. Nothing here is worth money.

Built field by field from what may be shown, and not from an answer with its secrets taken out:
what nobody has named here stays out.
"""

from __future__ import annotations

from typing import Any

from credit.money import Money
from giftcards.providers.outcomes import Pending, Sold, SoldCard, TryAgain, Undone, Unknown
from giftcards.services.order_calls import Outcome


def word_of(outcome: Outcome) -> str:
    """Return the class of an answer: ``"sold"``, ``"try_again"``, …"""
    name = type(outcome).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def code_of(outcome: Outcome) -> str:
    """Return the provider's code, its state, or why there is none; empty after a success."""
    match outcome:
        case Sold() | Undone():
            return ""
        case Unknown(reason):
            return reason
    code: str = getattr(outcome, "code", "") or getattr(outcome, "state", "")
    return code


def print_outcome(outcome: Outcome) -> dict[str, Any]:
    """Return an answer as it is kept with its order."""
    shown: dict[str, Any] = {"outcome": word_of(outcome)}
    if code := code_of(outcome):
        shown["code"] = code
    match outcome:
        case Sold(card):
            shown |= _print_card(card)
        case Undone(reference, float_balance):
            shown |= {"reference": reference, "float_balance": _print_money(float_balance)}
        case Pending(reference=reference):
            shown["reference"] = reference
        case TryAgain(retry_after_seconds=float(seconds)):
            shown["retry_after_seconds"] = seconds
    return shown


def _print_card(card: SoldCard) -> dict[str, Any]:
    return {
        "reference": card.reference,
        "face_value": _print_money(card.face_value),
        "cost": _print_money(card.cost),
        "discount_percent": None if card.discount_percent is None else str(card.discount_percent),
        "float_balance": _print_money(card.float_balance),
        "expires_on": None if card.expires_on is None else card.expires_on.isoformat(),
    }


def _print_money(money: Money | None) -> dict[str, Any] | None:
    if money is None:
        return None
    return {"amount_minor": money.amount_minor, "currency": money.currency}
