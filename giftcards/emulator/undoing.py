"""Taking a sale back: reversing it by its id, or cancelling it by its card."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from giftcards.emulator.brands import Brand
from giftcards.emulator.orders import read_face_value
from giftcards.emulator.refusals import RefusalError
from giftcards.emulator.sales import REVERSIBLE_FOR, Sale


def check_reversal(
    fields: Mapping[str, Any], *, sale: Sale | None, brand: Brand, now: datetime
) -> Sale:
    """Return the sale to be reversed.

    :raises RefusalError: Tillo would not.
    """
    sale = _check_sale(fields, sale, brand)
    if now - sale.sold_at > REVERSIBLE_FOR:
        minutes = int(REVERSIBLE_FOR.total_seconds() // 60)
        words = f"Gift code cannot be reversed as more than {minutes} minutes have passed"
        raise RefusalError("100", words)
    if sale.status != "SUCCESS":
        raise RefusalError("100", "Gift code does not have a status that allows it to be reversed")
    return sale


def check_cancellation(fields: Mapping[str, Any], *, sale: Sale | None, brand: Brand) -> Sale:
    """Return the sale to be cancelled.

    :raises RefusalError: Tillo would not.
    """
    if sale is None:
        words = "Invalid originalClientRequestID"
        raise RefusalError("433", data={"client_request_id": words})
    sale = _check_sale(fields, sale, brand)
    if bool(fields.get("code")) == bool(fields.get("url")):
        raise RefusalError("433", data={"code": ["Either code or url is required."]})
    kind = "url" if fields.get("url") else "code"
    shown = sale.card()
    if fields[kind] != shown.get(kind) or fields.get("pin", "") not in ("", shown.get("pin")):
        words = f"Invalid [original_client_request_id] and [{kind}] combination"
        raise RefusalError("100", words)
    if sale.status != "SUCCESS":
        raise RefusalError("100", "The gift code has already been cancelled")
    return sale


def _check_sale(fields: Mapping[str, Any], sale: Sale | None, brand: Brand) -> Sale:
    if not brand.can_be_undone:
        raise RefusalError("720")
    if sale is None:
        raise RefusalError("724")
    if sale.brand != brand.slug:
        words = "Attempting to cancel a gift code of a different brand"
        raise RefusalError("433", data={"brand": words})
    amount: Decimal = read_face_value(fields, brand)
    if amount != sale.amount:
        words = "Attempting to cancel a gift code of a different value"
        raise RefusalError("433", data={"face_value": words})
    return sale
