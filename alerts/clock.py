"""A clock for work that takes long enough for the time to matter."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

Clock = Callable[[], datetime]


def start_clock(now: datetime) -> Clock:
    """Return a clock that starts at ``now`` and goes on with the machine's."""
    started = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - started)
