"""Child processes that never outlive their parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

_PR_SET_PDEATHSIG: Final = 1
_LOG_LIMIT_BYTES: Final = 5_000_000
# Loaded before any fork: loading a library in a forked child may deadlock.
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ChildError(Exception):
    """A child process did not start, or keeps dying; the text is for a person to read."""


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    death_signal: signal.Signals,
    user: int | None = None,
    keep_open: Sequence[int] = (),
    stdin: bytes = b"",
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches the parent alone.

    To be called from the main thread: on Linux the kernel sends ``death_signal`` to the child
    when the thread that started it ends, however it ends.

    :param log: receives the child's output; put aside as ``….1`` once it is larger than 5 MB.
    :param user: run as this user and group id; needs root.
    :param keep_open: file descriptors the child inherits.
    :param stdin: what the child reads; shorter than a pipe's buffer (64 kB).
    """
    with open_log(log) as output:
        process = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            pass_fds=tuple(keep_open),
            preexec_fn=_die_with_parent(death_signal),
        )
    assert process.stdin is not None  # noqa: S101 - we asked for a pipe
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(stdin)
    return process


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return ask_the_kernel


def die_with_parent_now() -> None:
    """Ask the kernel to end this very process (SIGTERM) when its parent ends; Linux only."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[IO[bytes]]:
    """Open a log to append to, after putting a large one aside."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_LIMIT_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        yield file


def stop(process: subprocess.Popen[bytes], *, ask: signal.Signals, grace_seconds: float) -> None:
    """End a child: ask, wait, and kill it when it does not listen."""
    if process.poll() is not None:
        return
    process.send_signal(ask)
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    is_ready: Callable[[], bool],
    *,
    process: subprocess.Popen[bytes],
    name: str,
    log: Path,
    seconds: float,
) -> None:
    """Wait for a child to be ready.

    :raises ChildError: it ended or took too long; the text ends with the tail of its log.
    """
    deadline = time.monotonic() + seconds
    while not is_ready():
        if process.poll() is not None:
            raise ChildError(f"{name} ended with status {process.returncode}.\n{tail(log)}")
        if time.monotonic() > deadline:
            raise ChildError(f"{name} was not ready after {seconds:.0f} s.\n{tail(log)}")
        time.sleep(0.02)


def tail(log: Path, *, lines: int = 12) -> str:
    """Return a log's last lines, indented, under its name; one sentence if the disk is full."""
    try:
        text = log.read_bytes()[-20_000:].decode("utf-8", "replace")
    except FileNotFoundError:
        return f"({log} was not written.)"
    last = "\n".join(f"  {line}" for line in text.splitlines()[-lines:])
    hint = "\nThe disk is full: make room and start again." if "No space left" in last else ""
    return f"The last lines of {log}:\n{last}{hint}"
