"""Sending notices: claim (a transaction) → call (none) → record (a transaction).

Note [Told at least once]
A worker takes a notice by moving its ``next_attempt_at`` to the end of its lease, in one committed
statement; while that runs nobody else finds it due. What becomes of it is written only by the
worker whose try it still is. So two workers at once send once. A worker that is killed between the
call and the record leaves a notice that was sent and is sent again when the lease ends: it can't be
known better. It then goes out with the same id (``webhook-id``, ``Message-ID``), by which a machine
and most mail programs know it for the same; Slack has no such thing, and may show it twice.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from alerts.models import Notice
from alerts.providers.telling import NotTakenError, UnforeseenError
from alerts.services.job_endings import describe_error
from alerts.services.notice_claims import (
    claim_notices,
    put_notice_back,
    record_failure,
    record_success,
)
from alerts.services.telling import prepare_call
from alerts.services.unsendable import UNFORESEEN
from alerts.transactions import durable

BATCH_SIZE: Final = 20
CALLS_AT_ONCE: Final = 4
# No call of a batch begins later than this after the claim, so that the lease outlives the last.
START_WINDOW: Final = timedelta(seconds=20)
_LEASE_MARGIN: Final = timedelta(seconds=20)
# Then the periodic task ends and the next one goes on.
RUN_TIME: Final = timedelta(seconds=50)

_ABANDONED: Final = UnforeseenError(f"{UNFORESEEN}: whoever sends it is stopped each time")

Clock = Callable[[], datetime]
Place = tuple[str, str]


class Outcome(enum.Enum):
    """What became of a call that met no trouble."""

    SENT = "sent"
    NOT_TRIED = "not tried"


@durable
def send_due_notices(*, now: datetime, batch_size: int = BATCH_SIZE) -> int:
    """Send what is due; return how many were sent.

    Safe to run any number of times at once, and to be killed at any moment: Note [Told at least
    once]. A place that does not answer is not asked again within a run.
    """
    clock = _clock_from(now)
    silent: dict[Place, float] = {}
    sent = 0
    with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="notice") as threads:
        while clock() - now < RUN_TIME:
            started_at = clock()
            claimed = claim_notices(
                limit=batch_size, now=started_at, leased_until=started_at + notice_lease()
            )
            if not claimed.due and not claimed.abandoned:
                break
            for notice in claimed.abandoned:
                record_failure(notice=notice, error=_ABANDONED, now=clock())
            batch = _Batch(clock, started_at + START_WINDOW, silent)
            sent += batch.work(claimed.due, threads)
    return sent


def notice_lease() -> timedelta:
    """Return for how long a claimed notice is its worker's."""
    # The limit holds for connecting and for reading.
    return START_WINDOW + timedelta(seconds=2 * settings.ALERT_TIMEOUT) + _LEASE_MARGIN


class _Batch:
    """Some notices that are ours for the time of a lease."""

    def __init__(self, clock: Clock, latest_start: datetime, silent: dict[Place, float]) -> None:
        self._clock = clock
        self._latest_start = latest_start
        # The places that took nothing in this run, and the seconds they asked us to wait.
        self._silent = silent

    def work(self, notices: list[Notice], threads: ThreadPoolExecutor) -> int:
        """Send notices and record what became of each as soon as it is known."""
        calls = dict(self._begin(notices, threads))
        sent = 0
        for future in as_completed(calls):
            notice = calls[future]
            outcome = future.result()
            if outcome is Outcome.SENT:
                record_success(notice=notice, now=self._clock())
                sent += 1
            elif outcome is Outcome.NOT_TRIED:
                wait = self._silent.get((notice.channel, notice.target), 0.0)
                put_notice_back(notice=notice, wait_seconds=wait, now=self._clock())
            else:
                record_failure(notice=notice, error=outcome, now=self._clock())
        return sent

    def _begin(
        self, notices: list[Notice], threads: ThreadPoolExecutor
    ) -> Iterator[tuple[Future[Outcome | NotTakenError], Notice]]:
        for notice in notices:
            try:
                call = prepare_call(notice)
            except NotTakenError as error:
                record_failure(notice=notice, error=error, now=self._clock())
                continue
            except Exception as error:  # noqa: BLE001  whatever it is, the others go out
                record_failure(notice=notice, error=_unforeseen(error), now=self._clock())
                continue
            yield threads.submit(self._try, notice, call), notice

    def _try(self, notice: Notice, call: Callable[[datetime], None]) -> Outcome | NotTakenError:
        place = (notice.channel, notice.target)
        if place in self._silent or self._clock() >= self._latest_start:
            return Outcome.NOT_TRIED
        try:
            call(self._clock())
        except NotTakenError as error:
            if not error.is_permanent:
                self._silent[place] = error.retry_after_seconds
            return error
        except Exception as error:  # noqa: BLE001  as above; and the place is not to blame
            return _unforeseen(error)
        return Outcome.SENT


def _unforeseen(error: Exception) -> UnforeseenError:
    kind, where = describe_error(error)
    return UnforeseenError(f"{UNFORESEEN}: {kind}, {where}")


def _clock_from(now: datetime) -> Clock:
    """Return a clock that starts at ``now``: a run takes long enough for the time to matter."""
    started = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - started)
