"""What becomes of a redemption whose card is bought at a provider.

The redemption waits as ``provisioning`` while its order is in work. Its end comes from the
worker that bought the card, or from a person who found out (``settings.ORDER_PARTIES``), in the
transaction that ends the order: so a card that was bought is issued, and one that was not is
paid by nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import transaction_required
from credit.selectors.balances import balance_after_debit
from giftcards.models import GiftCard, ProviderOrder, ProviderOrderEvent
from giftcards.services.order_parties import OrderFacts, OrderOutcome
from redemption.models import PendingReward, ProvisioningTrace, Recipient, Redemption, RevealLink
from redemption.services.budgets import follow_charge
from redemption.services.links import REVEAL_LINK_DAYS
from redemption.services.stock_alerts import alert_out_of_stock
from sms.queue import ring_bell

log = structlog.get_logger()

State = Redemption.State

_KIND: Final = "redemption"
_BEING_PREPARED: Final = "GC-005"
_OUT_OF_STOCK: Final = "GC-003"
# Answers after which nothing went wrong at the provider.
_FINE: Final = frozenset({"sold", "pending"})
_JOIN_QUEUE: Final = "SELECT redemption_join_queue(%s, %s, %s, %s, %s)"
_QUEUE_MESSAGE: Final = "SELECT redemption_queue_message(%s, %s, %s)"
# Since the transaction began: until then its rows were locked, and the money was moved.
_TRACE_MONEY: Final = (
    "SELECT redemption_trace(%s, %s, %s, 'ok', '', %s, transaction_timestamp(), %s)"
)


def follow_order(*, redemption_id: UUID, now: datetime) -> None:
    """Have the order of a redemption sent, and see whether its hold leaves enough for another.

    Called after the commit; never fails: the periodic jobs find the order, and the budget.
    """
    ring_bell("giftcards.tasks.place_orders")
    try:
        with seeing(EVERYTHING):
            order = _order_in_work(redemption_id)
            balance = None
            if order is not None and order.hold_id is not None:
                balance = balance_after_debit(order.hold_id)
            if order is None or balance is None:
                return
            campaign_id = Redemption.objects.values_list("campaign_id", flat=True).get(
                pk=redemption_id
            )
    except DatabaseError:
        log.exception("[BUDGET] Not reviewed", redemption_id=str(redemption_id))
        return
    follow_charge(
        campaign_id=campaign_id,
        charged_minor=order.charge_minor or 0,
        balance_minor=balance,
        now=now,
    )


def _order_in_work(redemption_id: UUID) -> ProviderOrder | None:
    return (
        ProviderOrder.objects.filter(
            holder_kind=_KIND, holder_id=redemption_id, state=ProviderOrder.State.REQUESTED
        )
        .order_by("pk")
        .first()
    )


@transaction_required
def lock_holder(*, holder_id: UUID) -> None:
    """Lock a redemption, and its recipient before it: see Note [Lock order].

    :raises Redemption.DoesNotExist: there is none.
    """
    recipient_id = Redemption.objects.values_list("recipient_id", flat=True).get(pk=holder_id)
    Recipient.objects.select_for_update(no_key=True).get(pk=recipient_id)
    Redemption.objects.select_for_update(no_key=True).get(pk=holder_id)


@transaction_required
def settle_order(
    *,
    order: OrderFacts,
    outcome: OrderOutcome,
    card_id: UUID | None,
    transaction_id: UUID | None,
    now: datetime,
) -> None:
    """Move a redemption on by what became of its order, as part of the caller's transaction.

    Sold: it is issued, paid by the capture, and the message with its link is promised. Not sold:
    it waits for stock in the place that it had, or fails where the campaign lets nobody wait; the
    code can be redeemed again then. Unknown: it is unconfirmed until a person knows.
    """
    redemption = Redemption.objects.select_related("campaign", "condition").get(pk=order.holder_id)
    _trace_calls(order)
    if outcome is OrderOutcome.SOLD:
        assert card_id is not None  # noqa: S101  the caller's promise
        _issue(redemption, order, card_id, transaction_id, now)
    elif outcome is OrderOutcome.NOT_SOLD:
        _send_back(redemption, order, now)
    else:
        redemption.state = (
            State.UNCONFIRMED if outcome is OrderOutcome.UNKNOWN else State.PROVISIONING
        )
        redemption.reason_code = _BEING_PREPARED
        redemption.save(update_fields=["state", "reason_code"])
    log.info(
        "[PROVISION] Order settled",
        redemption_id=str(redemption.pk),
        order_id=str(order.order_id),
        outcome=str(outcome),
        state=redemption.state,
    )


def _issue(
    redemption: Redemption,
    order: OrderFacts,
    card_id: UUID,
    transaction_id: UUID | None,
    now: datetime,
) -> None:
    cost_minor, usual_cost_minor = GiftCard.objects.values_list(
        "cost_minor", "pool__cost_per_card_minor"
    ).get(pk=card_id)
    redemption.state = State.ISSUED
    redemption.reason_code = ""
    redemption.card_id = card_id
    redemption.transaction_id = transaction_id
    redemption.source = Redemption.Source.API
    redemption.charged_minor = order.charge_minor
    redemption.cost_minor = usual_cost_minor if cost_minor is None else cost_minor
    redemption.issued_at = now
    redemption.save(
        update_fields=[
            "state", "reason_code", "card", "transaction", "source", "charged_minor",
            "cost_minor", "issued_at",
        ]
    )  # fmt: skip
    PendingReward.objects.filter(redemption=redemption, served_at=None).update(served_at=now)
    RevealLink.objects.filter(redemption=redemption, revoked_at=None).update(
        expires_at=now + timedelta(days=REVEAL_LINK_DAYS)
    )
    call_function(_QUEUE_MESSAGE, [redemption.pk, "reward", now])
    if transaction_id is not None:
        _trace_money(order, "capture", now)
    transaction.on_commit(partial(ring_bell, "sms.tasks.send_messages"), robust=True)
    # There may be more who wait for this provider, and one place less is taken there.
    transaction.on_commit(partial(ring_bell, "redemption.tasks.serve_waiting"), robust=True)


def _send_back(redemption: Redemption, order: OrderFacts, now: datetime) -> None:
    if order.charge_minor:
        _trace_money(order, "release", now)
    if not redemption.campaign.queue_when_empty:
        redemption.state = State.FAILED
        redemption.reason_code = _BEING_PREPARED
        redemption.failed_at = now
        redemption.save(update_fields=["state", "reason_code", "failed_at"])
        return
    redemption.state = State.WAITING_STOCK
    redemption.reason_code = _OUT_OF_STOCK
    redemption.save(update_fields=["state", "reason_code"])
    call_function(
        _JOIN_QUEUE,
        [
            redemption.pk,
            order.placed_at,
            now + timedelta(seconds=settings.CALL_BACK_WITHIN),
            now + timedelta(seconds=settings.REWARD_WITHIN),
            now,
        ],
    )
    transaction.on_commit(partial(ring_bell, "sms.tasks.send_messages"), robust=True)
    # After the commit: whoever raises the same alert would wait for it.
    transaction.on_commit(
        partial(
            alert_out_of_stock,
            campaign_id=redemption.campaign_id,
            condition_number=redemption.condition.number,
            now=now,
        ),
        robust=True,
    )


def _trace_calls(order: OrderFacts) -> None:
    """Write down what was asked of the provider since the order was settled last."""
    known = ProvisioningTrace.objects.filter(
        redemption_id=order.holder_id, step="call_provider", details__order_id=str(order.order_id)
    ).count()
    events = ProviderOrderEvent.objects.filter(order_id=order.order_id).order_by("pk")[known:]
    ProvisioningTrace.objects.bulk_create(
        ProvisioningTrace(
            request_id=order.trace_id,
            redemption_id=order.holder_id,
            step="call_provider",
            status="ok" if event.outcome in _FINE else event.outcome[:16],
            error_code="" if event.outcome in _FINE else "GC-005",
            message=f"{order.provider}, {event.asked} {event.attempt}: "
            f"{event.outcome} {event.code}".strip(),
            milliseconds=event.milliseconds or 0,
            details={"order_id": str(order.order_id)},
            at=event.at,
        )
        for event in events
    )


def _trace_money(order: OrderFacts, step: str, now: datetime) -> None:
    call_function(_TRACE_MONEY, [order.trace_id, order.holder_id, step, order.provider, now])
