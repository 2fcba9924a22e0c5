"""The faults: which requests they strike, and what each does to one.

Every function here is an action a rule can name; its keyword arguments are the parameters the
rule can give.
"""

import dataclasses
from collections.abc import Callable
from typing import Final

from alerts.emulator import faults

KINDS: Final = ("create", "retrieve", "cancel", "search", "refund", "refunds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
    """How one request will go.

    ``is_accepted`` is whether the request is carried out, whatever the caller is told of it;
    ``is_processing`` leaves a payment or refund without an end until ``settle``, and ``is_blind``
    lets a search find nothing, as Stripe's does for a minute.
    """

    is_accepted: bool = True
    is_dropped: bool = False
    hold_seconds: float = 0.0
    error_status: int | None = None
    is_processing: bool = False
    is_blind: bool = False


def timeout(course: Course, *, seconds: float = 30.0, accepted: bool = True) -> Course:
    """Answer after ``seconds``; when not accepted, close the connection then."""
    return dataclasses.replace(
        course, hold_seconds=seconds, is_accepted=accepted, is_dropped=not accepted
    )


def drop(course: Course, *, accepted: bool = False) -> Course:
    """Close the connection without a word once the request is read."""
    return dataclasses.replace(course, is_dropped=True, is_accepted=accepted)


def status(course: Course, *, status: int = 503, accepted: bool = False) -> Course:
    """Answer 429 or 5xx."""
    if status != 429 and not 500 <= status <= 599:
        raise ValueError("status: 429, or from 500 to 599")
    return dataclasses.replace(course, error_status=status, is_accepted=accepted)


def processing(course: Course) -> Course:
    """Take it, and don't know its end yet."""
    return dataclasses.replace(course, is_processing=True)


def blind(course: Course) -> Course:
    """Let a search find nothing."""
    return dataclasses.replace(course, is_blind=True)


ACTIONS: Final[dict[str, Callable[..., Course]]] = {
    action.__name__: action for action in (timeout, drop, status, processing, blind)
}


class FaultRule(faults.FaultRule):
    """A rule about requests of one kind, of some orders."""

    checks = {
        "request": lambda value: value in KINDS,
        "order": lambda value: isinstance(value, str),
    }
    defaults = {"request": "create", "order": "*"}
    actions = ACTIONS
    undisturbed = Course

    def strikes(self, *, request: str, order: str, draw: str) -> bool:
        """Count a request and return whether the rule strikes it."""
        return (
            request == self.match["request"]
            and faults.is_among(order, self.match["order"])
            and self.strikes_one_of(order, draw=draw)
        )


class FaultScript(faults.FaultScript[FaultRule]):
    """The rules in force, the first of two contradicting ones winning."""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(FaultRule, seed=seed)

    def course(self, *, request: str, order: str) -> Course:
        """Return how a request of an order will go."""
        disturbed: Course = self.disturb(
            Course(), lambda rule, draw: rule.strikes(request=request, order=order, draw=draw)
        )
        return disturbed
