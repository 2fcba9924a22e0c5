"""What to do when a text fails: the provider's error codes, each with its class.

The table below is what a new installation begins with. Operators change it in the admin
(:class:`sms.models.ErrorPolicy`); a row there goes before one here.
"""

import dataclasses
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from django.db import models


class Reaction(models.TextChoices):
    """The class of an error: what becomes of the message."""

    RETRY = "retry", "Try again soon"
    RETRY_SLOWLY = "retry_slowly", "Try again over the day"
    BAD_NUMBER = "bad_number", "Give up: nothing arrives at this number or address"
    OPTED_OUT = "opted_out", "Give up: the person does not want texts"
    FILTERED = "filtered", "Give up: the carrier does not let this text through"
    SET_UP = "set_up", "Wait until our own set-up is mended"


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """How one error code is answered.

    ``uses_attempt`` is whether the try counts; errors of our own set-up never do. Such an error
    ``stops_channel`` unless it lies with one destination only: a country we may not text must
    not keep all the others waiting.
    """

    reaction: Reaction
    uses_attempt: bool = True
    stops_channel: bool = False


_RETRY: Final = Policy(Reaction.RETRY)
_RETRY_SLOWLY: Final = Policy(Reaction.RETRY_SLOWLY)
_BAD_NUMBER: Final = Policy(Reaction.BAD_NUMBER)
_FILTERED: Final = Policy(Reaction.FILTERED)
_SET_UP: Final = Policy(Reaction.SET_UP, uses_attempt=False, stops_channel=True)
_ONE_DESTINATION: Final = Policy(Reaction.SET_UP, uses_attempt=False)

# The codes that are ours, beside the provider's. They stand in the same column.
UNREACHABLE: Final = "unreachable"  # no connection came about, so nothing was sent
NO_ANSWER: Final = "no_answer"  # sent, but what the provider made of it is not known
NOT_CONFIGURED: Final = "GC-014"
UNEXPECTED: Final = "GC-015"
TOO_MANY_REQUESTS: Final = "20429"
NOT_AUTHENTICATED: Final = "20003"

UNLISTED: Final = _RETRY
POLICIES: Final[Mapping[str, Policy]] = {
    UNREACHABLE: _RETRY,
    NO_ANSWER: _RETRY,
    TOO_MANY_REQUESTS: Policy(Reaction.RETRY, uses_attempt=False),
    "21611": _RETRY,  # the sender's queue is full
    "30001": _RETRY,  # the account's queue is full
    "30008": _RETRY,  # unknown error at the carrier
    "30022": _RETRY,  # the carrier's rate limit
    "14107": _RETRY_SLOWLY,  # too many messages in a loop
    "30003": _RETRY_SLOWLY,  # the handset is off or out of reach
    "30036": _RETRY_SLOWLY,  # the validity period ran out
    "21211": _BAD_NUMBER,  # not a phone number
    "21612": _BAD_NUMBER,  # can not be reached from this sender
    "21614": _BAD_NUMBER,  # not a mobile number
    "21635": _BAD_NUMBER,  # a landline
    "30004": _BAD_NUMBER,  # blocked by the handset or the carrier
    "30005": _BAD_NUMBER,  # unknown handset
    "30006": _BAD_NUMBER,  # a landline, or a carrier that takes no texts
    "21610": Policy(Reaction.OPTED_OUT),  # replied STOP
    "30007": _FILTERED,
    "30450": _FILTERED,
    NOT_CONFIGURED: _SET_UP,
    NOT_AUTHENTICATED: _SET_UP,
    "21603": _SET_UP,  # no sender given
    "21606": _SET_UP,  # the sender is not ours
    "30002": _SET_UP,  # the account is suspended
    "30034": _SET_UP,  # the sender is not registered with the carriers
    "21408": _ONE_DESTINATION,  # the account may not text this country
    "21608": _ONE_DESTINATION,  # a trial account may text verified numbers only
    # Mail servers: a code that is not here counts as its class.
    "smtp-4xx": _RETRY,  # not now
    "smtp-5xx": _BAD_NUMBER,  # never: mostly that there is no such address
    "smtp-554": _FILTERED,  # taken for unwanted mail
    "smtp-address": _BAD_NUMBER,  # not an address that mail can be sent to
    "smtp-530": _SET_UP,  # the mail server wants a log-in
    "smtp-534": _SET_UP,  # and a better one than ours
    "smtp-535": _SET_UP,  # and does not know ours
    "smtp-538": _SET_UP,  # and an encrypted connection
    "smtp-connect": _SET_UP,  # it does not talk to us at all
    "smtp-sender": _SET_UP,  # it does not take mail from our address
    "smtp-tls": _SET_UP,  # no encrypted connection came about
}
_MAIL_CLASS: Final = re.compile(r"smtp-[45](?=\d\d$)")


def policy_of(policies: Mapping[str, Policy], error_code: str) -> Policy:
    """Return how a code is answered: its own row, that of its class, else as any passing fault."""
    mail_class = _MAIL_CLASS.match(error_code)
    family = f"{mail_class[0]}xx" if mail_class else ""
    return policies.get(error_code) or policies.get(family) or UNLISTED


SLOW_WAITS_SECONDS: Final = (30 * 60.0, 2 * 3600.0, 6 * 3600.0)
UNCOUNTED_WAIT_SECONDS: Final = 30.0
PROBE_WAIT_SECONDS: Final = 60.0
_DESTINATION_WAIT_SECONDS: Final = 15 * 60.0
_LONGEST_ASKED_SECONDS: Final = 15 * 60.0
_JITTER: Final = 0.1


def wait_seconds(
    policy: Policy,
    *,
    attempts_used: int,
    schedule: Sequence[float],
    asked_seconds: float | None = None,
) -> float | None:
    """Return how long to wait before the next try, None when there is to be none.

    :param attempts_used: how many tries count so far, the failed one included.
    :param schedule: the wait before each attempt of the quick kind, in seconds; its length is
        how many there are.
    :param asked_seconds: how long the provider asked us to stay away.
    """
    if policy.reaction is Reaction.SET_UP:
        return PROBE_WAIT_SECONDS if policy.stops_channel else _DESTINATION_WAIT_SECONDS
    if policy.reaction is Reaction.RETRY:
        if not policy.uses_attempt:
            return min(asked_seconds or UNCOUNTED_WAIT_SECONDS, _LONGEST_ASKED_SECONDS)
        return schedule[attempts_used] if attempts_used < len(schedule) else None
    if policy.reaction is Reaction.RETRY_SLOWLY and attempts_used <= len(SLOW_WAITS_SECONDS):
        return SLOW_WAITS_SECONDS[max(attempts_used, 1) - 1]
    return None


def add_jitter(seconds: float) -> float:
    """Lengthen a wait by up to a tenth, so that what failed together is not retried together."""
    return seconds * (1 + _JITTER * secrets.randbelow(1_000_001) / 1_000_000)
