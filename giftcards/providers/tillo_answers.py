"""What Tillo's answers say: amounts, dates, cards, brands, floats and stock.

Whoever sells us a card does not always keep to the letter of its contract. What money hangs on
must be exact; the rest may be missing.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

from credit.money import LARGEST_AMOUNT_MINOR, Money, UnknownCurrencyError, minor_digits
from giftcards.providers import CardOrder
from giftcards.providers.catalogue import (
    BrandState,
    ProviderBrand,
    ProviderCatalogue,
    ProviderFloat,
    StockLevels,
)
from giftcards.providers.outcomes import Sold, SoldCard, Unknown

TILLO_DECIMALS: Final = 2
_OUT_OF_STOCK: Final = "OUT"
# Cut to what our columns hold.
_LONGEST_REFERENCE: Final = 64
_LONGEST_SECRET: Final = 255
_LONGEST_URL: Final = 2000


def write_amount(amount_minor: int, currency: str) -> str | None:
    """Return an amount as Tillo takes it, such as ``"25.00"``; None when it takes no such.

    A string, for a number would be a binary fraction somewhere on its way.
    """
    digits = minor_digits(currency)
    units, rest = divmod(amount_minor, 10**digits)
    fraction = f"{rest:0{digits}}" if digits else ""
    if fraction[TILLO_DECIMALS:].strip("0"):
        return None
    shown = fraction[:TILLO_DECIMALS]
    return f"{units}.{shown}" if shown else str(units)


def read_minor(amount: object, currency: str, *, exact: bool = True) -> int | None:
    """Return an amount in minor units; None when it is none.

    :param exact: refuse what is finer than the currency, instead of rounding it half up.
    """
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal | str):
        return None
    try:
        number = Decimal(amount)
        digits = minor_digits(currency)
    except (ArithmeticError, ValueError, UnknownCurrencyError):
        return None
    # First its size: a billion zeros are quickly written, and slowly turned into an integer.
    if not number.is_finite() or number.adjusted() > len(str(LARGEST_AMOUNT_MINOR)):
        return None
    with localcontext(prec=100):
        scaled = number.scaleb(digits)
        whole = scaled.to_integral_value(rounding=ROUND_HALF_UP)
    if (exact and whole != scaled) or abs(whole) > LARGEST_AMOUNT_MINOR:
        return None
    return int(whole)


def read_money(value: object, *, exact: bool = True) -> Money | None:
    """Return ``{"amount": 4.5, "currency": "GBP"}`` as money; None when it is none."""
    if not isinstance(value, Mapping) or not isinstance(value.get("currency"), str):
        return None
    amount_minor = read_minor(value.get("amount"), value["currency"], exact=exact)
    return None if amount_minor is None else Money(amount_minor, value["currency"])


def read_sale(data: Mapping[str, Any], order: CardOrder) -> Sold | Unknown:
    """Return the card that was sold for ``order``.

    A sale of something else, or one without anything to redeem, is for a person to look at: it
    may have cost money, and nothing of it can be given to anybody.
    """
    face_value = read_money(data.get("face_value"))
    if face_value != Money(order.amount_minor, order.currency):
        return Unknown("sold with another face value")
    if data.get("brand", order.brand) != order.brand:
        return Unknown("sold of another brand")
    code, url = _secret(data, "code"), _secret(data, "url", _LONGEST_URL)
    if code is None or url is None or not (code or url):
        return Unknown("sold without a card")
    return Sold(
        SoldCard(
            reference=read_text(data, "reference"),
            face_value=face_value,
            cost=read_money(data.get("cost_value"), exact=False),
            discount_percent=_percent(data.get("discount")),
            float_balance=read_money(data.get("float_balance"), exact=False),
            expires_on=_read_date(data.get("expiration_date")),
            code=code,
            pin=_secret(data, "pin") or "",
            serial_number=_secret(data, "serial_number") or "",
            security_code=_secret(data, "security_code") or "",
            url=url,
        )
    )


def read_text(data: Mapping[str, Any], name: str) -> str:
    """Return a short text; empty when there is none."""
    value = data.get(name)
    return value[:_LONGEST_REFERENCE] if isinstance(value, str) else ""


def read_floats(data: Mapping[str, Any]) -> list[ProviderFloat]:
    """Return the floats, by currency and name."""
    floats = []
    for by_name in _mapping(data.get("floats")).values():
        for name, balances in _mapping(by_name).items():
            available = read_money(_mapping(balances).get("available_balance"), exact=False)
            if available is not None:
                pending = read_money(_mapping(balances).get("pending_payments"), exact=False)
                floats.append(ProviderFloat(name=name, available=available, pending=pending))
    return sorted(floats, key=lambda one: (one.available.currency, one.name))


def read_stock(data: Mapping[str, Any], *, brand: str, currency: str) -> StockLevels:
    """Return the stock of one brand."""
    levels: dict[int, int | None] = {}
    for value, quantity in _mapping(data.get(brand)).items():
        amount_minor = read_minor(value, currency)
        if amount_minor is None:
            continue
        if quantity == _OUT_OF_STOCK:
            levels[amount_minor] = 0
        else:
            text = str(quantity)
            is_counted = text.isascii() and text.isdecimal() and len(text) <= 9
            levels[amount_minor] = int(text) if is_counted else None
    return levels


def read_catalogue(data: Mapping[str, Any]) -> ProviderCatalogue:
    """Return all brands; one that can't be read does not hide the others."""
    brands, unreadable = [], []
    for slug, facts in sorted(_mapping(data.get("brands")).items()):
        brand = _read_brand(slug, _mapping(facts))
        if brand is None:
            unreadable.append(slug)
        else:
            brands.append(brand)
    return ProviderCatalogue(brands=tuple(brands), unreadable=tuple(unreadable))


