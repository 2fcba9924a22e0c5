"""Refunds: money back for a checkout, and the points of that share both ways.

What goes back is the database's to say: Note [Shares] in ``loyalty/sql/refund.sql``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.utils.translation import gettext as _

from alerts.queue import ring_bell
from alerts.transactions import durable, transaction
from credit.services.idempotency import KeyClaim, hold_key, keep_answer
from loyalty.models import Checkout, Refund
from loyalty.services.checkouts import Line
from loyalty.services.points_log import updating_points
from loyalty.services.refusals import NoSuchThingError, call, refuse
from loyalty.services.shortfalls import flag_shortfall

log = structlog.get_logger()

_LONGEST_REASON: Final = 200
_MOST: Final = 10**15
_MOST_OF_ONE: Final = 10**6
_REFUND: Final = (
    "SELECT id, shortfall_points FROM loyalty_refund_checkout(%s, %s, %s, %s, %s::text[],"
    " %s::integer[], %s, %s, %s, %s)"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """A refund; its amount in minor units.

    :param state: ``pending`` until the gateway has paid it back; cash is at once.
    :param shortfall_points: earned ones that were spent meanwhile, so they stay taken.
    :param points_balance: the customer's as it stands, None where there is none.
    """

    refund_id: UUID
    checkout_id: UUID
    state: str
    amount_minor: int
    currency: str
    points_taken_back: int
    points_returned: int
    shortfall_points: int
    points_balance: int | None


@durable
def refund_checkout(
    *,
    client_id: UUID,
    checkout_id: UUID,
    reason: str,
    actor: str,
    request_id: str,
    now: datetime,
    lines: Sequence[Line] = (),
    amount_minor: int | None = None,
    key: KeyClaim | None = None,
) -> RefundResult:
    """Give back articles of a checkout, or an amount of it; never more than was paid.

    Earned points that were spent meanwhile stay with the customer; an alert tells of them.

    With ``key`` a repeat raises :class:`KeyAnsweredError`, and :func:`find_refund` tells what came
    of the first; without one it is a second refund, of what is left.

    :raises NoSuchThingError: GC-111.
    :raises StateForbidsError: GC-115; not paid, all refunded, or its points are still to come.
    :raises ValidationFailedError: GC-012, names the field.
    """
    reason = reason.strip()
    _check(reason=reason, lines=lines, amount_minor=amount_minor)
    refund_id = uuid4()
    customer_id = _customer_of(client_id, checkout_id)
    with updating_points(customer_id=customer_id, order_id=checkout_id) as update:
        with transaction():
            if key is not None:
                hold_key(claim=key)
            _, shortfall_points = call(
                _REFUND,
                [
                    refund_id,
                    client_id,
                    checkout_id,
                    amount_minor,
                    [line.sku for line in lines],
                    [line.quantity for line in lines],
                    reason,
                    actor,
                    request_id,
                    now,
                ],
            )
            if key is not None:
                keep_answer(claim=key, object_id=refund_id, status=201, now=now)
            if shortfall_points:
                flag_shortfall(refund_id=refund_id, now=now)
        result = find_refund(refund_id=refund_id)
        if result.points_taken_back or result.points_returned:
            update.applied(earned=-result.points_taken_back, redeemed=-result.points_returned)
    report = log.warning if result.shortfall_points else log.info
    report(
        "[LOYALTY] Refunded",
        refund_id=str(refund_id),
        checkout_id=str(checkout_id),
        amount_minor=result.amount_minor,
        shortfall_points=result.shortfall_points,
    )
    if result.state == Refund.State.PENDING:
        ring_bell("loyalty.tasks.settle_payments")
    return result


def find_refund(*, refund_id: UUID) -> RefundResult:
    """Return a refund as it stands, with the customer's balance of this moment.

    :raises NoSuchThingError: GC-111.
    """
    try:
        refund = Refund.objects.select_related("checkout__customer").get(pk=refund_id)
    except Refund.DoesNotExist:
        raise NoSuchThingError from None
    customer = refund.checkout.customer
    return RefundResult(
        refund_id=refund.pk,
        checkout_id=refund.checkout_id,
        state=refund.state,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        points_taken_back=refund.points_taken_back,
        points_returned=refund.points_returned,
        shortfall_points=refund.shortfall_points,
        points_balance=None if customer is None else customer.points_balance,
    )


def _customer_of(client_id: UUID, checkout_id: UUID) -> UUID | None:
    try:
        return Checkout.objects.values_list("customer_id", flat=True).get(
            pk=checkout_id, client_id=client_id
        )
    except Checkout.DoesNotExist:
        raise NoSuchThingError from None


def _check(*, reason: str, lines: Sequence[Line], amount_minor: int | None) -> None:
    if not reason or "\0" in reason or len(reason) > _LONGEST_REASON:
        raise refuse("reason", _("Say why, in at most %(most)s characters.") % {"most": 200})
    if bool(lines) == (amount_minor is not None):
        raise refuse("lines", _("Name either articles or an amount."))
    if amount_minor is not None and not 0 < amount_minor <= _MOST:
        raise refuse("amount", _("Enter an amount above zero."))
    if any(not 0 < line.quantity <= _MOST_OF_ONE for line in lines):
        raise refuse("lines", _("Enter how many, from 1 on."))
