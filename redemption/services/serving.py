"""Serving those who wait: for cards, for an approval, for an opt-in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.transactions import durable
from giftcards.selectors.stock import has_stock
from redemption.models import Campaign, Condition, Recipient, Redemption
from redemption.selectors.offers import with_offer
from redemption.services.redeem import Caller, Contact, redeem
from redemption.services.stock_alerts import settle_stock_alerts
from sms.models import OptIn

log = structlog.get_logger()

_BATCH: Final = 100
# What speaks against one person only; anything else speaks against all who wait for the same.
_ABOUT_THE_PERSON: Final = frozenset(
    {
        ErrorCode.ALREADY_REDEEMED,
        ErrorCode.UNKNOWN_CODE,
        ErrorCode.STATE_FORBIDS,
        ErrorCode.STILL_RUNNING,
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServingResult:
    """What one round came to: redemptions served, refused, and conditions left without a card."""

    served: int
    refused: int
    empty_conditions: int


@dataclasses.dataclass
class _Round:
    now: datetime
    limit: int
    tried: int = 0
    served: int = 0
    refused: int = 0
    # Conditions that had a card when they were first looked at in this round.
    stocked: set[UUID] = dataclasses.field(default_factory=set)
    # Conditions for which nobody else need be tried in this round.
    closed: set[UUID] = dataclasses.field(default_factory=set)
    empty: set[UUID] = dataclasses.field(default_factory=set)

    @property
    def is_over(self) -> bool:
        return self.tried >= self.limit


@durable
def serve_waiting(*, now: datetime, limit: int) -> ServingResult:
    """Give the cards that have come to those who wait, first come first served.

    Then let go on who waited for an approval or an opt-in that has been given; those who find no
    card join the queue at its end. Each is a transaction of its own, decided by ``redeem``, so
    that two rounds at once serve nobody twice, and what fails for one stops no other. A
    condition whose card does not come is left alone for the rest of the round.

    :param limit: how many to try at most.
    """
    unoffered = _unoffered(now)
    state = _Round(now=now, limit=limit, closed=set(unoffered))
    for redemption in _queue(state):
        if _may_be_served(redemption, state):
            _serve(redemption, state)
    if not state.is_over:
        free = _let_through(now=now).exclude(condition_id__in=unoffered)
        for redemption in free[: limit - state.tried]:
            _serve(redemption, state)
    settle_stock_alerts(now=now)
    result = ServingResult(
        served=state.served, refused=state.refused, empty_conditions=len(state.empty)
    )
    if state.served or state.refused:
        log.info("[PROVISION] Served who waited", **dataclasses.asdict(result))
    return result


def _queue(state: _Round) -> Iterator[Redemption]:
    """Yield who waits for stock in their order, leaving out conditions closed meanwhile."""
    last_place = 0
    while not state.is_over:
        batch = list(
            _served_by_us(state.now)
            .filter(
                state=Redemption.State.WAITING_STOCK,
                pending_reward__served_at=None,
                pending_reward__pk__gt=last_place,
            )
            .exclude(condition_id__in=state.closed)
            .select_related("pending_reward", "condition")
            .order_by("pending_reward__pk")[:_BATCH]
        )
        for redemption in batch:
            last_place = redemption.pending_reward.pk
            if redemption.condition_id not in state.closed and not state.is_over:
                yield redemption
        if len(batch) < _BATCH:
            return


def _let_through(*, now: datetime) -> QuerySet[Redemption]:
    """Return who waits for an approval or an opt-in that is there by now, oldest first."""
    granted = OptIn.objects.filter(
        client_id=OuterRef("client_id"), phone=OuterRef("contact_to"), state=OptIn.State.GRANTED
    )
    approved = Q(recipient__approval=Recipient.Approval.APPROVED) | Q(
        recipient__approval=Recipient.Approval.NOT_NEEDED, campaign__approval_required=False
    )
    return (
        _served_by_us(now)
        .filter(
            Q(approved, state=Redemption.State.WAITING_APPROVAL)
            | Q(state=Redemption.State.WAITING_OPT_IN)
            & (Q(campaign__opt_in_required=False) | Exists(granted))
        )
        .select_related("condition")
        .order_by("created_at", "pk")
    )


def _served_by_us(now: datetime) -> QuerySet[Redemption]:
    # The rule of the database's redemption_check_open, which decides: whom it would refuse in
    # every round is not asked for, or each refusal would leave a trace every minute.
    return Redemption.objects.filter(
        Q(campaign__claim_expires_at__gte=now)
        | Q(campaign__claim_expires_at=None)
        & (Q(campaign__ends_at=None) | Q(campaign__ends_at__gte=now)),
        Q(campaign__status=Campaign.Status.ACTIVE)
        | Q(campaign__status=Campaign.Status.ENDED, campaign__claim_expires_at__isnull=False),
        client__is_active=True,
        client__agency__is_active=True,
        condition__is_active=True,
    ).exclude(recipient__approval=Recipient.Approval.REJECTED)


def _unoffered(now: datetime) -> frozenset[UUID]:
    """Return the conditions that somebody waits for and whose card nobody offers any more."""
    waiting = _served_by_us(now).filter(
        state__in=[
            Redemption.State.WAITING_STOCK,
            Redemption.State.WAITING_APPROVAL,
            Redemption.State.WAITING_OPT_IN,
        ]
    )
    conditions = Condition.objects.filter(pk__in=waiting.order_by().values("condition_id"))
    return frozenset(with_offer(conditions).filter(is_offered=False).values_list("pk", flat=True))


def _may_be_served(redemption: Redemption, state: _Round) -> bool:
    """Tell whether a try makes sense; else close the condition for this round.

    Each try that finds nothing leaves a trace: one a minute for days, for a pool that is empty.
    """
    condition = redemption.condition
    if condition.pk in state.stocked:
        return True
    if has_stock(
        pool_id=condition.pool_id,
        client_id=redemption.client_id,
        brand_id=condition.brand_id,
        value_minor=condition.card_value_minor,
        currency=condition.currency,
        now=state.now,
    ):
        state.stocked.add(condition.pk)
        return True
    state.empty.add(condition.pk)
    state.closed.add(condition.pk)
    return False


def _serve(redemption: Redemption, state: _Round) -> None:
    state.tried += 1
    caller = Caller(
        door=Redemption.Door(redemption.door), actor="system", request_id=redemption.request_id
    )
    try:
        result = redeem(
            caller=caller,
            contact=Contact(method="none"),  # resumed: it goes where it was asked for
            recipient_id=redemption.recipient_id,
            condition_number=redemption.condition.number,
            resume=True,
            now=state.now,
        )
    except ServiceError as refusal:
        state.refused += 1
        if refusal.code not in _ABOUT_THE_PERSON:
            state.closed.add(redemption.condition_id)
    except DatabaseError:
        log.exception("[PROVISION] Failed", redemption_id=str(redemption.pk))
        state.refused += 1
    else:
        if result.state == Redemption.State.ISSUED:
            state.served += 1
        elif result.state == Redemption.State.WAITING_STOCK:
            state.empty.add(redemption.condition_id)
            state.closed.add(redemption.condition_id)
