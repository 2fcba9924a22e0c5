"""What a cart would cost, and what it would mean in points; nothing is set aside for it."""

from __future__ import annotations

import dataclasses
from typing import Final

from loyalty.services.checkouts import Cart
from loyalty.services.refusals import call

_COLUMNS: Final = (
    "currency, subtotal_minor, discount_minor, total_minor, points_to_earn, redeemable, available"
)
_PRICE: Final = (
    f"SELECT {_COLUMNS} FROM loyalty_price_cart("  # noqa: S608  constants only
    "%s, %s, %s::text[], %s::integer[], %s)"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A cart's price in minor units.

    :param redeemable: whether the customer could redeem points at all.
    :param available: the customer's points that are not held; None without a customer.
    """

    currency: str
    subtotal_minor: int
    discount_minor: int
    total_minor: int
    points_to_earn: int
    redeemable: bool
    available: int | None


def quote_cart(*, cart: Cart) -> Quote:
    """Return what a checkout of this cart would come to at this moment.

    :raises NotEnoughPointsError: GC-112.
    :raises ValidationFailedError: GC-012, names the field.
    """
    row = call(
        _PRICE,
        [
            cart.client_id,
            cart.customer_id,
            [line.sku for line in cart.lines],
            [line.quantity for line in cart.lines],
            cart.points_to_redeem,
        ],
    )
    names = [field.name for field in dataclasses.fields(Quote)]
    return Quote(**dict(zip(names, row, strict=True)))
