"""Workers and beats as processes of their own, against the test's PostgreSQL and Redis."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from config.children import spawn, stop, tail, wait_until
from config.environment import PROJECT_DIR
from tests.config.job_app import told

_APP = ("-m", "celery", "-A", "tests.config.job_app")
_WORKER = (
    *_APP,
    *("worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "INFO"),
    *("--without-mingle", "--without-gossip", "--without-heartbeat"),
)
_BEAT = (*_APP, "beat", "--loglevel", "INFO", "--max-interval", "1")


class Company:
    """Processes that end with the test."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **env}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        """Start a worker, and wait until it is ready."""
        return self._start(name, (*_WORKER, "--hostname", f"{name}@test"), ready=" ready")

    def beat(self, name: str) -> subprocess.Popen[bytes]:
        """Start a beat, and wait until it rings."""
        schedule = ("--schedule", str(self._folder / f"{name}.schedule"))
        return self._start(name, (*_BEAT, *schedule), ready="Sending due task")

    def log(self, name: str) -> str:
        return self._path(name).read_text()

    def end(self) -> None:
        for process in self.processes.values():
            stop(process, ask=signal.SIGKILL, grace_seconds=5)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _start(
        self, name: str, arguments: tuple[str, ...], *, ready: str
    ) -> subprocess.Popen[bytes]:
        log = self._path(name)
        process = spawn(
            [sys.executable, *arguments],
            env=self._env,
            cwd=PROJECT_DIR,
            log=log,
            death_signal=signal.SIGKILL,
        )
        self.processes[name] = process
        wait_until(
            lambda: ready in log.read_text(), process=process, name=name, log=log, seconds=90
        )
        return process


@contextlib.contextmanager
def company(folder: Path, **env: str) -> Iterator[Company]:
    """Give workers and beats an empty broker, and end them afterwards."""
    with told() as connection:
        connection.flushdb()
    company = Company(folder, env)
    try:
        yield company
    except BaseException:
        for name in company.processes:
            print(tail(folder / f"{name}.log", lines=40))  # noqa: T201  for who looks into it
        raise
    finally:
        company.end()
        with told() as connection:
            connection.flushdb()


def count(name: str) -> int:
    """Return what the jobs have counted."""
    with told() as connection:
        return int(connection.get(f"test:{name}") or 0)


def tell(name: str, value: float) -> None:
    """Tell the jobs something."""
    with told() as connection:
        connection.set(f"test:{name}", value)


def until(is_so: Callable[[], object], *, seconds: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
