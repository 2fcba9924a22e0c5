"""Writing down what became of an order: one transaction, holder → order → card → account."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db.models import Count

from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.services.monitors import Finding, raise_finding
from alerts.transactions import durable, transaction, transaction_required
from credit.services.events import tell_account_changed
from credit.services.settlements import capture_hold, release_hold
from giftcards.models import ProviderOrder, ProviderOrderEvent
from giftcards.providers.outcomes import SoldCard
from giftcards.services.bought_cards import cost_of, store_bought_card
from giftcards.services.order_answers import code_of, print_outcome, word_of
from giftcards.services.order_calls import MALFORMED, Heard
from giftcards.services.order_parties import OrderFacts, OrderOutcome, SettleOrder, find_party
from giftcards.services.order_schedule import IN_FLIGHT
from giftcards.services.order_verdicts import ID_REUSED, Ending, Verdict

log = structlog.get_logger()

SYSTEM: Final = "system"
# Ours, beside the provider's codes.
DUPLICATE_CODE: Final = "duplicate_code"
UNRECORDED: Final = "unrecorded"
CLOSED: Final = "closed"

State = ProviderOrder.State
_ALIVE: Final = frozenset({State.REQUESTED, State.UNKNOWN})
_TOLD: Final = {
    State.SUCCEEDED: OrderOutcome.SOLD,
    State.FAILED: OrderOutcome.NOT_SOLD,
    State.REVERSED: OrderOutcome.NOT_SOLD,
    State.UNKNOWN: OrderOutcome.UNKNOWN,
}
# What a person must look at even before the list is read.
UNKNOWN_KIND: Final = "provider_order_unknown"
_GRAVE: Final = frozenset({ID_REUSED, DUPLICATE_CODE, UNRECORDED, MALFORMED})
MANY_KIND: Final = "many_orders_unknown"
# More at once than these are one trouble, and told of as one.
MANY: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """How an order stands after its answer was written down.

    :param is_late: it had an end already, and the answer says that it was sold all the same.
    :param refunded_id: the account that got its held credit back by it.
    """

    order_id: UUID
    state: ProviderOrder.State
    code: str = ""
    is_late: bool = False
    refunded_id: UUID | None = None


@durable
@seeing(EVERYTHING)
def record_verdict(
    *,
    order_id: UUID,
    attempt: int,
    heard: Sequence[Heard],
    verdict: Verdict,
    now: datetime,
    actor: str = SYSTEM,
) -> Recorded:
    """Write down what was heard and what it means: card, hold and holder together, or nothing.

    Repeated, or after another's recording, only the events are written. An attempt that is not
    the order's last one may still bring its card (Note [Order lease]).

    :raises NoPartyError: the settings name nobody for the order's kind of holder.
    """
    with transaction():
        order, settle = lock_order(order_id=order_id)
        _write_events(order, attempt, heard, now, actor)
        has_card = verdict.ending is Ending.BOUGHT
        if order.state not in _ALIVE or (order.attempts != attempt and not has_card):
            recorded = Recorded(
                order_id=order_id,
                state=State(order.state),
                is_late=has_card and order.card_id is None,
            )
        else:
            if heard:
                order.answer = print_outcome(heard[-1].outcome)
            recorded = _apply(order, verdict, settle, now, actor)
    _follow_up(recorded, now)
    return recorded


@durable
@seeing(EVERYTHING)
def end_unsent_order(*, order_id: UUID, code: str, now: datetime) -> bool:
    """End an order of which it is known that nothing was sold; return whether it was one."""
    with transaction():
        order, settle = lock_order(order_id=order_id)
        if order.state != State.REQUESTED or order.may_be_done:
            return False
        verdict = Verdict(ending=Ending.NOT_BOUGHT, code=code)
        recorded = _apply(order, verdict, settle, now, SYSTEM)
    _follow_up(recorded, now)
    return True


@durable
@seeing(EVERYTHING)
def set_aside(
    *, order_id: UUID, attempt: int, next_attempt_at: datetime | None, now: datetime
) -> None:
    """Keep an order whose outcome could not be written down: the next attempt asks again.

    :param next_attempt_at: None puts it onto the unknown-outcome list, without telling its holder:
        telling may be what failed.
    """
    with transaction():
        order = ProviderOrder.objects.select_for_update(no_key=True).get(pk=order_id)
        if order.state != State.REQUESTED or order.attempts != attempt:
            return
        order.error_code = UNRECORDED
        order.leased_until = None
        order.next_attempt_at = next_attempt_at
        if next_attempt_at is None:
            order.state = State.UNKNOWN
        order.save()
    _follow_up(Recorded(order_id=order_id, state=State.UNKNOWN, code=UNRECORDED), now)


@transaction_required
def lock_order(*, order_id: UUID) -> tuple[ProviderOrder, SettleOrder | None]:
    """Lock an order after what it is bought for; return it, and who is told of its end.

    :raises ProviderOrder.DoesNotExist: no such order.
    :raises NoPartyError: the settings name nobody for its kind of holder.
    """
    # Whom it is for never changes, so it may be read before anything is locked.
    order = ProviderOrder.objects.get(pk=order_id)
    settle = None
    if order.holder_kind is not None and order.holder_id is not None:
        lock, settle = find_party(order.holder_kind)
        lock(holder_id=order.holder_id)
    return ProviderOrder.objects.select_for_update(no_key=True).get(pk=order_id), settle


@transaction_required
def _apply(
    order: ProviderOrder,
    verdict: Verdict,
    settle: SettleOrder | None,
    now: datetime,
    actor: str,
) -> Recorded:
    order.leased_until = None
    order.error_code = verdict.code[:64]
    order.in_doubt_until = verdict.in_doubt_until
    order.may_be_done = verdict.in_doubt_until is not None
    if verdict.ending is Ending.AGAIN:
        if verdict.is_accepted:
            order.accepted_at = order.accepted_at or now
        order.next_attempt_at = verdict.next_attempt_at
        order.save()
        return Recorded(order_id=order.pk, state=State.REQUESTED, code=verdict.code)
    was = State(order.state)
    order.next_attempt_at = None
    if verdict.card is not None:
        _buy(order, verdict.card, now)
    else:
        order.state = _END_STATES[verdict.ending]
    if order.state not in _ALIVE:
        order.settled_at = now
        order.settled_by = actor
    order.save()
    if order.state == was == State.UNKNOWN:
        return Recorded(order_id=order.pk, state=was, code=order.error_code)
    refunded_id = _settle(order, settle, now, actor)
    return Recorded(
        order_id=order.pk,
        state=State(order.state),
        code=order.error_code,
        refunded_id=refunded_id,
    )


_END_STATES: Final = {
    Ending.NOT_BOUGHT: State.FAILED,
    Ending.UNKNOWN: State.UNKNOWN,
    Ending.TAKEN_BACK: State.REVERSED,
}


def _buy(order: ProviderOrder, card: SoldCard, now: datetime) -> None:
    order.provider_reference = card.reference
    order.cost_minor = cost_of(order=order, card=card)
    order.discount_percent = card.discount_percent
    card_id = store_bought_card(order=order, card=card, now=now)
    if card_id is None:
        # Paid for, and of no use: whose it is, only a person and the provider can find out.
        order.state = State.UNKNOWN
        order.error_code = DUPLICATE_CODE
        order.may_be_done = True
        order.in_doubt_until = now + IN_FLIGHT
        return
    order.state = State.SUCCEEDED
    order.card_id = card_id


def _settle(
    order: ProviderOrder, settle: SettleOrder | None, now: datetime, actor: str
) -> UUID | None:
    """Settle the hold and tell the holder; the account, where it is touched, comes last.

    Return the account that got its credit back, if one did.
    """
    state = State(order.state)
    capture_id = None
    if state is State.SUCCEEDED and order.hold_id is not None:
        # The whole of it, which touches no account's row: what was held is used up.
        capture_id = capture_hold(hold_id=order.hold_id, actor=actor, now=now).transaction_id
    if settle is not None:
        settle(
            order=order_facts(order, actor=actor),
            outcome=_TOLD[state],
            card_id=order.card_id,
            transaction_id=capture_id,
            now=now,
        )
    if state in (State.FAILED, State.REVERSED) and order.hold_id is not None:
        return release_hold(hold_id=order.hold_id, actor=actor, now=now).account_id
    return None


def order_facts(order: ProviderOrder, *, actor: str) -> OrderFacts:
    """Return what an order's holder is told of it."""
    assert order.holder_kind is not None  # noqa: S101  a constraint binds these together
    assert order.holder_id is not None  # noqa: S101
    assert order.client_id is not None  # noqa: S101
    return OrderFacts(
        order_id=order.pk,
        provider=order.provider,
        holder_kind=order.holder_kind,
        holder_id=order.holder_id,
        client_id=order.client_id,
        pool_id=order.pool_id,
        charge_minor=order.charge_minor or 0,
        currency=order.currency,
        value_minor=order.value_minor,
        attempts=order.attempts,
        placed_at=order.created_at,
        trace_id=order.trace_id,
        provider_reference=order.provider_reference,
        cost_minor=order.cost_minor,
        error_code=order.error_code,
        actor=actor,
    )


