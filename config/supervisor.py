"""Keeping child processes alive, and ending them in order."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from config.children import ChildError, stop, tail
from config.progress import say

_RECENT_SECONDS: Final = 60.0
_LONGEST_DELAY_SECONDS: Final = 30.0
_DEATHS_TO_EXPLAIN: Final = 4


@dataclasses.dataclass(kw_only=True)
class Child:
    """A process that is started again when it ends.

    :param start: starts it and returns it; may wait until it is ready.
    :param ask: the signal that asks it to end; after ``grace_seconds`` it is killed.
    """

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    log: Path
    ask: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = dataclasses.field(default_factory=list)
    _restart_at: float | None = None

    def keep_alive(self, *, now: float) -> str:
        """Start the process again if it has ended and its wait is over.

        The wait doubles with each death of the last minute, from half a second to 30 seconds.

        :param now: seconds of a monotonic clock.
        :return: what to tell whoever watches; empty when nothing happened.
        """
        if self._restart_at is None:
            if self.process is not None and self.process.poll() is None:
                return ""
            return self._plan_restart(now, f"ended with status {self._status()}")
        if now < self._restart_at:
            return ""
        self._restart_at = None
        try:
            self.process = self.start()
        except ChildError as error:
            return self._plan_restart(now, f"did not start: {str(error).splitlines()[0]}")
        return ""

    def end(self) -> None:
        if self.process is not None:
            stop(self.process, ask=self.ask, grace_seconds=self.grace_seconds)

    def _status(self) -> int | None:
        return None if self.process is None else self.process.returncode

    def _plan_restart(self, now: float, what_happened: str) -> str:
        self.deaths = [*(at for at in self.deaths if now - at < _RECENT_SECONDS), now]
        delay = min(0.5 * 2 ** (len(self.deaths) - 1), _LONGEST_DELAY_SECONDS)
        self._restart_at = now + delay
        text = f"{self.name} {what_happened}; starting it again in {delay:g} s."
        if len(self.deaths) == _DEATHS_TO_EXPLAIN:
            text += f" It keeps dying.\n{tail(self.log)}"
        return text


def watch(children: Sequence[Child]) -> NoReturn:
    """Start again whatever ends, until an exception (a signal) ends this."""
    while True:
        for child in children:
            report = child.keep_alive(now=time.monotonic())
            if report:
                say(f"  ! {report}")
        time.sleep(0.2)


def end_all(children: Sequence[Child]) -> None:
    """End the children one after the other, the first one first."""
    for child in children:
        child.end()


@contextlib.contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that they end things as Ctrl-C does.

    Only the first signal does: those that follow must not interrupt the orderly end.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    former = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, former, strict=True):
            signal.signal(number, handler)
