"""The doorbell: tells a worker that there is work, and never makes anybody wait.

Note [Bell]
What is to be done is a row in PostgreSQL, and a sweep finds it within seconds. The bell only
shortens the wait, so it may be lost: it rings from a thread of its own, several requests share
one ring, and after a failed ring it rests for half a minute, because a dead broker costs more
than half a second each time.
"""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger()

REST_AFTER_FAILURE_SECONDS: Final = 30.0
_SHARE_WINDOW_SECONDS: Final = 0.02


class Bell:
    """Rings Celery tasks by name, after the commit, from a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: set[str] = set()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._rest_until = 0.0

    def ring(self, task_name: str) -> None:
        """Ask for a task to be run soon; returns at once and never fails."""
        if time.monotonic() < self._rest_until:
            return
        with self._lock:
            self._wanted.add(task_name)
            self._idle.clear()
            # A forked worker inherits the object but not the thread.
            if self._thread is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
                self._thread.start()
        self._wake.set()

    def wait_until_quiet(self, timeout_seconds: float) -> bool:
        """Wait until every ring so far has been tried; tell whether that was so in time."""
        return self._idle.wait(timeout_seconds)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(_SHARE_WINDOW_SECONDS)
            self._wake.clear()
            with self._lock:
                names, self._wanted = self._wanted, set()
            for name in sorted(names):
                self._send(name)
            with self._lock:
                if not self._wanted:
                    self._idle.set()

    def _send(self, name: str) -> None:
        if time.monotonic() < self._rest_until:
            return
        try:
            current_app.send_task(name, retry=False, ignore_result=True)
        except (OperationalError, RedisError, OSError) as error:
            self._rest_until = time.monotonic() + REST_AFTER_FAILURE_SECONDS
            log.warning("the bell is out of order", error=type(error).__name__)


BELL: Final = Bell()


def ring_bell(task_name: str) -> None:
    """Ask for a task to be run soon. Call it after the commit: what it finds must be there."""
    BELL.ring(task_name)


def send_job(
    *,
    task: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    queue: str | None,
    headers: Mapping[str, str],
) -> bool:
    """Ring for one run of a job, now and in this thread; return whether the broker took it."""
    try:
        current_app.send_task(
            task,
            args=list(args),
            kwargs=dict(kwargs),
            queue=queue or None,
            headers=dict(headers),
            retry=False,
            ignore_result=True,
        )
    except (OperationalError, RedisError, OSError) as error:
        log.warning("[JOB] Not rung", task=task, error=type(error).__name__)
        return False
    return True
