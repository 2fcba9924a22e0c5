"""A sale as the emulator keeps it, and as Tillo's API shows it."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from giftcards.emulator.brands import Brand

AT_WORK: Final = ("REQUESTED", "PENDING", "PROCESSING")
REVERSIBLE_FOR: Final = timedelta(hours=48)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sale:
    """One sale. ``end`` is the state an asynchronous order comes to; one at work is stuck."""

    request_id: str
    reference: str
    brand: str
    amount: Decimal
    cost: Decimal
    currency: str
    discount: Decimal
    delivery_method: str
    code: str
    pin: str
    url: str
    status: str
    end: str
    sold_at: datetime
    expires_at: datetime
    is_asynchronous: bool = False

    def card(self) -> dict[str, Any]:
        """Return what the buyer gets to see of the card."""
        if self.delivery_method == "url":
            card = {"url": self.url}
        else:
            card = {"code": self.code, **({"pin": self.pin} if self.pin else {})}
        return {
            "brand": self.brand,
            **card,
            "face_value": money(self.amount, self.currency),
            "cost_value": money(self.cost, self.currency),
            "discount": float(self.discount),
            "expiration_date": self.expires_at.isoformat(),
            "reference": self.reference,
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """Something that moved money, for tests to count: sold, ordered, failed, reversed, cancelled.

    ``request_id`` is the sale's, ``undone_by`` the undoing's.
    """

    event: str
    request_id: str
    brand: str
    amount: Decimal
    cost: Decimal
    currency: str
    at: datetime
    undone_by: str = ""


def new_sale(
    *,
    request_id: str,
    reference: str,
    brand: Brand,
    amount: Decimal,
    delivery_method: str,
    is_asynchronous: bool,
    end: str,
    now: datetime,
) -> Sale:
    """Return the sale of one card; nothing is stored."""
    code = brand.new_code()
    return Sale(
        request_id=request_id,
        reference=reference,
        brand=brand.slug,
        amount=amount,
        cost=brand.cost(amount),
        currency=brand.currency,
        discount=brand.discount,
        delivery_method=delivery_method,
        code=code,
        pin=code[-4:][::-1] if brand.has_pin else "",
        url=f"https://cards.example.com/{reference}",
        status=AT_WORK[0] if is_asynchronous else "SUCCESS",
        end=end,
        sold_at=now,
        expires_at=(now + timedelta(days=730)).replace(
            hour=23, minute=59, second=59, microsecond=0, tzinfo=UTC
        ),
        is_asynchronous=is_asynchronous,
    )


def to_record(sale: Sale) -> dict[str, Any]:
    """Return the JSON object a sale is stored as."""
    return {
        **vars(sale),
        **{name: str(getattr(sale, name)) for name in ("amount", "cost", "discount")},
        **{name: getattr(sale, name).isoformat() for name in ("sold_at", "expires_at")},
    }


def from_record(record: dict[str, Any]) -> Sale:
    """Return the sale that :func:`to_record` stored."""
    amounts = {name: Decimal(record[name]) for name in ("amount", "cost", "discount")}
    times = {name: datetime.fromisoformat(record[name]) for name in ("sold_at", "expires_at")}
    return Sale(**{**record, **amounts, **times})


def money(amount: Decimal, currency: str) -> dict[str, Any]:
    """Return an amount as Tillo writes it: a number, and the currency beside it."""
    return {"amount": float(amount), "currency": currency}
