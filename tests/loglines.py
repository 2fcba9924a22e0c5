"""The log as it is written: JSON lines through the formatter that the processes use."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import structlog


class LogLines:
    """What was logged since, by every logger of this process."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return read_lines(self.text)


def read_lines(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects in a log, leaving out what is none, such as Celery's banner."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def of_request(lines: list[dict[str, Any]], request_id: str) -> list[str]:
    """Return the sentences that name a request."""
    return [line["event"] for line in lines if line.get("request_id") == request_id]


@contextlib.contextmanager
def catch_log() -> Iterator[LogLines]:
    """Write the log into memory, too."""
    root = logging.getLogger()
    formatters = [handler.formatter for handler in root.handlers]
    (formatter,) = [
        one for one in formatters if isinstance(one, structlog.stdlib.ProcessorFormatter)
    ]
    caught = LogLines()
    caught.handler.setFormatter(formatter)
    root.addHandler(caught.handler)
    try:
        yield caught
    finally:
        root.removeHandler(caught.handler)