def _write_events(
    order: ProviderOrder, attempt: int, heard: Sequence[Heard], now: datetime, actor: str
) -> None:
    ProviderOrderEvent.objects.bulk_create(
        ProviderOrderEvent(
            order=order,
            at=now,
            attempt=attempt,
            asked=one.asked,
            outcome=word_of(one.outcome),
            code=code_of(one.outcome)[:64],
            milliseconds=one.milliseconds,
            actor=actor,
        )
        for one in heard
    )


def _follow_up(recorded: Recorded, now: datetime) -> None:
    """Tell who else should know, after the commit: raising an alert makes others wait."""
    log.info(
        "[ORDER] Recorded",
        order_id=str(recorded.order_id),
        state=recorded.state.value,
        code=recorded.code,
    )
    if recorded.refunded_id is not None:
        tell_account_changed(account_ids=[recorded.refunded_id], now=now)
    alert = functools.partial(
        raise_alert,
        data={"order_id": recorded.order_id, "code": recorded.code},
        dedupe_key=f"provider_order:{recorded.order_id}",
        now=now,
    )
    if recorded.is_late:
        alert(
            kind="provider_order_late",
            severity=Alert.Severity.CRITICAL,
            subject="A card was sold after its order had ended",
            message="Nobody has it, and our money at the provider is spent: take the sale back"
            " there by the order's request id.",
        )
    elif recorded.code == MALFORMED:
        alert(
            kind="provider_order_malformed",
            severity=Alert.Severity.CRITICAL,
            subject="An order could not be sent to its provider",
            message="The brand's name at the provider, or the currency, is none that it takes.",
        )
    elif recorded.state is State.UNKNOWN:
        one = describe_unknown(recorded.order_id, recorded.code)
        raise_finding(finding=find_many_unknown() or one, now=now)
    elif recorded.state not in _ALIVE:
        end_unknown_alerts(order_id=recorded.order_id, now=now)


