"""What becomes of a reward whose card is bought at a provider (``settings.ORDER_PARTIES``)."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from alerts.statements import call_function
from alerts.transactions import transaction_required
from giftcards.services.order_parties import OrderFacts, OrderOutcome
from loyalty.models import Customer, Reward
from loyalty.services.points_log import updating_points
from loyalty.services.reward_links import link_until
from sms.queue import ring_bell

log = structlog.get_logger()

_BEING_PREPARED: Final = "GC-005"
_SETTLE: Final = "SELECT state, points FROM loyalty_settle_reward(%s, %s, %s, %s, %s, %s, %s)"


@transaction_required
def lock_reward(*, holder_id: UUID) -> None:
    """Lock a reward, and its customer before it: see Note [Points].

    :raises Reward.DoesNotExist: there is none.
    """
    customer_id = Reward.objects.values_list("customer_id", flat=True).get(pk=holder_id)
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    Reward.objects.select_for_update(no_key=True).get(pk=holder_id)


@transaction_required
def settle_reward_order(
    *,
    order: OrderFacts,
    outcome: OrderOutcome,
    card_id: UUID | None,
    transaction_id: UUID | None,
    now: datetime,
) -> None:
    """Move a reward on by what became of its order, as part of the caller's transaction.

    Sold: it is issued, the points are spent and the message is promised. Not sold: it has failed
    and the points are free again; nobody waits, since other cards may be had for them. Unknown:
    the points stay held until a person knows.
    """
    reward = Reward.objects.get(pk=order.holder_id)
    if outcome in (OrderOutcome.SOLD, OrderOutcome.NOT_SOLD):
        with updating_points(customer_id=reward.customer_id, order_id=reward.pk) as update:
            state, points = call_function(
                _SETTLE,
                [
                    reward.pk,
                    card_id if outcome is OrderOutcome.SOLD else None,
                    transaction_id,
                    order.charge_minor,
                    settings.LANGUAGE_CODE,
                    link_until(now),
                    now,
                ],
            )
            if outcome is OrderOutcome.SOLD:
                update.applied(redeemed=points)
        transaction.on_commit(partial(ring_bell, "sms.tasks.send_messages"), robust=True)
    else:
        state = (
            Reward.State.UNCONFIRMED
            if outcome is OrderOutcome.UNKNOWN
            else Reward.State.PROVISIONING
        )
        reward.state = state
        reward.reason_code = _BEING_PREPARED
        reward.save(update_fields=["state", "reason_code"])
    log.info(
        "[LOYALTY] Order settled",
        reward_id=str(reward.pk),
        order_id=str(order.order_id),
        outcome=str(outcome),
        state=state,
    )