def _read_brand(slug: str, facts: Mapping[str, Any]) -> ProviderBrand | None:
    status, currency = _mapping(facts.get("status")), facts.get("currency")
    try:
        state = BrandState(str(status.get("code", "")).lower())
        minor_digits(str(currency))
    except (ValueError, UnknownCurrencyError):
        return None
    currency = str(currency)
    limits = _mapping(facts.get("digital_face_value_limits"))
    kinds = _words(facts.get("transaction_types"))
    values = facts.get("digital_denominations") or facts.get("denominations")
    known = (read_minor(value, currency) for value in _sequence(values))
    return ProviderBrand(
        slug=slug,
        name=read_text(facts, "name") or slug,
        currency=currency,
        state=state,
        state_reason=read_text(status, "reason"),
        discount_percent=_percent(facts.get("discount")),
        lower_minor=read_minor(limits.get("lower"), currency),
        upper_minor=read_minor(limits.get("upper"), currency),
        denominations_minor=tuple(sorted({value for value in known if value})),
        delivery_methods=_words(facts.get("delivery_methods")),
        is_asynchronous=facts.get("async_only") is True,
        has_stock=facts.get("gc_pool") is True,
        can_be_issued="digital_issuance" in kinds,
        can_be_undone="cancelled_digital_issuance" in kinds,
        can_show_balance="balance_check" in kinds,
    )


def _secret(data: Mapping[str, Any], name: str, longest: int = _LONGEST_SECRET) -> str | None:
    """Return a field of a card, empty when it has none; None when it can't be one."""
    value = data.get(name)
    if value is None:
        return ""
    return value if isinstance(value, str) and len(value) <= longest else None


def _percent(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    percent = Decimal(value)
    return percent if percent.is_finite() and 0 <= percent <= 100 else None


def _read_date(value: object) -> date | None:
    # The day as it is printed: the card's own time zone decides when it ends.
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    # PHP writes an empty object as an empty list.
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _words(value: object) -> frozenset[str]:
    return frozenset(word for word in _sequence(value) if isinstance(word, str))
