"""How often each door may be used in a minute."""

import time
from collections import Counter
from threading import Lock
from typing import Final

WINDOW_SECONDS: Final = 60.0
BALANCE_CHECKS: Final = 50  # Tillo's own


class RateLimiter:
    """Counts requests by kind, in windows of a minute that begin with the first one."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._used: Counter[str] = Counter()
        self._began: dict[str, float] = {}

    def take(self, kind: str) -> tuple[bool, dict[str, str]]:
        """Count one request; return whether it is within the limit, and the headers that tell."""
        limit = min(self._limit, BALANCE_CHECKS) if kind == "balance" else self._limit
        with self._lock:
            now = time.monotonic()
            if now - self._began.get(kind, -WINDOW_SECONDS) >= WINDOW_SECONDS:
                self._began[kind] = now
                self._used[kind] = 0
            is_within = self._used[kind] < limit
            self._used[kind] += is_within
            headers = {
                "X-RateLimit-Limit": str(limit),
                "X-RateLimit-Remaining": str(limit - self._used[kind]),
            }
            if not is_within:
                left = WINDOW_SECONDS - (now - self._began[kind])
                headers["Retry-After"] = str(int(left) + 1)
        return is_within, headers

    def reset(self) -> None:
        with self._lock:
            self._used.clear()
            self._began.clear()
