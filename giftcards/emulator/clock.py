"""The emulator's clock, which can be put forward."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The real time, plus what it was put forward by."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def forward(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead += timedelta(seconds=seconds)

    def reset(self) -> None:
        self._ahead = timedelta()
