"""Buying what was ordered: claim (a transaction) → call (none) → record (a transaction).

Note [Money rule]
Credit is held before a provider is called and captured or released after it. An order is sent any
number of times under one request id, so that at most one card is bought by it, and ends only with
a card or with the certainty that there is none (Note [Definite]). There is no second way to find
out what became of an order: what a dead worker left behind is due again when its lease ends, and
goes through here like any other.
"""

from __future__ import annotations

import concurrent.futures
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError

from alerts.clock import Clock, start_clock
from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert
from alerts.tracing import tracing
from alerts.transactions import durable
from giftcards.models import ProviderOrder
from giftcards.providers import CardProvider, NotConfiguredError, choose_provider
from giftcards.providers.outcomes import Sold, TryAgain
from giftcards.providers.tillo_codes import TURNED_AWAY
from giftcards.services import circuit
from giftcards.services.circuit import Gate
from giftcards.services.floats import note_float_balance
from giftcards.services.order_answers import code_of
from giftcards.services.order_calls import MALFORMED, OrderAnswer, ask_provider
from giftcards.services.order_claims import (
    OrderClaim,
    claim_due_orders,
    due_providers,
    put_back,
)
from giftcards.services.order_parties import NoPartyError, find_party
from giftcards.services.order_records import (
    CLOSED,
    end_unsent_order,
    record_verdict,
    set_aside,
)
from giftcards.services.order_schedule import next_attempt_at, order_lease_length
from giftcards.services.order_verdicts import judge_answer

log = structlog.get_logger()

CALLS_AT_ONCE: Final = 8
# More than a run's work is left to the next one, which the clock starts anyway.
RUN_TIME: Final = timedelta(seconds=50)
NOT_CONFIGURED: Final = "not_configured"
_LOOK_AGAIN_SECONDS: Final = 0.1
_WITHOUT_PARTY: Final = timedelta(minutes=1)
# Where cards are bought, as the provider counts the calls, and for how long a count holds.
_DOOR: Final = "digital/issue"
_QUOTA_SECONDS: Final = 60.0


@durable
@seeing(EVERYTHING)
def place_due_orders(*, now: datetime, limit: int = 1000) -> int:
    """Send, or ask about again, whatever is due at the providers; return how many orders it was.

    Safe to run any number of times at once, and to be killed at any moment (Note [Money rule]).
    """
    clock = start_clock(now)
    count = 0
    for name in due_providers(now=now):
        try:
            provider = choose_provider(name)
        except NotConfiguredError:
            circuit.shut(
                provider=name,
                reason=circuit.Reason.SET_UP,
                code=NOT_CONFIGURED,
                now=now,
                open_until=now + circuit.LONGEST_PAUSE,
            )
            end_unsent_orders(provider=name, code=NOT_CONFIGURED, now=now)
            continue
        run = _Run(provider, name, clock, latest_claim=now + RUN_TIME, limit=limit - count)
        count += run.work()
    return count


