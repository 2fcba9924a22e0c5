"""Selling a card: Tillo's checks of a request to buy one."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import uuid4

from giftcards.emulator.brands import Brand
from giftcards.emulator.refusals import RefusalError
from giftcards.emulator.sales import Sale, new_sale
from giftcards.emulator.signature import Account

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{5,50}")
DELIVERY_METHODS: Final = ("code", "url", "email", "wrapped")
_TAG: Final = re.compile(r"[-A-Za-z0-9 ]+")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_AMOUNT: Final = re.compile(r"\d{1,9}(\.\d{1,2})?")


def accept_order(
    fields: Mapping[str, Any],
    *,
    account: Account,
    brands: Mapping[str, Brand],
    is_asynchronous: bool,
    end: str,
    now: datetime,
) -> Sale:
    """Return the sale that a request asks for; nothing is stored.

    :raises RefusalError: Tillo would not sell.
    """
    brand = check_common(fields, account=account, brands=brands)
    if brand.state == "DISABLED":
        raise RefusalError("706", brand.name)
    if brand.state == "PAUSED":
        raise RefusalError("726", brand.name)
    if brand.is_asynchronous and not is_asynchronous:
        raise RefusalError("720")
    amount = read_face_value(fields, brand)
    _check_value(amount, brand)
    delivery_method = fields.get("delivery_method")
    if not delivery_method:
        raise RefusalError("714")
    if delivery_method not in DELIVERY_METHODS:
        raise RefusalError("712")
    if delivery_method not in brand.delivery_methods:
        raise RefusalError("713", f"{delivery_method}] for [{brand.name}")
    if fields.get("fulfilment_by") != "partner":
        raise RefusalError("070", data={"fulfilment_by": "Missing parameter [fulfilment_by]"})
    tags = fields.get("tags", [])
    if not isinstance(tags, list) or not all(_TAG.fullmatch(str(tag)) for tag in tags):
        raise RefusalError("433", data={"tags": ["The tags format is invalid."]})
    return new_sale(
        request_id=str(fields["client_request_id"]),
        reference=str(uuid4()),
        brand=brand,
        amount=amount,
        delivery_method=delivery_method,
        is_asynchronous=is_asynchronous,
        end=end,
        now=now,
    )


def check_common(
    fields: Mapping[str, Any], *, account: Account, brands: Mapping[str, Brand]
) -> Brand:
    """Check what every POST and DELETE has, and return the brand it is about.

    :raises RefusalError: it is missing or not allowed.
    """
    for name in ("client_request_id", "brand", "face_value", "sector"):
        if not fields.get(name):
            raise RefusalError("070", data={name: f"Missing parameter [{name}]"})
    if not REQUEST_ID.fullmatch(str(fields["client_request_id"])):
        words = "may only contain letters, numbers, dashes and underscores."
        raise RefusalError("070", data={"client_request_id": [f"The client request id {words}"]})
    brand = brands.get(str(fields["brand"]))
    if brand is None:
        raise RefusalError("072", str(fields["brand"]))
    if account.sectors and fields["sector"] not in account.sectors:
        words = f"The sector [{fields['sector']}] is invalid. Please provide an acceptable one"
        raise RefusalError("704", data={"sector": words})
    currency = str(_face_value(fields).get("currency", ""))
    if not _CURRENCY.fullmatch(currency):
        raise RefusalError("721")
    if currency != brand.currency:
        raise RefusalError("723")
    return brand


def read_face_value(fields: Mapping[str, Any], brand: Brand) -> Decimal:
    """Return the amount of a request: a number, or a string of digits with two decimals at most.

    :raises RefusalError: 704, it is none.
    """
    written = str(_face_value(fields).get("amount", ""))
    try:
        amount = Decimal(written)
    except InvalidOperation:
        raise RefusalError("704", data={"amount": "The [amount] must be a number"}) from None
    if not _AMOUNT.fullmatch(written) and not _AMOUNT.fullmatch(f"{amount:f}"):
        words = f"The requested face value [{written}] is invalid."
        raise RefusalError("704", data={"amount": words, "brand": brand.slug})
    return amount


def _check_value(amount: Decimal, brand: Brand) -> None:
    if brand.denominations:
        if amount not in brand.denominations:
            words = f"Denomination [{amount:.2f}] not available for Brand [{brand.name}]"
            raise RefusalError("704", data={"amount": words}, http_status=500)
    elif not brand.lower <= amount <= brand.upper:
        words = f"The face value must be between [{brand.lower:.2f}] and [{brand.upper:.2f}]"
        raise RefusalError("704", data={"amount": words})


def _face_value(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    value = fields.get("face_value")
    return value if isinstance(value, Mapping) else {}
