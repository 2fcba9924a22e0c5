"""Checkouts: what is bought at a till, how it is paid, and the points both ways.

The work is done by the database (Note [Checkout] in ``loyalty/sql/checkout.sql``); this module
prepares it, and turns what is returned or raised into our own words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, IntegrityError
from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from alerts.errors import (
    DatabaseRefusalError,
    ServiceError,
    from_database_error,
    raised_by_database,
)
from alerts.statements import call_function
from alerts.transactions import durable
from credit.services.idempotency import KeyClaim, key_parameters
from credit.services.transfers import is_violation_of
from loyalty.models import Checkout
from loyalty.services.owed_points import review_owed
from loyalty.services.points_log import updating_points
from loyalty.services.refusals import refusal_from

log = structlog.get_logger()

MANUAL: Final = "manual"


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class NotEnoughPointsError(ServiceError):
    """The customer has fewer points available than are asked for; held ones count as spent."""

    code: ClassVar = ErrorCode.NOT_ENOUGH_POINTS
    answer_fields: ClassVar = ("available", "requested")

    available: int
    requested: int

    def customer_words(self, *, support_phone: str = "") -> str:
        """Print what a customer is told, with both numbers."""
        words = super().customer_words(support_phone=support_phone)
        numbers = _("Available: %(available)s, Requested: %(requested)s") % {
            "available": self.available,
            "requested": self.requested,
        }
        return f"{words} {numbers}"


@dataclasses.dataclass(eq=False, kw_only=True)
class OutOfArticlesError(ServiceError):
    """Fewer of an article are left than are bought, so nothing was set aside."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


@dataclasses.dataclass(eq=False, kw_only=True)
class OrderNumberTakenError(ServiceError):
    """The client has a checkout of this order number that was not declined."""

    code: ClassVar = ErrorCode.STATE_FORBIDS
    answer_fields: ClassVar = ("order_number",)

    order_number: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """So many of an article; what they cost is not the till's to say."""

    sku: str
    quantity: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """What a customer brings to a till.

    :param points_to_redeem: taken off the price; 0 for none.
    """

    client_id: UUID
    lines: Sequence[Line]
    customer_id: UUID | None = None
    points_to_redeem: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ManualPayment:
    """Cash, or a terminal's slip: the till knows how it ended.

    :param amount_minor: what was paid, in minor units of the cart's currency.
    """

    is_approved: bool
    amount_minor: int
    reference: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutResult:
    """A checkout as it ended, or stands; amounts in minor units."""

    checkout_id: UUID
    state: str
    loyalty: str
    currency: str
    total_minor: int
    points_redeemed: int
    points_earned: int


_RESULT: Final = tuple(field.name for field in dataclasses.fields(CheckoutResult))
COLUMNS: Final = "id, state, loyalty, currency, total_minor, points_redeemed, points_earned"
_CHECK_OUT: Final = (
    f"SELECT {COLUMNS} FROM loyalty_check_out("  # noqa: S608  constants only
    "%s, %s, %s, %s, %s, %s::text[], %s::integer[], %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


@durable
def check_out(
    *,
    cart: Cart,
    payment: ManualPayment,
    order_number: str,
    register_session_id: UUID | None,
    actor: str,
    request_id: str,
    now: datetime,
    key: KeyClaim | None = None,
) -> CheckoutResult:
    """Sell a cart whose payment's end is known: one statement, everything or nothing.

    Declined, the checkout is kept as such and nothing is taken. Approved, the order stands
    whatever becomes of its points: ``loyalty`` is ``pending`` where they are still to come. With
    ``key`` a repeat raises :class:`KeyAnsweredError`; what was declined may be tried again.

    :param order_number: the till's own, unique among the client's checkouts that were not
        declined.
    :raises NotEnoughPointsError: before anything was paid or set aside (GC-112).
    :raises OutOfArticlesError: GC-115, ``errors`` names the articles.
    :raises OrderNumberTakenError: GC-115.
    :raises ValidationFailedError: GC-012; an article, customer or session that is not the
        client's, an amount that is not the cart's total.
    """
    checkout_id = uuid4()
    with updating_points(customer_id=cart.customer_id, order_id=checkout_id) as update:
        row = call_checkout(
            _CHECK_OUT,
            [
                checkout_id,
                cart.client_id,
                cart.customer_id,
                register_session_id,
                order_number,
                [line.sku for line in cart.lines],
                [line.quantity for line in cart.lines],
                cart.points_to_redeem,
                MANUAL,
                uuid4(),
                "approved" if payment.is_approved else "declined",
                payment.amount_minor,
                payment.reference,
                actor,
                request_id,
                *key_parameters(key),
                now,
            ],
            order_number=order_number,
        )
        result = checkout_from_row(row)
        if result.loyalty == Checkout.Loyalty.APPLIED:
            update.applied(earned=result.points_earned, redeemed=result.points_redeemed)
    log.info(
        "[LOYALTY] Checkout",
        checkout_id=str(result.checkout_id),
        customer_id=None if cart.customer_id is None else str(cart.customer_id),
        state=result.state,
        loyalty=result.loyalty,
    )
    if result.loyalty == Checkout.Loyalty.PENDING:
        review_owed(client_id=cart.client_id, now=now)
    return result


def checkout_from_row(row: Sequence[Any]) -> CheckoutResult:
    """Return a row of :data:`COLUMNS` as a result."""
    return CheckoutResult(**dict(zip(_RESULT, row, strict=True)))


def call_checkout(
    statement: str, parameters: Sequence[Any], *, order_number: str
) -> tuple[Any, ...]:
    """Call a function that begins a checkout; its refusals become ours."""
    try:
        return call_function(statement, parameters)
    except IntegrityError as error:
        if is_violation_of("loyalty_checkout_order_number_unique", error):
            raise OrderNumberTakenError(
                order_number=order_number,
                errors={"order_number": ["There is a checkout of this number."]},
            ) from error
        raise
    except DatabaseError as error:
        raise _refusal_from(error) from error


def _refusal_from(error: DatabaseError) -> Exception:
    refusal = from_database_error(error)
    if isinstance(refusal, DatabaseRefusalError) and "lines" in refusal.details:
        return OutOfArticlesError(errors={"lines": _sentences(refusal.details["lines"])})
    return refusal_from(error)


def _sentences(found: object) -> list[str]:
    return [str(sentence) for sentence in found] if isinstance(found, list) else []
