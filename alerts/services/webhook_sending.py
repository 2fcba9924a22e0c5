"""Sending what endpoints were promised: claim (a transaction) → call (none) → record (one).

Note [Fair]
Nobody waits for a stranger's receiver. Each endpoint has a few calls under way at most, and the
threads go to whoever has something due and is not being called. After a failure the rest of what
was claimed for that endpoint goes back, and for this run it is left alone; one that failed before
is tried with one event, and only by half of the threads.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from alerts.keyring import DecryptionError, decrypt
from alerts.providers.outgoing import Outcome, call_webhook
from alerts.providers.outgoing_addresses import Door, open_door
from alerts.services.webhook_claims import (
    DueDelivery,
    DueEndpoint,
    claim_webhooks,
    give_webhooks_back,
)
from alerts.services.webhook_records import record_unreadable_secret, record_webhook_outcome
from alerts.signatures import signed_headers
from alerts.tracing import request_headers, tracing
from alerts.transactions import durable

SECRET_CONTEXT: Final = "alerts_webhookendpoint.secret"  # noqa: S105  where it is kept
PREVIOUS_CONTEXT: Final = "alerts_webhookendpoint.previous_secret"
THREADS: Final = 16
CALLS_PER_ENDPOINT: Final = 4
_MOST_WAITING: Final = 1000
# Then the periodic task ends and the next one goes on.
RUN_TIME: Final = timedelta(seconds=50)
# What was claimed and not begun within this goes back, so that the lease outlives every call.
_START_WINDOW: Final = timedelta(seconds=20)
_LEASE_MARGIN: Final = timedelta(seconds=15)
# With each call; receivers may look for it.
_AGENT: Final = "Giftline-Webhooks/1"


@durable
def send_due_webhooks(*, now: datetime, door: Door | None = None) -> int:
    """Send whatever is due; return how many calls were made.

    Safe to run any number of times at once, and to be killed at any moment: what was under way
    is sent again, under the same id, when its lease has ended.
    """
    return _Run(now, door or open_door()).work_off()


def webhook_lease() -> timedelta:
    """Return for how long a claimed event is its sender's."""
    # Resolving the name has seconds of its own.
    longest_call = timedelta(seconds=settings.WEBHOOK_TIMEOUT + 5)
    return _START_WINDOW + longest_call + _LEASE_MARGIN


class _Run:
    """One run of the job. Threads only call; all that is written is written from here."""

    def __init__(self, now: datetime, door: Door) -> None:
        self._door = door
        self._started = now
        self._clock = _clock_from(now)
        self._waiting: deque[tuple[DueDelivery, list[str], datetime]] = deque()
        self._flying: dict[Future[Outcome], DueDelivery] = {}
        # Calls under way, and endpoints that have failed in this run.
        self._calls: Counter[UUID] = Counter()
        self._tired: set[UUID] = set()
        self._count = 0

    def work_off(self) -> int:
        """Go on until nothing is due or the time is up."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="webhook-call") as threads:
            try:
                while True:
                    self._claim()
                    self._begin(threads)
                    if not self._flying and not self._waiting:
                        return self._count
                    done, _ = wait(self._flying, timeout=1, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._finish(future)
            finally:
                give_webhooks_back(deliveries=[due for due, *_ in self._waiting], now=self._clock())

    def _claim(self) -> None:
        now = self._clock()
        free = THREADS - len(self._flying)
        if now - self._started >= RUN_TIME or free <= 0 or len(self._waiting) >= _MOST_WAITING:
            return
        busy = {due.endpoint.endpoint_id for due, *_ in self._waiting}
        busy |= {one for one, calls in self._calls.items() if calls} | self._tired
        claimed = claim_webhooks(
            busy=busy, endpoints=free, now=now, leased_until=now + webhook_lease()
        )
        secrets: dict[UUID, list[str]] = {}
        for due in sorted(claimed, key=lambda due: due.endpoint.is_failing):
            key = due.endpoint.endpoint_id
            if key not in secrets:
                secrets[key] = self._open_secrets(due.endpoint, now)
            self._waiting.append((due, secrets[key], now + _START_WINDOW))

    def _open_secrets(self, endpoint: DueEndpoint, now: datetime) -> list[str]:
        try:
            return _secrets_of(endpoint, now=now)
        except DecryptionError:
            # Its events go back and wait; nobody else's do.
            self._tired.add(endpoint.endpoint_id)
            record_unreadable_secret(endpoint_id=endpoint.endpoint_id, now=now)
            return []

    def _begin(self, threads: ThreadPoolExecutor) -> None:
        back: list[DueDelivery] = []
        later: list[tuple[DueDelivery, list[str], datetime]] = []
        now = self._clock()
        failing = sum(due.endpoint.is_failing for due in self._flying.values())
        while self._waiting:
            due, secrets, latest_start = entry = self._waiting.popleft()
            key = due.endpoint.endpoint_id
            if key in self._tired or now > latest_start:
                back.append(due)
            elif (
                len(self._flying) >= THREADS
                or self._calls[key] >= CALLS_PER_ENDPOINT
                or (due.endpoint.is_failing and failing >= THREADS // 2)
            ):
                later.append(entry)
            else:
                self._calls[key] += 1
                failing += due.endpoint.is_failing
                self._flying[threads.submit(self._call, due, secrets)] = due
        self._waiting.extend(later)
        give_webhooks_back(deliveries=back, now=now)

    def _call(self, due: DueDelivery, secrets: list[str]) -> Outcome:
        body = due.body.encode()
        signed = signed_headers(
            secrets_in_use=secrets, event_id=str(due.event_id), body=body, now=self._clock()
        )
        with tracing(due.request_id):
            traced = request_headers()
        return call_webhook(
            url=due.endpoint.url,
            headers={"Content-Type": "application/json", "User-Agent": _AGENT, **signed, **traced},
            body=body,
            timeout_seconds=settings.WEBHOOK_TIMEOUT,
            door=self._door,
        )

    def _finish(self, future: Future[Outcome]) -> None:
        due = self._flying.pop(future)
        self._calls[due.endpoint.endpoint_id] -= 1
        outcome = future.result()
        self._count += 1
        if not outcome.is_success:
            self._tired.add(due.endpoint.endpoint_id)
        with tracing(due.request_id):
            record_webhook_outcome(
                due=due,
                outcome=outcome,
                schedule=settings.WEBHOOK_RETRY_SCHEDULE,
                now=self._clock(),
            )


def _secrets_of(endpoint: DueEndpoint, *, now: datetime) -> list[str]:
    """Return what to sign with.

    :raises DecryptionError: one of them can't be read.
    """
    sealed = [(endpoint.secret_encrypted, SECRET_CONTEXT)]
    until = endpoint.previous_secret_until
    if endpoint.previous_secret_encrypted and until is not None and now < until:
        sealed.append((endpoint.previous_secret_encrypted, PREVIOUS_CONTEXT))
    return [decrypt(secret, context=context) for secret, context in sealed]


def _clock_from(now: datetime) -> Callable[[], datetime]:
    """Return a clock that starts at ``now``: a run takes long enough for the time to matter."""
    started = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - started)
