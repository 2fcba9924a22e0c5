"""What a person does about an order of the unknown-outcome list.

Each asks the provider or the workers once more and writes down who did it. Only what is definite
ends an order: its card is bound to its holder, or its hold is released and the holder told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction
from credit.models import Client
from credit.services.audit import record_event
from giftcards.models import ProviderOrder
from giftcards.providers import CardOrder, CardProvider, MalformedOrderError, choose_provider
from giftcards.services.order_answers import code_of, word_of
from giftcards.services.order_calls import Heard, ask_order_status, ask_reversal
from giftcards.services.order_claims import OrderClaim, claim_unknown_order
from giftcards.services.order_parties import OrderOutcome
from giftcards.services.order_records import (
    end_unknown_alerts,
    lock_order,
    order_facts,
    record_verdict,
)
from giftcards.services.order_verdicts import judge_by_person

LONGEST_REASON: Final = 200

State = ProviderOrder.State


@dataclasses.dataclass(eq=False, kw_only=True)
class OrderNotFoundError(ServiceError):
    """No such order."""

    code: ClassVar = ErrorCode.NOT_FOUND

    order_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class OrderStateError(ServiceError):
    """The order is not on the unknown-outcome list, somebody is at it, or it was taken back."""

    code: ClassVar = ErrorCode.STATE_FORBIDS
    answer_fields: ClassVar = ("state",)

    order_id: UUID
    state: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What came of it.

    :param state: the order's state now; ``unknown`` when the answer was not definite.
    :param answer: what the provider said, as a word (``"sold"``, ``"not_found"``, …); empty when
        it was not asked.
    :param code: the provider's code, where it gave one.
    """

    order_id: UUID
    state: ProviderOrder.State
    answer: str = ""
    code: str = ""


@durable
@seeing(EVERYTHING)
def replay_order(*, order_id: UUID, actor: str, reason: str, now: datetime) -> Reviewed:
    """Give an order back to the workers: sent again under its own id, by the whole schedule.

    It buys nothing twice: a provider that has sold answers with the card it sold. The caller rings
    ``giftcards.tasks.place_orders``.

    :raises OrderNotFoundError: no such order (GC-111).
    :raises OrderStateError: it is not unknown, somebody is at it, or its sale was to be taken back:
        then the provider would answer with a card that is worth nothing any more (GC-115).
    :raises ValidationFailedError: the reason is missing or too long (GC-012).
    """
    _check_reason(reason)
    _find_order(order_id)
    with transaction():
        order, settle = lock_order(order_id=order_id)
        if (
            order.state != State.UNKNOWN
            or order.undo_asked_at is not None
            or (order.leased_until is not None and order.leased_until > now)
        ):
            raise OrderStateError(order_id=order_id, state=order.state)
        order.state = State.REQUESTED
        order.tries = 0
        order.next_attempt_at = now
        order.leased_until = None
        order.save()
        if settle is not None:
            settle(
                order=order_facts(order, actor=actor),
                outcome=OrderOutcome.IN_WORK,
                card_id=None,
                transaction_id=None,
                now=now,
            )
        _audit(order, "provider_order.replayed", actor, reason, now, State.REQUESTED)
    end_unknown_alerts(order_id=order_id, now=now)
    return Reviewed(order_id=order_id, state=State.REQUESTED)


@durable
@seeing(EVERYTHING)
def check_order(*, order_id: UUID, actor: str, reason: str, now: datetime) -> Reviewed:
    """Ask the provider what became of an order; a definite answer ends it.

    That it knows of no such order ends only one that was ordered for later: of a card that is sold
    at once it may not keep the status. Such a one is sent again, or taken back.

    :raises OrderNotFoundError: no such order (GC-111).
    :raises OrderStateError: it is not unknown, or somebody is at it (GC-115).
    :raises ValidationFailedError: the reason is missing or too long (GC-012).
    :raises NotConfiguredError: nobody is set up to be asked.
    """
    return _review(
        order_id=order_id,
        actor=actor,
        reason=reason,
        now=now,
        action="provider_order.checked",
        ask=lambda provider, order, _claim: ask_order_status(provider, order),
    )


@durable
@seeing(EVERYTHING)
def reverse_order(*, order_id: UUID, actor: str, reason: str, now: datetime) -> Reviewed:
    """Take a sale back that nobody has seen the card of; the hold is released, the holder told.

    Repeated, it asks for the same undoing. That the provider knows of no such sale ends the order
    too, once no attempt can be on its way any more. From the first time on the order is never sent
    again.

    :raises OrderNotFoundError: no such order (GC-111).
    :raises OrderStateError: it is not unknown, or somebody is at it (GC-115).
    :raises ValidationFailedError: the reason is missing or too long (GC-012).
    :raises NotConfiguredError: nobody is set up to be asked.
    """
    return _review(
        order_id=order_id,
        actor=actor,
        reason=reason,
        now=now,
        action="provider_order.reversed",
        ask=lambda provider, order, claim: ask_reversal(
            provider, order, request_id=f"gr-{claim.order_id.hex}"
        ),
        is_undoing=True,
    )


def _review(
    *,
    order_id: UUID,
    actor: str,
    reason: str,
    now: datetime,
    action: str,
    ask: Callable[[CardProvider, CardOrder, OrderClaim], Heard],
    is_undoing: bool = False,
) -> Reviewed:
    _check_reason(reason)
    found = _find_order(order_id)
    provider = choose_provider(found.provider)
    claim = claim_unknown_order(order_id=order_id, now=now, is_undoing=is_undoing)
    if claim is None:
        found.refresh_from_db()
        raise OrderStateError(order_id=order_id, state=found.state)
    # Written before the call, in case nobody lives to tell how it ended.
    with transaction():
        _audit(found, action, actor, reason, now, None)
    try:
        heard = ask(provider, claim.card_order(), claim)
    except MalformedOrderError:
        raise OrderStateError(order_id=order_id, state=found.state) from None
    verdict = judge_by_person(claim=claim, asked=heard.asked, outcome=heard.outcome, now=now)
    recorded = record_verdict(
        order_id=order_id,
        attempt=claim.attempt,
        heard=(heard,),
        verdict=verdict,
        now=now,
        actor=actor,
    )
    return Reviewed(
        order_id=order_id,
        state=recorded.state,
        answer=word_of(heard.outcome),
        code=code_of(heard.outcome),
    )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ValidationFailedError(errors={"reason": ["Say why."]})
    if len(reason) > LONGEST_REASON:
        raise ValidationFailedError(
            errors={"reason": [f"Use at most {LONGEST_REASON} characters."]}
        )


def _find_order(order_id: UUID) -> ProviderOrder:
    found = ProviderOrder.objects.filter(pk=order_id).order_by("pk").first()
    if found is None:
        raise OrderNotFoundError(order_id=order_id)
    return found


def _audit(
    order: ProviderOrder,
    action: str,
    actor: str,
    reason: str,
    now: datetime,
    after: ProviderOrder.State | None,
) -> None:
    owner = None
    if order.client_id is not None:
        owner = Client.objects.filter(pk=order.client_id).order_by("pk").first()
    record_event(
        actor=actor,
        action=action,
        object_kind="provider_order",
        object_id=order.pk,
        before={"state": State.UNKNOWN.value},
        after=None if after is None else {"state": after.value},
        reason=reason,
        owner=owner,
        now=now,
    )
