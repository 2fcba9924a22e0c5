"""An emulator's memory on disk: a file of JSON lines."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO


class JournalError(Exception):
    """A line that is not the last one cannot be read."""


class Journal:
    """An append-only file of JSON objects, one a line.

    Every line is handed to the operating system at once: a killed process loses at most the
    line it was writing, and :meth:`entries` skips a torn last line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.lines = 0

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield what was stored, oldest first.

        :raises JournalError: a line before the last one is not JSON.
        """
        if not self._path.exists():
            return
        lines = self._path.read_bytes().split(b"\n")
        # What follows the last line feed is empty, or the line a crash cut short.
        for number, line in enumerate(lines[:-1], start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise JournalError(f"{self._path}, line {number}: {error}") from error

    def rewrite(self, entries: Iterable[dict[str, Any]]) -> None:
        """Replace the file by ``entries``, whole or not at all, and stay open for more."""
        self.close()
        fresh = self._path.with_name(f"{self._path.name}.new")
        # There are codes of gift cards in it: the file is its owner's alone.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self.lines = 0
        with os.fdopen(descriptor, "wb") as file:
            for entry in entries:
                file.write(_line(entry))
                self.lines += 1
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._file = self._path.open("ab", buffering=0)

    def append(self, entry: dict[str, Any]) -> None:
        """Add one entry."""
        if self._file is None:
            raise JournalError(f"{self._path} is closed")
        self._file.write(_line(entry))
        self.lines += 1

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