@durable
@seeing(EVERYTHING)
def end_unsent_orders(*, provider: str, code: str, now: datetime) -> int:
    """End the orders at a provider that nothing was sold for, so that nobody waits for it.

    :returns: how many; those that may have sold stay.
    """
    unsent = ProviderOrder.objects.filter(
        provider=provider, state=ProviderOrder.State.REQUESTED, may_be_done=False
    )
    ended = 0
    for order_id in unsent.order_by("created_at", "pk").values_list("pk", flat=True):
        try:
            ended += end_unsent_order(order_id=order_id, code=code, now=now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("[ORDER] Could not be ended", order_id=str(order_id))
    return ended


class _Run:
    """One worker's work at one provider: several calls at once, each recorded as it comes back."""

    def __init__(
        self,
        provider: CardProvider,
        name: str,
        clock: Clock,
        *,
        latest_claim: datetime,
        limit: int,
    ) -> None:
        self._provider = provider
        self._name = name
        self._clock = clock
        self._latest_claim = latest_claim
        self._limit = limit
        self._count = 0
        self._is_turned_away = False
        self._calls: dict[Future[OrderAnswer], OrderClaim] = {}

    def work(self) -> int:
        with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="order-call") as threads:
            while True:
                for claim in self._claim():
                    call = threads.submit(
                        ask_provider, provider=self._provider, claim=claim, clock=self._clock
                    )
                    self._calls[call] = claim
                if not self._calls:
                    return self._count
                # While one call takes long, what comes in meanwhile is looked for.
                done, _ = concurrent.futures.wait(
                    self._calls,
                    timeout=_LOOK_AGAIN_SECONDS,
                    return_when=concurrent.futures.FIRST_COMPLETED,
                )
                for call in done:
                    del self._calls[call]
                    answer = call.result()
                    with tracing(answer.claim.trace_id):
                        _record(answer, self._name, self._clock)
                    self._is_turned_away |= any(
                        isinstance(heard.outcome, TryAgain) and heard.outcome.code in TURNED_AWAY
                        for heard in answer.heard
                    )

    def _claim(self) -> list[OrderClaim]:
        now = self._clock()
        room = min(self._calls_at_once() - len(self._calls), self._limit - self._count)
        if room <= 0 or now > self._latest_claim:
            return []
        gate = circuit.pass_circuit(
            provider=self._name, now=now, probing_until=now + order_lease_length()
        )
        if gate is Gate.SHUT:
            if circuit.is_open(provider=self._name, now=now):
                end_unsent_orders(provider=self._name, code=CLOSED, now=now)
            return []
        if gate is Gate.ONLY_DOUBTFUL:
            end_unsent_orders(provider=self._name, code=CLOSED, now=now)
        claims = claim_due_orders(
            provider=self._name,
            limit=1 if gate is Gate.ONE_PROBE else room,
            now=now,
            only_doubtful=gate is Gate.ONLY_DOUBTFUL,
        )
        sendable = [claim for claim in claims if self._has_party(claim)]
        if gate is Gate.ONE_PROBE and not sendable:
            circuit.give_probe_back(provider=self._name)
        self._count += len(sendable)
        return sendable

    def _has_party(self, claim: OrderClaim) -> bool:
        """Tell whether anybody would take the card; else nothing is bought."""
        if claim.holder_kind is None:
            return True
        try:
            find_party(claim.holder_kind)
        except (NoPartyError, ImportError) as error:
            now = self._clock()
            put_back(claim=claim, next_attempt_at=now + _WITHOUT_PARTY)
            raise_alert(
                kind="provider_order_without_party",
                severity=Alert.Severity.CRITICAL,
                subject="Cards can't be bought: nobody is set up to take them",
                message=str(error),
                dedupe_key=f"provider_order_without_party:{claim.holder_kind}",
                now=now,
            )
            return False
        return True

    def _calls_at_once(self) -> int:
        """Return how many calls may be under way.

        One, where the provider last said that this minute's are used up: it finds out. None, once
        it has turned one of ours away.
        """
        if self._is_turned_away:
            return 0
        quota = self._provider.quotas().get(_DOOR)
        is_used_up = (
            quota is not None
            and quota.remaining == 0
            and time.monotonic() - quota.read_at_seconds < _QUOTA_SECONDS
        )
        return 1 if is_used_up else CALLS_AT_ONCE


def _record(answer: OrderAnswer, provider: str, clock: Clock) -> None:
    """Write down what was heard; what can't be is kept for the next attempt."""
    now = clock()
    claim = answer.claim
    if not answer.heard:
        put_back(claim=claim, next_attempt_at=now)
        return
    verdict = judge_answer(answer=answer, now=now)
    try:
        record_verdict(
            order_id=claim.order_id,
            attempt=claim.attempt,
            heard=answer.heard,
            verdict=verdict,
            now=now,
        )
    except (OperationalError, InterfaceError):
        raise  # the database is away: the lease ends by itself, and the next attempt asks again
    except Exception:
        # Whatever it was, one order must not stop the others; the card is not lost, because the
        # same request id brings it again.
        log.exception("[ORDER] Could not be recorded", order_id=str(claim.order_id))
        again_at = next_attempt_at(order_id=claim.order_id, tries=claim.tries, now=now)
        set_aside(order_id=claim.order_id, attempt=claim.attempt, next_attempt_at=again_at, now=now)
    _draw_conclusions(answer, provider, clock)


def _draw_conclusions(answer: OrderAnswer, provider: str, clock: Clock) -> None:
    """Let the circuit and the float know, each in a short statement of its own."""
    now = clock()
    asked_at = answer.claim.leased_until - order_lease_length()
    for heard in answer.heard:
        if code_of(heard.outcome) == MALFORMED:
            continue  # nothing was asked
        if circuit.note_outcome(
            provider=provider, outcome=heard.outcome, asked_at=asked_at, now=now
        ):
            end_unsent_orders(provider=provider, code=CLOSED, now=now)
        if isinstance(heard.outcome, Sold) and heard.outcome.card.float_balance is not None:
            note_float_balance(provider=provider, balance=heard.outcome.card.float_balance, now=now)
