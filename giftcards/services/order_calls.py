"""The calls to a provider about one order: outside of every transaction, from any thread."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias

import structlog

from alerts.tracing import tracing
from giftcards.models import ProviderOrderEvent
from giftcards.providers import CardOrder, CardProvider, MalformedOrderError
from giftcards.providers.outcomes import (
    IssueOutcome,
    NoMoney,
    RouteClosed,
    SetUpWrong,
    StatusOutcome,
    UndoOutcome,
    Unknown,
)
from giftcards.services.order_claims import OrderClaim
from giftcards.services.order_schedule import call_length

log = structlog.get_logger()

# Ours, beside the provider's codes: no provider could take what the order asks for.
MALFORMED: Final = "malformed"

Outcome: TypeAlias = IssueOutcome | StatusOutcome | UndoOutcome
Asked = ProviderOrderEvent.Asked


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a provider said to one question."""

    asked: ProviderOrderEvent.Asked
    outcome: Outcome
    milliseconds: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswer:
    """What was heard about a claimed order, in the order of asking; nothing if it was too late."""

    claim: OrderClaim
    heard: tuple[Heard, ...]


def ask_provider(
    *, provider: CardProvider, claim: OrderClaim, clock: Callable[[], datetime]
) -> OrderAnswer:
    """Buy the card, or ask what became of it where the provider has the order already.

    A refusal says nothing of an earlier attempt that got no answer: after such a one the provider
    is also asked what it knows of the order.
    """
    # In a thread of its own, which knows nothing of what the run has bound.
    with tracing(claim.trace_id):
        return _ask_in_turn(provider, claim, clock)


def _ask_in_turn(
    provider: CardProvider, claim: OrderClaim, clock: Callable[[], datetime]
) -> OrderAnswer:
    if claim.leased_until - clock() < 2 * call_length():
        # Held up for so long that somebody else may have it before we are done.
        return OrderAnswer(claim=claim, heard=())
    try:
        order = claim.card_order()
    except MalformedOrderError:
        refusal = Heard(asked=Asked.ISSUE, outcome=RouteClosed(MALFORMED), milliseconds=0)
        return OrderAnswer(claim=claim, heard=(refusal,))
    if claim.is_accepted:
        return OrderAnswer(claim=claim, heard=(ask_order_status(provider, order),))
    issued = _ask(Asked.ISSUE, lambda: provider.issue(order), order)
    if claim.in_doubt_until is not None and isinstance(
        issued.outcome, RouteClosed | NoMoney | SetUpWrong
    ):
        return OrderAnswer(claim=claim, heard=(issued, ask_order_status(provider, order)))
    return OrderAnswer(claim=claim, heard=(issued,))


def ask_order_status(provider: CardProvider, order: CardOrder) -> Heard:
    """Ask what became of an order."""
    return _ask(Asked.STATUS, lambda: provider.order_status(order), order)


def ask_reversal(provider: CardProvider, order: CardOrder, *, request_id: str) -> Heard:
    """Ask for a sale to be taken back; the same ``request_id`` again asks for nothing more."""
    return _ask(Asked.REVERSE, lambda: provider.reverse(order, request_id=request_id), order)


def _ask(asked: ProviderOrderEvent.Asked, call: Callable[[], Outcome], order: CardOrder) -> Heard:
    started = time.monotonic()
    try:
        outcome = call()
    except Exception as error:
        # A defect of ours in the middle of a purchase: how far it came is not known.
        log.exception("[ORDER] A call broke", order=order.request_id, asked=asked.value)
        outcome = Unknown(f"unexpected {type(error).__name__}")
    milliseconds = round((time.monotonic() - started) * 1000)
    log.info(
        "[ORDER] Asked",
        order=order.request_id,
        asked=asked.value,
        outcome=type(outcome).__name__,
        milliseconds=milliseconds,
    )
    return Heard(asked=asked, outcome=outcome, milliseconds=milliseconds)
