"""Refunds of payments that a gateway took: written first, asked for then, until it has answered."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from alerts.errors import ServiceError
from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert
from alerts.tracing import tracing
from alerts.transactions import durable
from credit.money import format_amount
from loyalty.models import Refund
from loyalty.providers import MoneyBack, NotConfiguredError, choose_gateway
from loyalty.services.refusals import call

log = structlog.get_logger()

KIND: Final = "loyalty_refund_failed"
_STATES: Final = {
    "approved": Refund.State.DONE,
    "declined": Refund.State.FAILED,
    "unknown": Refund.State.PENDING,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RefundRun:
    """How many refunds a run has asked for, and how they ended; the rest is asked for again."""

    asked: int
    done: int
    failed: int


@durable
@seeing(EVERYTHING)
def refund_due(*, now: datetime, limit: int) -> RefundRun:
    """Ask the gateways for refunds that are due; one that fails stops no other.

    Safe twice at once: each goes to one worker, and the gateway gives money back once for its id.
    """
    asked = done = failed = 0
    while asked < limit:
        with connection.cursor() as cursor:
            cursor.execute("SELECT loyalty_claim_refunds(%s, %s)", [1, now])
            claimed = [row[0] for row in cursor.fetchall()]
        if not claimed:
            break
        asked += 1
        try:
            state = call_gateway(refund_id=claimed[0], now=now)
            done += state == Refund.State.DONE
            failed += state == Refund.State.FAILED
        except NotConfiguredError as error:
            log.warning("[LOYALTY] No gateway", refund_id=str(claimed[0]), reason=str(error))
        except (ServiceError, DatabaseError):
            log.exception("[LOYALTY] Not refunded", refund_id=str(claimed[0]))
    return RefundRun(asked=asked, done=done, failed=failed)


@durable
@seeing(EVERYTHING)
def call_gateway(*, refund_id: UUID, now: datetime) -> str:
    """Ask a refund's gateway for the money, once; return the refund's state.

    What it refuses has failed: an alert says so, and a person gives the money back otherwise.

    :raises NotConfiguredError: the gateway is not set up any more.
    """
    refund = Refund.objects.select_related("checkout__payment").get(pk=refund_id)
    if refund.state != Refund.State.PENDING:
        return refund.state
    payment = refund.checkout.payment
    with tracing(refund.request_id):
        answer = choose_gateway(payment.gateway).refund(
            MoneyBack(
                refund_id=refund.pk,
                reference=payment.gateway_reference,
                amount_minor=refund.amount_minor,
                currency=refund.currency,
                refund_reference=refund.gateway_reference,
                is_repeat=refund.tries > 1,
            )
        )
        state = _STATES[answer.outcome]
        (is_ended,) = call(
            "SELECT loyalty_mark_refund(%s, %s, %s, %s)",
            [refund.pk, state, answer.reference, answer.error],
        )
        log.info(
            "[LOYALTY] Refund asked for",
            refund_id=str(refund.pk),
            checkout_id=str(refund.checkout_id),
            state=state,
            error=answer.error,
        )
    if is_ended and state == Refund.State.FAILED:
        _tell(refund, error=answer.error, now=now)
    return state


def _tell(refund: Refund, *, error: str, now: datetime) -> None:
    amount = f"{format_amount(refund.amount_minor, refund.currency)} {refund.currency}"
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.CRITICAL,
        subject=f"A refund of {amount} was refused",
        message=(
            f"The gateway refused to refund order {refund.checkout.order_number} ({error}). The"
            " points went back; give the money back by another way."
        ),
        data={"refund_id": str(refund.pk), "checkout_id": str(refund.checkout_id)},
        dedupe_key=f"{KIND}:{refund.pk}",
        client_id=refund.client_id,
        now=now,
    )