def end_unknown_alerts(*, order_id: UUID, now: datetime) -> None:
    """Resolve the alert of an order that is in work or at its end, and that of many."""
    resolve_alert(dedupe_key=f"provider_order:{order_id}", now=now)
    if find_many_unknown() is None:
        resolve_alert(dedupe_key=MANY_KIND, now=now)


def find_many_unknown() -> Finding | None:
    """Say that of more orders than a few nobody knows what became of them; None where of few.

    By the partial index of those orders.
    """
    unknown = ProviderOrder.objects.filter(state=State.UNKNOWN)
    codes = unknown.order_by("error_code").values_list("error_code").annotate(orders=Count("pk"))
    by_code = dict(codes)
    count = sum(by_code.values())
    if count <= MANY:
        return None
    oldest = unknown.order_by("created_at", "pk").values_list("pk", flat=True)[:MANY]
    return Finding(
        kind=MANY_KIND,
        severity=Alert.Severity.CRITICAL,
        subject=f"Nobody knows what became of {count} orders",
        message="So many do not get lost one by one: look at the provider first. Their credit stays"
        " held and their rewards wait. Then go through the list of orders that are unknown, the"
        " oldest first: send each again, ask what became of it, or take it back.",
        data={"unknown": count, "codes": by_code, "oldest": list(oldest)},
        dedupe_key=MANY_KIND,
    )


def describe_unknown(order_id: UUID, code: str) -> Finding:
    """Say that nobody knows what became of an order."""
    return Finding(
        kind=UNKNOWN_KIND,
        severity=Alert.Severity.CRITICAL if code in _GRAVE else Alert.Severity.WARNING,
        subject=f"Nobody knows what became of an order: {code}",
        message="Its credit stays held and its reward waits. Open the order: send it again,"
        " ask what became of it, or take it back.",
        data={"order_id": order_id, "code": code},
        dedupe_key=f"provider_order:{order_id}",
    )
