"""What an answer means for a message: no database, no clock, no network.

The provider's words are mapped by tables to ours; see Note [Only forward] in sms/sql/guards.sql
for what no verdict can do.
"""

from datetime import timedelta
from typing import Final

from sms.models import MessageTemplate
from sms.policies import UNCOUNTED_WAIT_SECONDS, Reaction
from sms.providers import ProviderText
from sms.services.failures import Case, settle_failure
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
# After these the provider's record of a text does not change, and may be emptied.
_LAST_WORDS: Final = frozenset({State.DELIVERED, State.UNDELIVERED, State.FAILED, State.CANCELLED})
# After which time without a last word the provider is asked for it, and for how long.
ASK_AFTER: Final = timedelta(minutes=15)
ASKED_FOR: Final = timedelta(days=1)


def judge(standing: Standing, answer: Answer, rules: Rules) -> Consequences:
    """Move a message on by what was learned; return what else must happen.

    ``standing`` is changed in place. An answer that comes too late for that is still noted on
    its attempt.
    """
    case = Case(standing, answer, rules)
    attempt = standing.attempt(answer)
    if answer.text is not None and answer.finding is Finding.REPORTED:
        _report(case, attempt, answer.text)
    elif attempt is None:
        pass
    elif answer.text is not None and answer.finding in (Finding.TAKEN, Finding.FOUND):
        _take(case, attempt, answer.text)
    elif standing.is_current(attempt) and standing.state not in ENDS:
        if answer.finding is Finding.NOT_KNOWN:
            _ask_again(case)
        elif attempt.status in UNANSWERED:
            settle_failure(case, attempt)
    return case.consequences


def _take(case: Case, attempt: AttemptStanding, text: ProviderText) -> None:
    """The provider has it: note what it says, and move on unless a report did so already."""
    standing = case.standing
    attempt.provider_id = attempt.provider_id or text.provider_id
    attempt.answered_at = attempt.answered_at or case.at
    if standing.is_current(attempt) or standing.provider_id in (None, text.provider_id):
        standing.provider_id = text.provider_id or None
        standing.sender = text.sender or standing.sender
        standing.segments = text.segments or standing.segments
        if case.answer.rendered is not None:
            standing.preview = case.answer.rendered.preview
            standing.template_id = case.answer.rendered.template_id
    if case.answer.rendered is not None and case.answer.rendered.holds_secret:
        standing.holds_secret = True
    if attempt.status in UNANSWERED | {Status.LOST}:
        if standing.is_current(attempt):
            _accept(case, attempt)
        else:
            attempt.status = Status.ACCEPTED
    # A text that is looked up may have come further meanwhile.
    if STATES.get(text.status) is not State.ACCEPTED:
        _report(case, attempt, text)


def _accept(case: Case, attempt: AttemptStanding) -> None:
    standing = case.standing
    if attempt.status == Status.SENDING:
        standing.attempts_used += 1  # one without an answer was counted then
    attempt.status = Status.ACCEPTED
    attempt.answered_at = attempt.answered_at or case.at
    if standing.state in (State.QUEUED, State.SENDING, State.UNKNOWN):
        standing.state = State.ACCEPTED
        standing.provider_id = attempt.provider_id or None
        standing.error_code = ""
        standing.accepted_at = standing.accepted_at or case.at
        if standing.channel == MessageTemplate.Channel.SMS:
            case.wait(ASK_AFTER.total_seconds())
        else:
            standing.next_attempt_at = None  # of an e-mail nothing more is ever heard
        case.consequences.outcomes.append(Outcome.ACCEPTED)


def _report(case: Case, attempt: AttemptStanding | None, text: ProviderText) -> None:
    standing, state = case.standing, STATES.get(text.status)
    if attempt is not None:
        attempt.provider_id = attempt.provider_id or text.provider_id
        attempt.price = text.price or attempt.price
        if standing.is_current(attempt) and attempt.status in UNANSWERED | {Status.LOST} and state:
            _accept(case, attempt)
    if standing.holds_secret and state in _LAST_WORDS:
        standing.redact_at = standing.redact_at or case.at
    if state is State.DELIVERED:
        _deliver(case, attempt)
    elif attempt is None or attempt.status not in UNDER_WAY or state in (None, State.ACCEPTED):
        _postpone_asking(case)
    else:
        attempt.status = Status(state)
        if standing.is_current(attempt) and standing.state in (State.ACCEPTED, State.SENT):
            _move(case, attempt, state, text.error_code)


def _move(case: Case, attempt: AttemptStanding, state: State, error_code: str) -> None:
    """Follow the text that is under way from accepted to sent, or to its failure."""
    if state is State.SENT:
        case.standing.state = state
        _postpone_asking(case)
    elif state is State.CANCELLED:
        # Not by us, or it would have ended here already: somebody waits in vain.
        case.give_up(state)
    else:
        if not case.rules.policy(error_code).uses_attempt:
            case.standing.attempts_used -= 1  # it was counted when the provider took it
        case.fail(attempt, error_code, state)


def _deliver(case: Case, attempt: AttemptStanding | None) -> None:
    """The text is on the phone, whichever attempt it was: nothing more is to be sent."""
    standing = case.standing
    if attempt is not None:
        attempt.status = Status.DELIVERED
    if standing.state in (State.DELIVERED, State.MANUALLY_DELIVERED):
        return
    standing.state = State.DELIVERED
    standing.next_attempt_at = None
    standing.error_code = ""
    standing.accepted_at = standing.accepted_at or case.at
    standing.delivered_at = case.at
    case.consequences.outcomes.append(Outcome.DELIVERED)


def _postpone_asking(case: Case) -> None:
    """Ask once more when it has taken twice as long, and no more after a day."""
    standing = case.standing
    if case.answer.due_at is None or standing.state not in (State.ACCEPTED, State.SENT):
        return
    waited = case.at - (standing.accepted_at or case.at)
    standing.next_attempt_at = None if waited > ASKED_FOR else case.at + max(waited, ASK_AFTER)


def _ask_again(case: Case) -> None:
    """Looking up or asking failed; nothing is decided, so nothing counts."""
    if case.standing.state == State.SENDING:
        case.standing.state = State.UNKNOWN
    if case.standing.state == State.UNKNOWN:
        case.wait(case.answer.retry_after_seconds or UNCOUNTED_WAIT_SECONDS)
    else:
        _postpone_asking(case)
    if case.rules.policy(case.answer.error_code).reaction is Reaction.SET_UP:
        case.consequences.set_up_error = case.answer.error_code
