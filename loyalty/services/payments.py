"""Checkouts that a gateway is paid through, and what becomes of payments nobody knows the end of.

Begun and committed first, charged then, finished last: Note [Checkout] in
``loyalty/sql/checkout.sql`` and Note [Charged once] in ``loyalty/providers``. Wherever that breaks
off, the payment is due within a minute, and :func:`settle_due` asks the gateway.
"""

from __future__ import annotations

import dataclasses
import time
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, connection

from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.tracing import tracing
from alerts.transactions import durable, transaction
from credit.services.idempotency import KeyClaim, amend_answer, forget_answer, key_parameters
from loyalty.models import Checkout, Payment
from loyalty.providers import Charge, Gateway, GatewayAnswer, NotConfiguredError, choose_gateway
from loyalty.services.checkouts import (
    COLUMNS,
    Cart,
    CheckoutResult,
    call_checkout,
    checkout_from_row,
)
from loyalty.services.owed_points import review_owed
from loyalty.services.points_log import updating_points
from loyalty.services.refusals import call, refuse

log = structlog.get_logger()

# Long enough for the call that was begun with it to end by itself.
ASKED_AFTER: Final = timedelta(minutes=1)
# A payment that the gateway has not heard of by then is forestalled, and declined.
GIVEN_UP_AFTER: Final = timedelta(minutes=15)
_UNKNOWN: Final = Checkout.State.PAYMENT_UNKNOWN
_BEGIN: Final = (
    f"SELECT {COLUMNS} FROM loyalty_begin_checkout("  # noqa: S608  constants only
    "%s, %s, %s, %s, %s, %s::text[], %s::integer[], %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_FINISH: Final = f"SELECT {COLUMNS} FROM loyalty_finish_checkout(%s, %s, %s, %s, %s::numeric, %s)"  # noqa: S608


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPayment:
    """A payment that a gateway is to take.

    :param gateway: its name.
    :param payment_method: the gateway's token of the customer's card; it is not kept.
    :param amount_minor: what the till expects, which must be the cart's total.
    """

    gateway: str
    payment_method: str
    amount_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SettleRun:
    """How many payments a run has asked about, and how many of them it knows the end of."""

    asked: int
    settled: int


@durable
def check_out_by_gateway(
    *,
    cart: Cart,
    payment: GatewayPayment,
    order_number: str,
    register_session_id: UUID | None,
    actor: str,
    request_id: str,
    now: datetime,
    key: KeyClaim | None = None,
) -> CheckoutResult:
    """Sell a cart that a gateway is paid for: set aside, charge, and finish or give all back.

    Without a certain answer the checkout stays ``payment_unknown``, its points and articles held,
    and a job settles it. ``key`` stands for that answer from the beginning, for the last one once
    it is approved, and for nothing again once it is declined.

    :raises ValidationFailedError: GC-012; also where the gateway is not set up.
    :raises ServiceError: as :func:`loyalty.services.checkouts.check_out`; nothing was charged.
    """
    try:
        gateway = choose_gateway(payment.gateway)
    except NotConfiguredError as error:
        log.warning("[LOYALTY] No gateway", gateway=payment.gateway, reason=str(error))
        raise refuse("gateway", "Card payments are not set up here.") from None
    checkout_id, payment_id = uuid4(), uuid4()
    with transaction():
        begun = checkout_from_row(
            call_checkout(
                _BEGIN,
                [
                    checkout_id,
                    cart.client_id,
                    cart.customer_id,
                    register_session_id,
                    order_number,
                    [line.sku for line in cart.lines],
                    [line.quantity for line in cart.lines],
                    cart.points_to_redeem,
                    payment.gateway,
                    payment_id,
                    now + ASKED_AFTER,
                    actor,
                    request_id,
                    *key_parameters(key),
                    now,
                ],
                order_number=order_number,
            )
        )
        if begun.total_minor != payment.amount_minor:
            raise ValidationFailedError(
                errors={"payment": ["The amount is not what the cart costs."]}
            )
    since = time.perf_counter()
    charge = Charge(
        payment_id=payment_id,
        amount_minor=begun.total_minor,
        currency=begun.currency,
        order_number=order_number,
    )
    if charge.amount_minor == 0:
        # All of it was paid in points: there is nothing to ask anybody for.
        answer = GatewayAnswer(outcome="approved")
    else:
        answer = gateway.charge(charge, payment_method=payment.payment_method)
    took = round((time.perf_counter() - since) * 1000, 3)
    try:
        result = _settle(begun, payment_id, answer, cart=cart, took=took, now=now)
    except (ServiceError, DatabaseError):
        # Whatever the gateway has said it will say again.
        log.exception("[LOYALTY] Payment not recorded", checkout_id=str(checkout_id))
        return begun
    if key is not None and result.state == Checkout.State.DECLINED:
        forget_answer(claim=key, before=_UNKNOWN)
    elif key is not None and result.state != _UNKNOWN:
        amend_answer(claim=key, before=_UNKNOWN, status=201, state=result.state)
    return result


@durable
@seeing(EVERYTHING)
def settle_due(*, now: datetime, limit: int) -> SettleRun:
    """Ask about payments that are due, each by one worker at a time; one that fails stops no other.

    Safe twice at once. A payment is asked about after one minute and then ever more seldom, at
    least once an hour, until its end is known.
    """
    asked = settled = 0
    while asked < limit:
        with connection.cursor() as cursor:
            cursor.execute("SELECT loyalty_claim_payments(%s, %s)", [1, now])
            claimed = [row[0] for row in cursor.fetchall()]
        if not claimed:
            break
        asked += 1
        try:
            settled += settle_payment(payment_id=claimed[0], now=now)
        except NotConfiguredError as error:
            log.warning("[LOYALTY] No gateway", payment_id=str(claimed[0]), reason=str(error))
        except (ServiceError, DatabaseError):
            log.exception("[LOYALTY] Payment not settled", payment_id=str(claimed[0]))
    return SettleRun(asked=asked, settled=settled)


@durable
@seeing(EVERYTHING)
def settle_payment(*, payment_id: UUID, now: datetime) -> bool:
    """Ask a payment's gateway what became of it; return whether its end is known now.

    :raises NotConfiguredError: the gateway is not set up any more.
    """
    payment = Payment.objects.select_related("checkout").get(pk=payment_id)
    checkout = payment.checkout
    if payment.state != Payment.State.UNKNOWN:
        return True
    gateway = choose_gateway(payment.gateway)
    with tracing(checkout.request_id):
        since = time.perf_counter()
        answer = _ask(gateway, payment, order_number=checkout.order_number, now=now)
        took = round((time.perf_counter() - since) * 1000, 3)
        result = _settle(
            CheckoutResult(
                checkout_id=checkout.pk,
                state=checkout.state,
                loyalty=checkout.loyalty,
                currency=checkout.currency,
                total_minor=checkout.total_minor,
                points_redeemed=checkout.points_redeemed,
                points_earned=checkout.points_earned,
            ),
            payment_id,
            answer,
            cart=Cart(client_id=checkout.client_id, customer_id=checkout.customer_id, lines=()),
            took=took,
            now=now,
        )
    return result.state != _UNKNOWN


def _ask(gateway: Gateway, payment: Payment, *, order_number: str, now: datetime) -> GatewayAnswer:
    if payment.amount_minor == 0:
        return GatewayAnswer(outcome="approved")
    charge = Charge(
        payment_id=payment.pk,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        order_number=order_number,
    )
    found = gateway.find(charge, reference=payment.gateway_reference)
    if found is not None:
        return found
    if now < payment.created_at + GIVEN_UP_AFTER:
        return GatewayAnswer(outcome="unknown", error="not_found")
    return gateway.forestall(charge)


def _settle(
    begun: CheckoutResult,
    payment_id: UUID,
    answer: GatewayAnswer,
    *,
    cart: Cart,
    took: float,
    now: datetime,
) -> CheckoutResult:
    """Write down what a gateway said; ``cart`` says whose checkout it is."""
    if answer.outcome == "unknown":
        call_function(
            "SELECT loyalty_note_payment(%s, %s, %s)::text",
            [payment_id, answer.reference, answer.error],
        )
        result = begun
    else:
        with updating_points(customer_id=cart.customer_id, order_id=begun.checkout_id) as update:
            result = checkout_from_row(
                call(
                    _FINISH,
                    [
                        begun.checkout_id,
                        answer.outcome,
                        answer.reference,
                        answer.error,
                        took,
                        now,
                    ],
                )
            )
            if result.loyalty == Checkout.Loyalty.APPLIED:
                update.applied(earned=result.points_earned, redeemed=result.points_redeemed)
    log.info(
        "[LOYALTY] Payment asked for",
        checkout_id=str(begun.checkout_id),
        payment_id=str(payment_id),
        outcome=answer.outcome,
        error=answer.error,
        state=result.state,
        loyalty=result.loyalty,
    )
    if result.state != _UNKNOWN and result.loyalty == Checkout.Loyalty.PENDING:
        review_owed(client_id=cart.client_id, now=now)
    return result
