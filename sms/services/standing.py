"""How a message stands while it is decided what comes next, and what was learned of it."""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sms.models import DeliveryAttempt, Message
from sms.policies import Policy, policy_of
from sms.providers import ProviderText
from sms.services.parties import Outcome, RenderedText

State = Message.State
Status = DeliveryAttempt.Status

ENDS: Final = frozenset(
    {State.DELIVERED, State.MANUALLY_DELIVERED, State.SUPPRESSED, State.CANCELLED}
)
# Nobody has said yet what became of these attempts.
UNANSWERED: Final = frozenset({Status.SENDING, Status.UNKNOWN})
# The provider has these, and has not said the last word.
UNDER_WAY: Final = frozenset({Status.ACCEPTED, Status.SENT})


class Finding(enum.Enum):
    """What was learned of one attempt."""

    TAKEN = "taken"  # handed over: the provider has it
    FOUND = "found"  # looked up: the provider has it
    REFUSED = "refused"  # the provider said no
    NO_ANSWER = "no answer"  # it may or may not have it
    UNREACHABLE = "unreachable"  # it can not have it
    NOT_STARTED = "not started"  # our own time was up before the call
    NOT_FOUND = "not found"  # looked up: it does not have it
    NOT_KNOWN = "not known"  # looking up or asking failed
    REPORTED = "reported"  # it tells how the text stands
    UNWANTED = "unwanted"  # there is nothing to send any more
    UNWRITABLE = "unwritable"  # there should be, but it could not be written
    OPTED_OUT = "opted out"  # the person does not want texts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was learned of an attempt, and when.

    :param number: which attempt of the message; None where only ``text`` says so.
    :param due_at: when the message had become due.
    """

    message_id: UUID
    finding: Finding
    at: datetime
    number: int | None = None
    text: ProviderText | None = None
    rendered: RenderedText | None = None
    error_code: str = ""
    error_message: str = ""
    retry_after_seconds: float | None = None
    due_at: datetime | None = None


@dataclasses.dataclass(slots=True, kw_only=True)
class AttemptStanding:
    """One row of the delivery log."""

    number: int
    status: str
    provider_id: str
    error_code: str
    error_message: str
    price: str
    answered_at: datetime | None


@dataclasses.dataclass(slots=True, kw_only=True)
class Standing:
    """A locked message with its attempts, oldest first."""

    id: UUID
    client_id: UUID
    channel: str
    purpose: str
    to: str = dataclasses.field(repr=False)
    reference_kind: str
    reference_id: UUID
    state: str
    attempts_used: int
    next_attempt_at: datetime | None
    provider_id: str | None
    sender: str
    segments: int | None
    error_code: str
    preview: str
    holds_secret: bool
    redact_at: datetime | None
    template_id: int | None
    accepted_at: datetime | None
    delivered_at: datetime | None
    request_id: str
    attempts: list[AttemptStanding]

    def attempt(self, answer: Answer) -> AttemptStanding | None:
        """Return the attempt an answer is about, None when no attempt of ours fits."""
        if answer.number is not None:
            return next((one for one in self.attempts if one.number == answer.number), None)
        provider_id = answer.text.provider_id if answer.text else ""
        for one in reversed(self.attempts):
            if one.provider_id == provider_id:
                return one
        # The provider may report before our own request returns, or after we took the attempt
        # for lost: then it is the last one that has no id yet.
        for one in reversed(self.attempts):
            if not one.provider_id and one.status in UNANSWERED | {Status.LOST}:
                return one
        return None

    def is_current(self, attempt: AttemptStanding) -> bool:
        return attempt is self.attempts[-1]


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """The operators' table, and the waits before each attempt in seconds."""

    policies: Mapping[str, Policy]
    schedule: Sequence[float]

    def policy(self, error_code: str) -> Policy:
        return policy_of(self.policies, error_code)


@dataclasses.dataclass(slots=True)
class Consequences:
    """What else must happen because a message moved."""

    outcomes: list[Outcome] = dataclasses.field(default_factory=list)
    is_opt_out: bool = False
    is_bad_address: bool = False
    is_filtered: bool = False
    set_up_error: str = ""
