"""Things to do later, and how many are still to be done."""

import heapq
import itertools
import time
from collections.abc import Callable
from threading import Condition, Thread


class Workload:
    """Counts work under way, so that somebody can wait until there is none."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._count = 0

    def add(self) -> None:
        with self._changed:
            self._count += 1

    def finish(self) -> None:
        with self._changed:
            self._count -= 1
            if not self._count:
                self._changed.notify_all()

    def wait_until_none(self, *, timeout_seconds: float) -> bool:
        """Return whether all work ended in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._count, timeout_seconds)


class Timetable:
    """Runs short actions when they are due, one after the other, in a thread of its own."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._changed = Condition()
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._is_open = True
        self._thread = Thread(target=self._run, name="timetable", daemon=True)
        self._thread.start()

    def later(self, delay_seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` after a delay; never, when the timetable is cleared before."""
        with self._changed:
            if not self._is_open:
                return
            self._workload.add()
            entry = (time.monotonic() + delay_seconds, next(self._order), action)
            heapq.heappush(self._due, entry)
            if self._due[0] is entry:
                self._changed.notify()

    def clear(self) -> None:
        """Forget what is not due yet."""
        with self._changed:
            forgotten, self._due = self._due, []
        for _ in forgotten:
            self._workload.finish()

    def stop(self) -> None:
        with self._changed:
            self._is_open = False
            self._changed.notify()
        self._thread.join()
        self.clear()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            try:
                action()
            finally:
                self._workload.finish()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while self._is_open:
                wait_seconds = self._due[0][0] - time.monotonic() if self._due else None
                if wait_seconds is not None and wait_seconds <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait_seconds)
        return None
