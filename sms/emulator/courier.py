"""Brings status callbacks to our side, in order, and again when it was down."""

import dataclasses
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Final

from sms.emulator.postman import Postman
from sms.emulator.timetable import Timetable, Workload

COURIERS: Final = 8
LOG_CAP: Final = 20_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Callback:
    """One post to be made."""

    sid: str
    url: str
    form: Mapping[str, str]
    attempt: int = 1
    token: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallbackRecord:
    """One post that was made; ``answered`` is the HTTP status, None without an answer."""

    sid: str
    status: str
    url: str
    attempt: int
    answered: int | None
    error: str
    posted_at: datetime


class Courier:
    """Posts callbacks from a few threads; those of one text always from the same one."""

    def __init__(
        self,
        *,
        timetable: Timetable,
        workload: Workload,
        new_postman: Callable[[], Postman],
        retry_delays_seconds: Sequence[float],
    ) -> None:
        self._timetable = timetable
        self._workload = workload
        self._new_postman = new_postman
        self._retry_delays_seconds = retry_delays_seconds
        self._round = 0
        self.log: deque[CallbackRecord] = deque(maxlen=LOG_CAP)
        self._queues: list[SimpleQueue[tuple[int, Callback] | None]] = [
            SimpleQueue() for _ in range(COURIERS)
        ]
        self._threads = [
            Thread(target=self._run, args=(queue,), name="courier", daemon=True)
            for queue in self._queues
        ]
        for thread in self._threads:
            thread.start()

    def hand_over(self, callback: Callback) -> None:
        """Post a callback soon, after the earlier ones of the same text."""
        self._workload.add()
        queue = self._queues[hash(callback.sid) % COURIERS]
        queue.put((self._round, callback))

    def post_now(self, callback: Callback) -> None:
        """Post a callback in the caller's thread."""
        postman = self._new_postman()
        try:
            self._post(postman, callback)
        finally:
            postman.close()

    def clear(self) -> None:
        """Drop what is not posted yet and empty the log."""
        self._round += 1
        self.log.clear()

    def stop(self) -> None:
        self.clear()
        for queue in self._queues:
            queue.put(None)
        # A webhook that hangs must not hold up the end: the threads are daemons.
        deadline = time.monotonic() + 1.0
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, queue: "SimpleQueue[tuple[int, Callback] | None]") -> None:
        postman = self._new_postman()
        while (entry := queue.get()) is not None:
            number, callback = entry
            try:
                if number == self._round:
                    self._post(postman, callback)
            finally:
                self._workload.finish()
        postman.close()

    def _post(self, postman: Postman, callback: Callback) -> None:
        reply = postman.post(callback.url, callback.form, token=callback.token)
        self.log.append(
            CallbackRecord(
                sid=callback.sid,
                status=callback.form["MessageStatus"],
                url=callback.url,
                attempt=callback.attempt,
                answered=reply.status,
                error=reply.error,
                posted_at=datetime.now(UTC),
            )
        )
        if reply.was_down and callback.attempt <= len(self._retry_delays_seconds):
            again = dataclasses.replace(callback, attempt=callback.attempt + 1)
            delay_seconds = self._retry_delays_seconds[callback.attempt - 1]
            self._timetable.later(delay_seconds, partial(self.hand_over, again))
