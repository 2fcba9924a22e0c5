"""What an answer means for a message: no database, no clock, no network.

The provider's words are mapped by tables to ours; see Note [Only forward] in sms/sql/guards.sql
for what no verdict can do.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sms.policies import (
    NO_ANSWER,
    UNCOUNTED_WAIT_SECONDS,
    UNEXPECTED,
    UNREACHABLE,
    Policy,
    Reaction,
    add_jitter,
    wait_seconds,
)
from sms.services.parties import Outcome
from sms.services.standing import (
    ENDS,
    UNANSWERED,
    UNDER_WAY,
    Answer,
    AttemptStanding,
    Consequences,
    Finding,
    Rules,
    Standing,
    State,
    Status,
)

# Twilio's statuses in our words; one that is not here changes nothing.
STATES: Final = {
    "accepted": State.ACCEPTED,
    "scheduled": State.ACCEPTED,
    "queued": State.ACCEPTED,
    "sending": State.ACCEPTED,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERED,
    "failed": State.FAILED,
    "canceled": State.CANCELLED,
}
# After which time without a last word the provider is asked for it, and for how long.
ASK_AFTER: Final = timedelta(minutes=15)
ASKED_FOR: Final = timedelta(days=1)
_OPTED_OUT: Final = "21610"


def judge(standing: Standing, answer: Answer, rules: Rules) -> Consequences:
    """Move a message on by what was learned; return what else must happen.

    ``standing`` is changed in place. An answer that comes too late for that is still noted on
    its attempt.
    """
    consequences = Consequences()
    attempt = standing.attempt(answer)
    if answer.finding in (Finding.TAKEN, Finding.FOUND):
        _take(standing, attempt, answer, rules, consequences)
    elif answer.finding is Finding.REPORTED:
        _report(standing, attempt, answer, rules, consequences)
    elif attempt is not None and standing.is_current(attempt) and standing.state not in ENDS:
        if answer.finding is Finding.NOT_KNOWN:
            _ask_again(standing, answer, rules, consequences)
        elif attempt.status in UNANSWERED:
            _SETTLE[answer.finding](standing, attempt, answer, rules, consequences)
    return consequences


def _take(
    standing: Standing,
    attempt: AttemptStanding | None,
    answer: Answer,
    rules: Rules,
    consequences: Consequences,
) -> None:
    text = answer.text
    if text is None or attempt is None:
        raise ValueError("what was taken has its text and its attempt")
    attempt.provider_id = attempt.provider_id or text.provider_id
    attempt.answered_at = attempt.answered_at or answer.at
    if standing.is_current(attempt) or standing.provider_id in (None, text.provider_id):
        standing.provider_id = text.provider_id or None
        standing.sender = text.sender or standing.sender
        standing.segments = text.segments or standing.segments
        if answer.rendered is not None:
            standing.preview = answer.rendered.preview
            standing.template_id = answer.rendered.template_id
    if attempt.status in UNANSWERED | {Status.LOST}:
        if standing.is_current(attempt):
            _accept(standing, attempt, answer.at, consequences)
        else:
            attempt.status = Status.ACCEPTED
    # A text that is looked up may have come further meanwhile.
    if STATES.get(text.status) is not State.ACCEPTED:
        _report(standing, attempt, answer, rules, consequences)


def _accept(
    standing: Standing, attempt: AttemptStanding, at: datetime, consequences: Consequences
) -> None:
    if attempt.status == Status.SENDING:
        standing.attempts_used += 1  # one without an answer was counted then
    attempt.status = Status.ACCEPTED
    attempt.answered_at = attempt.answered_at or at
    if standing.state in (State.QUEUED, State.SENDING, State.UNKNOWN):
        standing.state = State.ACCEPTED
        standing.provider_id = attempt.provider_id or None
        standing.error_code = ""
        standing.next_attempt_at = at + timedelta(seconds=add_jitter(ASK_AFTER.total_seconds()))
        standing.accepted_at = standing.accepted_at or at
        consequences.outcomes.append(Outcome.ACCEPTED)


def _report(
    standing: Standing,
    attempt: AttemptStanding | None,
    answer: Answer,
    rules: Rules,
    consequences: Consequences,
) -> None:
    if answer.text is None:
        raise ValueError("a report has its text")
    state = STATES.get(answer.text.status)
    if attempt is not None:
        attempt.provider_id = attempt.provider_id or answer.text.provider_id
        attempt.price = answer.text.price or attempt.price
        if standing.is_current(attempt) and attempt.status in UNANSWERED | {Status.LOST} and state:
            _accept(standing, attempt, answer.at, consequences)
    if state is State.DELIVERED:
        _deliver(standing, attempt, answer, consequences)
    elif attempt is None or attempt.status not in UNDER_WAY or state in (None, State.ACCEPTED):
        _postpone_asking(standing, answer)
    else:
        attempt.status = Status(state)
        if not standing.is_current(attempt) or standing.state not in (State.ACCEPTED, State.SENT):
            return
        if state is State.SENT:
            standing.state = state
            _postpone_asking(standing, answer)
        elif state is State.CANCELLED:
            # Not by us, or it would have ended here already: somebody waits in vain.
            _give_up(standing, state, consequences)
        else:
            if not rules.policy(answer.text.error_code).uses_attempt:
                standing.attempts_used -= 1  # it was counted when the provider took it
            _fail(standing, attempt, answer, answer.text.error_code, state, rules, consequences)


def _deliver(
    standing: Standing,
    attempt: AttemptStanding | None,
    answer: Answer,
    consequences: Consequences,
) -> None:
    """The text is on the phone, whichever attempt it was: nothing more is to be sent."""
    if attempt is not None:
        attempt.status = Status.DELIVERED
    if standing.state in (State.DELIVERED, State.MANUALLY_DELIVERED):
        return
    standing.state = State.DELIVERED
    standing.next_attempt_at = None
    standing.error_code = ""
    standing.accepted_at = standing.accepted_at or answer.at
    standing.delivered_at = answer.at
    consequences.outcomes.append(Outcome.DELIVERED)


def _postpone_asking(standing: Standing, answer: Answer) -> None:
    """Ask once more when it has taken twice as long, and no more after a day."""
    if answer.due_at is None or standing.state not in (State.ACCEPTED, State.SENT):
        return
    waited = answer.at - (standing.accepted_at or answer.at)
    standing.next_attempt_at = None if waited > ASKED_FOR else answer.at + max(waited, ASK_AFTER)


def _ask_again(
    standing: Standing, answer: Answer, rules: Rules, consequences: Consequences
) -> None:
    """Looking up or asking failed; nothing is decided, so nothing counts."""
    if standing.state == State.SENDING:
        standing.state = State.UNKNOWN
    if standing.state == State.UNKNOWN:
        wait = answer.retry_after_seconds or UNCOUNTED_WAIT_SECONDS
        standing.next_attempt_at = answer.at + timedelta(seconds=add_jitter(wait))
    else:
        _postpone_asking(standing, answer)
    if rules.policy(answer.error_code).reaction is Reaction.SET_UP:
        consequences.set_up_error = answer.error_code


def _refuse(
    standing: Standing,
    attempt: AttemptStanding,
    answer: Answer,
    rules: Rules,
    consequences: Consequences,
) -> None:
    attempt.status = Status.REFUSED
    if rules.policy(answer.error_code).uses_attempt:
        standing.attempts_used += 1
    _fail(standing, attempt, answer, answer.error_code, State.FAILED, rules, consequences)


def _miss(
    standing: Standing,
    attempt: AttemptStanding,
    answer: Answer,
    rules: Rules,
    consequences: Consequences,
) -> None:
    """No connection came about: the provider knows of nothing, so there is nothing to look up."""
    attempt.status = Status.LOST
    standing.attempts_used += 1
    _fail(standing, attempt, answer, UNREACHABLE, State.FAILED, rules, consequences)


def _wonder(
    standing: Standing,
    attempt: AttemptStanding,
    answer: Answer,
    rules: Rules,
    _consequences: Consequences,
) -> None:
    """It may have arrived: wait as before any other attempt, but look it up first."""
    attempt.status = Status.UNKNOWN
    attempt.error_code = NO_ANSWER
    attempt.error_message = answer.error_message
    standing.attempts_used += 1
    standing.state = State.UNKNOWN
    standing.error_code = NO_ANSWER
    wait = _next_wait(standing, rules.policy(NO_ANSWER), answer, rules)
    # Also after the last attempt: before it is given up it is looked up.
    wait = UNCOUNTED_WAIT_SECONDS if wait is None else wait
    standing.next_attempt_at = answer.at + timedelta(seconds=add_jitter(wait))


def _lose(
    standing: Standing,
    attempt: AttemptStanding,
    answer: Answer,
    rules: Rules,
    consequences: Consequences,
) -> None:
    """Looked up and not there: its time has come already, so it is sent now."""
    was_counted = attempt.status == Status.UNKNOWN
    attempt.status = Status.LOST
    attempt.answered_at = answer.at
    if was_counted and _next_wait(standing, rules.policy(NO_ANSWER), answer, rules) is None:
        _give_up(standing, State.FAILED, consequences)
    else:
        standing.state = State.QUEUED
        standing.next_attempt_at = answer.at


def _put_back(
    standing: Standing,
    attempt: AttemptStanding,
    answer: Answer,
    _rules: Rules,
    _consequences: Consequences,
) -> None:
    attempt.status = Status.NOT_STARTED
    attempt.answered_at = answer.at
    standing.state = State.QUEUED
    standing.next_attempt_at = answer.due_at or answer.at


def _drop(
    standing: Standing,
    attempt: AttemptStanding,
    answer: Answer,
    _rules: Rules,
    consequences: Consequences,
) -> None:
    """Nothing is sent, and nothing will be."""
    attempt.status = Status.CANCELLED
    attempt.error_message = answer.error_message
    attempt.answered_at = answer.at
    if answer.finding is Finding.UNWANTED:
        standing.state, standing.next_attempt_at = State.CANCELLED, None
    else:
        standing.error_code = attempt.error_code = _OPTED_OUT
        _give_up(standing, State.SUPPRESSED, consequences)


def _fail_to_write(
    standing: Standing,
    attempt: AttemptStanding,
    answer: Answer,
    rules: Rules,
    consequences: Consequences,
) -> None:
    """The words may come yet: a template is mended, a defect was a passing one."""
    attempt.status = Status.CANCELLED
    standing.attempts_used += 1
    _fail(standing, attempt, answer, UNEXPECTED, State.FAILED, rules, consequences)


def _fail(
    standing: Standing,
    attempt: AttemptStanding,
    answer: Answer,
    error_code: str,
    end: State,
    rules: Rules,
    consequences: Consequences,
) -> None:
    """Wait for the next attempt as the error's policy has it, or end in ``end``."""
    policy = rules.policy(error_code)
    attempt.error_code = standing.error_code = error_code
    attempt.error_message = answer.error_message
    attempt.answered_at = attempt.answered_at or answer.at
    if policy.reaction is Reaction.SET_UP:
        consequences.set_up_error = error_code
    if policy.reaction is Reaction.OPTED_OUT:
        consequences.is_opt_out = True
        _give_up(standing, State.SUPPRESSED, consequences)
        return
    wait = _next_wait(standing, policy, answer, rules)
    if wait is None:
        _give_up(standing, end, consequences)
    else:
        standing.state = State.QUEUED
        standing.next_attempt_at = answer.at + timedelta(seconds=add_jitter(wait))


def _give_up(standing: Standing, end: State, consequences: Consequences) -> None:
    standing.state, standing.next_attempt_at = end, None
    consequences.outcomes.append(Outcome.GIVEN_UP)


def _next_wait(standing: Standing, policy: Policy, answer: Answer, rules: Rules) -> float | None:
    return wait_seconds(
        policy,
        attempts_used=standing.attempts_used,
        schedule=rules.schedule,
        asked_seconds=answer.retry_after_seconds,
    )


_SETTLE: Final[
    dict[Finding, Callable[[Standing, AttemptStanding, Answer, Rules, Consequences], None]]
] = {
    Finding.REFUSED: _refuse,
    Finding.UNREACHABLE: _miss,
    Finding.NO_ANSWER: _wonder,
    Finding.NOT_FOUND: _lose,
    Finding.NOT_STARTED: _put_back,
    Finding.UNWANTED: _drop,
    Finding.UNWRITABLE: _fail_to_write,
    Finding.OPTED_OUT: _drop,
}
