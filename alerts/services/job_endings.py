"""How a run is told: counts out of what its task returned, words without secrets out of errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from alerts.errors import ServiceError


def count_result(result: Any) -> dict[str, int]:
    """Return the numbers in what a task returned: an int, a list, a mapping or a dataclass.

    Zeros are left out, so that a run that found nothing has none.
    """
    counts = {}
    if isinstance(result, Mapping):
        parts = {str(name): value for name, value in result.items()}
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        fields = dataclasses.fields(result)
        parts = {field.name: getattr(result, field.name) for field in fields}
    else:
        parts = {"done": result}
    for name, value in parts.items():
        number = _number(value)
        # How long it took is told anyway.
        if number and not name.endswith("_ms"):
            counts[name[:100]] = number
    return counts


def _number(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping):
        return len(value)
    return 0


def describe_error(error: BaseException) -> tuple[str, str]:
    """Return an error's type, and where it came from with the code it has.

    Never its own words: those of a database quote rows, those of a vendor's library addresses.
    """
    words = []
    if isinstance(error, ServiceError):
        words.append(f"{error.code.code} {error.code.title}")
    cause: BaseException | None = error
    while cause is not None:
        sqlstate = getattr(cause, "sqlstate", None)
        if sqlstate:
            words.append(f"SQLSTATE {sqlstate}")
            break
        cause = cause.__cause__
    place = _place(error)
    if place:
        words.append(f"at {place}")
    return type(error).__name__[:200], ", ".join(words)[:400]


def _place(error: BaseException) -> str:
    """Return the last line of ours on the way to an error."""
    place = ""
    frame = error.__traceback__
    base = Path(settings.BASE_DIR)
    while frame is not None:
        code = frame.tb_frame.f_code
        path = Path(code.co_filename)
        if path.is_relative_to(base) and ".venv" not in path.parts:
            place = f"{path.relative_to(base)}:{frame.tb_lineno} in {code.co_name}"
        frame = frame.tb_next
    return place
