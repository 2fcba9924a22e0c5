"""What follows when an attempt did not put a message on its way: another one, or the end."""

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sms.policies import (
    NO_ANSWER,
    PROBE_WAIT_SECONDS,
    UNCOUNTED_WAIT_SECONDS,
    UNEXPECTED,
    UNREACHABLE,
    Reaction,
    add_jitter,
    wait_seconds,
)
from sms.services.parties import Outcome
from sms.services.standing import (
    Answer,
    AttemptStanding,
    Consequences,
    Finding,
    Rules,
    Standing,
    State,
    Status,
)

_OPTED_OUT: Final = "21610"


@dataclasses.dataclass(slots=True)
class Case:
    """A message, what was learned of it, and what is to follow; verdicts change it in place."""

    standing: Standing
    answer: Answer
    rules: Rules
    consequences: Consequences = dataclasses.field(default_factory=Consequences)

    @property
    def at(self) -> datetime:
        return self.answer.at

    def wait(self, seconds: float) -> None:
        """Come back to the message after so many seconds, or a tenth more."""
        self.standing.next_attempt_at = self.at + timedelta(seconds=add_jitter(seconds))

    def give_up(self, end: State) -> None:
        self.standing.state, self.standing.next_attempt_at = end, None
        self.consequences.outcomes.append(Outcome.GIVEN_UP)

    def seconds_to_next(self, error_code: str) -> float | None:
        """Return the wait before another attempt, None when there is to be none."""
        return wait_seconds(
            self.rules.policy(error_code),
            attempts_used=self.standing.attempts_used,
            schedule=self.rules.schedule,
            asked_seconds=self.answer.retry_after_seconds,
        )

    def fail(self, attempt: AttemptStanding, error_code: str, end: State) -> None:
        """Wait for the next attempt as the error's policy has it, or end in ``end``."""
        reaction = self.rules.policy(error_code).reaction
        attempt.error_code = self.standing.error_code = error_code
        attempt.error_message = self.answer.error_message
        attempt.answered_at = attempt.answered_at or self.at
        if reaction is Reaction.SET_UP:
            self.consequences.set_up_error = error_code
        self.consequences.is_bad_address = reaction is Reaction.BAD_NUMBER
        self.consequences.is_filtered = reaction is Reaction.FILTERED
        if reaction is Reaction.OPTED_OUT:
            self.consequences.is_opt_out = True
            end = State.SUPPRESSED
        seconds = self.seconds_to_next(error_code)
        if seconds is None:
            self.give_up(end)
        else:
            self.standing.state = State.QUEUED
            self.wait(seconds)


def settle_failure(case: Case, attempt: AttemptStanding) -> None:
    """Decide about an unanswered attempt of which something other than its arrival was learned."""
    _SETTLE[case.answer.finding](case, attempt)


def _refuse(case: Case, attempt: AttemptStanding) -> None:
    attempt.status = Status.REFUSED
    if case.rules.policy(case.answer.error_code).uses_attempt:
        case.standing.attempts_used += 1
    case.fail(attempt, case.answer.error_code, State.FAILED)


def _miss(case: Case, attempt: AttemptStanding) -> None:
    """No connection came about: the provider knows of nothing, so there is nothing to look up."""
    attempt.status = Status.LOST
    case.standing.attempts_used += 1
    is_retried = case.rules.policy(UNREACHABLE).reaction is Reaction.RETRY
    if is_retried and case.seconds_to_next(UNREACHABLE) is None:
        _wait_for_provider(case, attempt)
    else:
        case.fail(attempt, UNREACHABLE, State.FAILED)


def _wait_for_provider(case: Case, attempt: AttemptStanding) -> None:
    """The provider has been away for longer than the attempts last: no message's fault."""
    attempt.error_code = case.standing.error_code = UNREACHABLE
    attempt.error_message = case.answer.error_message
    attempt.answered_at = case.at
    case.standing.attempts_used -= 1  # so that it has one when the provider is back
    case.standing.state = State.QUEUED
    case.consequences.set_up_error = UNREACHABLE
    case.wait(PROBE_WAIT_SECONDS)


def _wonder(case: Case, attempt: AttemptStanding) -> None:
    """It may have arrived: wait as before any other attempt, but look it up first."""
    attempt.status = Status.UNKNOWN
    attempt.error_code = case.standing.error_code = NO_ANSWER
    attempt.error_message = case.answer.error_message
    case.standing.attempts_used += 1
    case.standing.state = State.UNKNOWN
    seconds = case.seconds_to_next(NO_ANSWER)
    # Also after the last attempt: before it is given up it is looked up.
    case.wait(UNCOUNTED_WAIT_SECONDS if seconds is None else seconds)


def _lose(case: Case, attempt: AttemptStanding) -> None:
    """Looked up and not there: its time has come already, so it is sent now."""
    was_counted = attempt.status == Status.UNKNOWN
    attempt.status = Status.LOST
    attempt.answered_at = case.at
    if was_counted and case.seconds_to_next(NO_ANSWER) is None:
        case.give_up(State.FAILED)
    else:
        case.standing.state = State.QUEUED
        case.standing.next_attempt_at = case.at


def _put_back(case: Case, attempt: AttemptStanding) -> None:
    attempt.status = Status.NOT_STARTED
    attempt.answered_at = case.at
    case.standing.state = State.QUEUED
    case.standing.next_attempt_at = case.answer.due_at or case.at


def _drop(case: Case, attempt: AttemptStanding) -> None:
    """Nothing is to be sent any more, and nobody waits for it."""
    attempt.status = Status.CANCELLED
    attempt.error_message = case.answer.error_message
    attempt.answered_at = case.at
    case.standing.state, case.standing.next_attempt_at = State.CANCELLED, None


def _suppress(case: Case, attempt: AttemptStanding) -> None:
    attempt.status = Status.CANCELLED
    attempt.answered_at = case.at
    attempt.error_code = case.standing.error_code = _OPTED_OUT
    case.give_up(State.SUPPRESSED)


def _fail_to_write(case: Case, attempt: AttemptStanding) -> None:
    """The words may come yet: a template is mended, a defect was a passing one."""
    attempt.status = Status.CANCELLED
    case.standing.attempts_used += 1
    case.fail(attempt, UNEXPECTED, State.FAILED)


_SETTLE: Final[dict[Finding, Callable[[Case, AttemptStanding], None]]] = {
    Finding.REFUSED: _refuse,
    Finding.UNREACHABLE: _miss,
    Finding.NO_ANSWER: _wonder,
    Finding.NOT_FOUND: _lose,
    Finding.NOT_STARTED: _put_back,
    Finding.UNWANTED: _drop,
    Finding.UNWRITABLE: _fail_to_write,
    Finding.OPTED_OUT: _suppress,
}
