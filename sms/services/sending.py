"""Sending what is due: claim (a transaction) → call (none) → record (a transaction).

Note [Once]
A text is sent once because three things hold. Nobody else claims it while our lease runs (Note
[Lease]). The attempt is committed before the provider is called, so that a worker's death
leaves a trace. And an attempt nobody knows the end of is looked up before there is another.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from alerts.clock import Clock, start_clock
from alerts.transactions import durable
from sms.models import MessageTemplate
from sms.policies import NOT_CONFIGURED
from sms.providers import NotConfiguredError, choose_provider
from sms.providers.smtp import EXCHANGES
from sms.selectors.policies import load_policies
from sms.services.batches import Batch
from sms.services.channels import Gate, pass_gate, resume_channel, stop_channel
from sms.services.claims import Claim, claim_due, has_due
from sms.services.kept_opt_outs import heed_kept_opt_outs
from sms.services.outcomes import record_answers
from sms.services.standing import Finding, Rules

BATCH_SIZE: Final = 100
CALLS_AT_ONCE: Final = 8
# No call of a batch begins later than this after the claim; what is left then goes back, so
# that a slow provider holds nobody up for long and the lease outlives the last call.
START_WINDOW: Final = timedelta(seconds=20)
_LEASE_MARGIN: Final = timedelta(seconds=5)
# Then the periodic task ends and the next one goes on.
RUN_TIME: Final = timedelta(seconds=50)


@durable
def send_due_messages(*, now: datetime, batch_size: int = BATCH_SIZE) -> int:
    """Send, look up and ask about whatever is due; return how many messages it worked on.

    Safe to run any number of times at once, and to be killed at any moment: what was under way
    is found by a later run when its lease has ended (Note [Lease]).
    """
    clock = start_clock(now)
    rules = Rules(load_policies(), settings.SMS_RETRY_SCHEDULE)
    count = 0
    with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="provider-call") as threads:
        for channel in MessageTemplate.Channel.values:
            while clock() - now < RUN_TIME:
                worked_on = _work_on_batch(channel, batch_size, rules, clock, threads)
                if not worked_on:
                    break
                count += worked_on
    return count


def lease_length(channel: str) -> timedelta:
    """Return for how long a claimed message is its worker's."""
    if channel == MessageTemplate.Channel.EMAIL:
        # The time limit holds for every exchange with the mail server anew.
        longest_call: float = settings.EMAIL_TIMEOUT * EXCHANGES
    else:
        # And here for connecting and for reading.
        longest_call = 2 * settings.SMS_TIMEOUT
    return START_WINDOW + timedelta(seconds=longest_call) + _LEASE_MARGIN


def _work_on_batch(
    channel: str,
    batch_size: int,
    rules: Rules,
    clock: Clock,
    threads: ThreadPoolExecutor,
) -> int:
    started_at = clock()
    gate = pass_gate(channel=channel, now=started_at)
    if gate is Gate.CLOSED:
        return 0
    try:
        provider = choose_provider(channel)
    except NotConfiguredError as error:
        if has_due(channel=channel, now=started_at):
            stop_channel(
                channel=channel, error_code=NOT_CONFIGURED, detail=str(error), now=started_at
            )
        return 0
    claims = heed_kept_opt_outs(_claim(channel, gate, batch_size, started_at))
    batch = Batch(
        provider=provider,
        claims=claims,
        rules=rules,
        clock=clock,
        latest_start=started_at + START_WINDOW,
    )
    answers = batch.work(threads)
    record_answers(answers=answers, rules=rules, now=clock())
    if gate is Gate.PROBE and any(one.finding is Finding.TAKEN for one in answers):
        resume_channel(channel=channel, now=clock())
    return len(claims)


def _claim(channel: str, gate: Gate, batch_size: int, now: datetime) -> list[Claim]:
    leased_until = now + lease_length(channel)
    if gate is Gate.PROBE:
        # Looking an old text up would not show that a new one can be sent.
        claims = claim_due(
            channel=channel, limit=1, now=now, leased_until=leased_until, only_queued=True
        )
        if claims:
            return claims
        batch_size = 1
    return claim_due(channel=channel, limit=batch_size, now=now, leased_until=leased_until)
