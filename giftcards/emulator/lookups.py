"""Questions: brands, floats, stock, what became of an order, what is left on a card."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from giftcards.emulator.brands import Brand
from giftcards.emulator.refusals import RefusalError
from giftcards.emulator.sales import AT_WORK, Sale, money

UNIVERSAL: Final = "universal-float"


def show_brands(brands: Mapping[str, Brand], *, now: datetime) -> dict[str, Any]:
    """Return the list of brands."""
    return _success(
        "Brands information",
        {
            # An empty object is written as an empty list there.
            "brands": {slug: brand.describe() for slug, brand in brands.items()} or [],
            "last_refreshed_at": now.isoformat(timespec="seconds"),
        },
    )


def show_floats(floats: Mapping[str, Decimal], *, currency: str, now: datetime) -> dict[str, Any]:
    """Return the floats, of one currency when one is asked for.

    :raises RefusalError: 721, there is no such currency.
    """
    if currency and currency not in floats:
        raise RefusalError("721")
    shown = {
        name: {
            UNIVERSAL: {
                "available_balance": money(balance, name),
                "pending_payments": money(Decimal(0), name),
            }
        }
        for name, balance in floats.items()
        if currency in ("", name)
    }
    refreshed = now.isoformat(timespec="seconds")
    return _success("Floats", {"floats": shown, "last_refreshed_at": refreshed})


def show_stock(
    stock: Mapping[tuple[str, Decimal], int], *, brands: Mapping[str, Brand], slug: str
) -> dict[str, Any]:
    """Return the stock of the brands that have any, or of one.

    :raises RefusalError: 433, this brand's stock can't be asked for.
    """
    if slug and slug not in brands:
        raise RefusalError("433", data={"brand": "The requested brand is not available"})
    if slug and not brands[slug].has_stock:
        words = f"Service [check-stock] is not supported for brand [{slug}]"
        raise RefusalError("433", data={"brand": words})
    levels: dict[str, dict[str, str]] = {}
    for (brand, amount), count in stock.items():
        if slug in ("", brand):
            levels.setdefault(brand, {})[f"{amount:.2f}"] = str(count) if count else "OUT"
    return _success("Stock levels", levels)


def show_order(sale: Sale | None) -> dict[str, Any]:
    """Return what became of an order.

    :raises RefusalError: 433, there is none.
    """
    if sale is None:
        raise RefusalError("433", data={"reference": "The sale could not be found."})
    if sale.status == "SUCCESS":
        card = {**sale.card(), "status": sale.status}
        return _success("Order has finished processing", card)
    message = "Order is still processing" if sale.status in AT_WORK else "Order failed to process"
    return _success(message, {"reference": sale.reference, "status": sale.status})


def show_balance(sale: Sale | None, *, brand: Brand) -> dict[str, Any]:
    """Return what is left on a card: all of it, until it is taken back.

    :raises RefusalError: 720, the brand does not tell; 724, there is no such sale.
    """
    if not brand.can_show_balance:
        raise RefusalError("720")
    if sale is None or sale.brand != brand.slug:
        raise RefusalError("724", http_status=500)
    left = sale.amount if sale.status == "SUCCESS" else Decimal(0)
    return _success("Balance check", {"face_value": money(left, sale.currency)})


def show_sale(sale: Sale, *, float_balance: Decimal) -> dict[str, Any]:
    """Return the answer to whoever bought a card."""
    balance = {"float_balance": money(float_balance, sale.currency)}
    if not sale.is_asynchronous:
        return _success("Card created successfully", {**sale.card(), **balance})
    card = sale.card()
    known = {name: card[name] for name in ("brand", "face_value", "cost_value", "reference")}
    return _success("Card ordered successfully", {**known, **balance})


def show_undoing(sale: Sale, *, reference: str, float_balance: Decimal) -> dict[str, Any]:
    """Return the answer to whoever took a sale back."""
    balance = money(float_balance, sale.currency)
    return _success(
        "Card cancelled successfully", {"reference": reference, "float_balance": balance}
    )


def _success(message: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"code": "000", "status": "success", "message": message, "data": data}
