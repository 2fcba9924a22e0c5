"""Serving those who wait: for cards, for an approval, for an opt-in.

Note [In work]
When a provider is there again, a thousand people may wait for it. Ordering for all of them at
once would set a thousand charges aside, and exceed the credit or our money at the provider for
cards that come one after the other anyway. So of each card only so many are in work, and the next
in the queue is ordered for when one of those has come.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.tracing import tracing
from alerts.transactions import durable
from giftcards.models import ProviderOrder
from giftcards.providers import configured_providers
from giftcards.selectors.stock import Supply, find_supply
from redemption.models import Campaign, Condition, Recipient, Redemption
from redemption.selectors.codes import TRIED_OUT
from redemption.selectors.offers import with_offer
from redemption.services.opt_ins import ask_the_unasked
from redemption.services.redeem import Caller, Contact, redeem
from redemption.services.stock_alerts import settle_stock_alerts
from sms.models import OptIn

log = structlog.get_logger()

_BATCH: Final = 100
# Orders for people at one time, of one card: Note [In work]. As many as one worker asks at once.
MOST_IN_WORK: Final = 8
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
    """What one round came to: redemptions served, refused, and conditions left without a card.

    :param ordered: for how many a card was ordered at a provider.
    """

    served: int
    refused: int
    empty_conditions: int
    ordered: int = 0


@dataclasses.dataclass
class _Round:
    now: datetime
    limit: int
    tried: int = 0
    served: int = 0
    refused: int = 0
    ordered: int = 0
    # Conditions that had a card when they were first looked at in this round.
    stocked: set[UUID] = dataclasses.field(default_factory=set)
    # Conditions for which nobody else need be tried in this round.
    closed: set[UUID] = dataclasses.field(default_factory=set)
    empty: set[UUID] = dataclasses.field(default_factory=set)
    # Conditions of which as many cards are in work as may be: Note [In work].
    crowded: set[UUID] = dataclasses.field(default_factory=set)

    @property
    def is_over(self) -> bool:
        return self.tried >= self.limit


@durable
def serve_waiting(*, now: datetime, limit: int) -> ServingResult:
    """Give the cards that have come to those who wait, first come first served.

    Where a provider can be asked (again), cards are ordered for them in the same order (Note [In
    work]). Then let go on who waited for an approval or an opt-in that has been given (those who
    find no card join the queue at its end), and ask for the opt-in who was not asked yet. Each is
    a transaction of its own, decided by ``redeem``, so that two rounds at once serve nobody twice,
    and what fails for one stops no other. A condition whose card does not come is left alone for
    the rest of the round.

    :param limit: how many to try at most.
    """
    unoffered = _unoffered(now)
    state = _Round(now=now, limit=limit, closed=set(unoffered))
    for redemption in _queue(state):
        if _may_be_served(redemption, state):
            _serve(redemption, state)
    for redemption in _let_through(state, unoffered):
        if not _is_crowded(redemption, state):
            _serve(redemption, state)
    ask_the_unasked(now=now, limit=limit)
    settle_stock_alerts(now=now)
    result = ServingResult(
        served=state.served,
        refused=state.refused,
        empty_conditions=len(state.empty),
        ordered=state.ordered,
    )
    if state.served or state.refused or state.ordered:
        log.info("[PROVISION] Served who waited", **dataclasses.asdict(result))
    return result


def _queue(state: _Round) -> Iterator[Redemption]:
    """Yield who waits for stock in their order, leaving out conditions closed meanwhile."""
    behind = Q()
    while not state.is_over:
        batch = list(
            _served_by_us(state.now)
            .filter(
                behind,
                state=Redemption.State.WAITING_STOCK,
                pending_reward__served_at=None,
            )
            .exclude(condition_id__in=state.closed)
            .select_related("pending_reward", "condition")
            .order_by("pending_reward__created_at", "pending_reward__pk")[:_BATCH]
        )
        for redemption in batch:
            place = redemption.pending_reward
            behind = Q(pending_reward__created_at__gt=place.created_at) | Q(
                pending_reward__created_at=place.created_at, pending_reward__pk__gt=place.pk
            )
            if redemption.condition_id not in state.closed and not state.is_over:
                yield redemption
        if len(batch) < _BATCH:
            return


def _let_through(state: _Round, unoffered: Collection[UUID]) -> Iterator[Redemption]:
    """Yield who is let go on by now, in the order of asking, but of crowded conditions."""
    last = None
    while not state.is_over:
        waiting = _decided(now=state.now).exclude(condition_id__in=state.crowded.union(unoffered))
        if last is not None:
            waiting = waiting.filter(
                Q(created_at__gt=last.created_at) | Q(created_at=last.created_at, pk__gt=last.pk)
            )
        batch = list(waiting[:_BATCH])
        for last in batch:
            if last.condition_id not in state.crowded and not state.is_over:
                yield last
        if len(batch) < _BATCH:
            return


def _decided(*, now: datetime) -> QuerySet[Redemption]:
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
        | Q(campaign__status=Campaign.Status.ENDED, campaign__claim_expires_at__isnull=False)
        | Q(campaign__status__in=TRIED_OUT, is_test=True),
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
    supply = _supply_of(redemption, state.now)
    if supply is Supply.STOCK:
        state.stocked.add(condition.pk)
        return True
    if supply is Supply.PROVIDER and not _is_full(condition):
        return True
    if supply is Supply.NOWHERE:
        state.empty.add(condition.pk)
    else:
        state.crowded.add(condition.pk)
    state.closed.add(condition.pk)
    return False


def _is_crowded(redemption: Redemption, state: _Round) -> bool:
    """Tell whether one more would be one order too many; who finds no card joins the queue."""
    condition = redemption.condition
    if _is_full(condition) and _supply_of(redemption, state.now) is Supply.PROVIDER:
        state.crowded.add(condition.pk)
        return True
    return False


def _supply_of(redemption: Redemption, now: datetime) -> Supply:
    condition = redemption.condition
    return find_supply(
        pool_id=condition.pool_id,
        client_id=redemption.client_id,
        brand_id=condition.brand_id,
        value_minor=condition.card_value_minor,
        currency=condition.currency,
        providers=configured_providers(),
        now=now,
    )


def _is_full(condition: Condition) -> bool:
    """Tell whether as many orders of a condition's card are in work as may be."""
    if condition.brand_id is None or condition.card_value_minor is None:
        return False
    in_work = ProviderOrder.objects.filter(
        state=ProviderOrder.State.REQUESTED,
        holder_kind="redemption",
        denomination__brand_id=condition.brand_id,
        value_minor=condition.card_value_minor,
        currency=condition.currency,
    )
    return in_work.count() >= MOST_IN_WORK


def _serve(redemption: Redemption, state: _Round) -> None:
    state.tried += 1
    with tracing(redemption.request_id):
        _redeem_again(redemption, state)


def _redeem_again(redemption: Redemption, state: _Round) -> None:
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
        elif result.state == Redemption.State.PROVISIONING:
            state.ordered += 1
            # The last card is gone: the next one asks first whether there is room.
            state.stocked.discard(redemption.condition_id)
        elif result.state == Redemption.State.WAITING_STOCK:
            state.empty.add(redemption.condition_id)
            state.closed.add(redemption.condition_id)
