"""What an answer means for an order: decided here alone, without a database.

Note [Definite]
An order ends without a card, and its hold goes back, only when it is certain that nothing was
sold. A refusal proves that of its own attempt. Of an earlier attempt that got no answer it proves
nothing: a key that is wrong now, or a brand that is paused now, did not stop what was sent before.
There it takes two: the refusal of the same request id (a provider that had sold would have
answered with the card) and the provider's own word that it knows of no such sale, both from after
the time in which the earlier attempt may have been on its way.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime
from typing import Final, assert_never

from giftcards.models import ProviderOrderEvent
from giftcards.providers.outcomes import (
    CannotUndo,
    NoMoney,
    NotFound,
    NotSold,
    Pending,
    RouteClosed,
    SetUpWrong,
    Sold,
    SoldCard,
    TryAgain,
    Undone,
    Unknown,
)
from giftcards.services.order_answers import code_of
from giftcards.services.order_calls import OrderAnswer, Outcome
from giftcards.services.order_claims import OrderClaim
from giftcards.services.order_schedule import IN_FLIGHT, next_attempt_at

# The provider knows the id, but with other content: a mistake of ours that may hide a sale.
ID_REUSED: Final = "708"


class Ending(enum.Enum):
    """What becomes of an order."""

    BOUGHT = "bought"
    NOT_BOUGHT = "not bought"
    AGAIN = "again"
    UNKNOWN = "unknown"
    TAKEN_BACK = "taken back"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of an order, and what is to be remembered of it.

    :param in_doubt_until: None when no attempt may have sold.
    :param is_accepted: the provider works on it from here on.
    """

    ending: Ending
    code: str = ""
    card: SoldCard | None = None
    next_attempt_at: datetime | None = None
    in_doubt_until: datetime | None = None
    is_accepted: bool = False


def judge_answer(*, answer: OrderAnswer, now: datetime) -> Verdict:
    """Decide what an answer to a worker means."""
    claim = answer.claim
    first, *more = (heard.outcome for heard in answer.heard)
    match first:
        case Sold(card):
            return Verdict(ending=Ending.BOUGHT, card=card)
        case NotSold(state):
            return Verdict(ending=Ending.NOT_BOUGHT, code=state.lower())
        case RouteClosed(code) | NoMoney(code) | SetUpWrong(code):
            return _judge_refusal(claim, code, more[0] if more else None, now)
        case Pending() | TryAgain() | Unknown() | NotFound():
            return _judge_unclear(claim, first, now)
        case Undone() | CannotUndo():
            raise TypeError(f"{type(first).__name__} answers no question that a worker asks")
        case _:
            assert_never(first)


def judge_by_person(
    *, claim: OrderClaim, asked: ProviderOrderEvent.Asked, outcome: Outcome, now: datetime
) -> Verdict:
    """Decide what an answer to a person means for an order of the unknown-outcome list.

    What is not definite leaves it there.
    """
    doubt = claim.in_doubt_until
    is_settled = doubt is None or now >= doubt
    match outcome:
        # Not while the undoing may still be on its way: the card would be worth nothing.
        case Sold(card) if is_settled or not claim.is_undone:
            return Verdict(ending=Ending.BOUGHT, card=card)
        case NotSold(state):
            return Verdict(ending=Ending.NOT_BOUGHT, code=state.lower())
        case Undone():
            return Verdict(ending=Ending.TAKEN_BACK)
        case NotFound(code) if _proves_nothing_sold(claim, asked) and is_settled:
            return Verdict(ending=Ending.NOT_BOUGHT, code=code)
        case _:
            code = code_of(outcome)
    if asked is ProviderOrderEvent.Asked.REVERSE and isinstance(outcome, Unknown | TryAgain):
        # The undoing itself may still be on its way.
        doubt = max(doubt or now, now + IN_FLIGHT)
    return Verdict(ending=Ending.UNKNOWN, code=code, in_doubt_until=doubt or now + IN_FLIGHT)


def _proves_nothing_sold(claim: OrderClaim, asked: ProviderOrderEvent.Asked) -> bool:
    # Who takes sales back knows them all; an order's status is promised for those that were
    # ordered and not for those that were sold at once.
    return asked is ProviderOrderEvent.Asked.REVERSE or claim.is_asynchronous


def _judge_unclear(
    claim: OrderClaim, outcome: Pending | TryAgain | Unknown | NotFound, now: datetime
) -> Verdict:
    match outcome:
        case Pending(state=state):
            return _again(claim, state.lower() or "pending", now, may_be_done=True, accepted=True)
        case TryAgain(code, retry_after_seconds, may_be_done):
            return _again(
                claim, code, now, may_be_done=may_be_done, retry_after=retry_after_seconds
            )
        case Unknown(reason):
            return _again(claim, reason, now, may_be_done=True)
        case NotFound(code):
            # It had taken the order; that it has lost it is nothing to build on.
            return _again(claim, code, now, may_be_done=True)


def _judge_refusal(claim: OrderClaim, code: str, witness: Outcome | None, now: datetime) -> Verdict:
    if code == ID_REUSED:
        doubt = claim.in_doubt_until or now + IN_FLIGHT
        return Verdict(ending=Ending.UNKNOWN, code=code, in_doubt_until=doubt)
    if claim.in_doubt_until is None:
        return Verdict(ending=Ending.NOT_BOUGHT, code=code)
    return _judge_doubtful(claim, code, witness, now)


def _judge_doubtful(
    claim: OrderClaim, code: str, witness: Outcome | None, now: datetime
) -> Verdict:
    """Decide about an order that was refused after an attempt that nobody knows the end of."""
    match witness:
        case Sold(card):
            return Verdict(ending=Ending.BOUGHT, card=card)
        case NotSold(_):
            return Verdict(ending=Ending.NOT_BOUGHT, code=code)
        case Pending():
            return _again(claim, code, now, may_be_done=True, accepted=claim.is_asynchronous)
        case NotFound(_):
            assert claim.in_doubt_until is not None  # noqa: S101  else nobody had been asked
            if now >= claim.in_doubt_until:
                return Verdict(ending=Ending.NOT_BOUGHT, code=code)
            return _again(claim, code, now, not_before=claim.in_doubt_until)
        case TryAgain(retry_after_seconds=seconds):
            return _again(claim, code, now, retry_after=seconds)
        case _:
            return _again(claim, code, now)


def _again(
    claim: OrderClaim,
    code: str,
    now: datetime,
    *,
    may_be_done: bool = False,
    accepted: bool = False,
    retry_after: float | None = None,
    not_before: datetime | None = None,
) -> Verdict:
    doubt = claim.in_doubt_until
    if may_be_done:
        doubt = max(doubt or now, now + IN_FLIGHT)
    at = next_attempt_at(
        order_id=claim.order_id, tries=claim.tries, now=now, retry_after_seconds=retry_after
    )
    if at is None:
        ending = Ending.NOT_BOUGHT if doubt is None else Ending.UNKNOWN
        return Verdict(ending=ending, code=code, in_doubt_until=doubt)
    return Verdict(
        ending=Ending.AGAIN,
        code=code,
        next_attempt_at=at if not_before is None else max(at, not_before),
        in_doubt_until=doubt,
        is_accepted=accepted,
    )
