"""A line for each long step, so that nobody wonders whether anything happens."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Print what is being done, then a tick and the seconds it took (a cross if it failed)."""
    started = time.monotonic()
    live = sys.stdout.isatty()
    if live:
        _write(f"  … {what}")
    try:
        yield
    except BaseException:
        _write(f"{_restart(live)}  ✗ {what}\n")
        raise
    _write(f"{_restart(live)}  ✓ {what} ({time.monotonic() - started:.1f} s)\n")


def say(text: str) -> None:
    """Print a line."""
    _write(f"{text}\n")


def _restart(live: bool) -> str:  # noqa: FBT001
    return "\r\x1b[K" if live else ""


def _write(text: str) -> None:
    # A terminal without UTF-8 gets a question mark for the tick, not a traceback.
    encoding = sys.stdout.encoding or "ascii"
    # Nobody may be listening any more (`make demo | head`); the work goes on.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
