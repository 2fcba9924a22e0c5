"""Reading a CRM's event: where in its body things are, and what they say.

A source tells where a foreign body has what we ask for by paths of a small subset of JSONPath
(RFC 9535) that always name one place: ``$``, ``.name``, ``['any name']`` and ``[0]``. No
wildcards, filters or scripts: a path is looked up, never run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.dateparse import parse_datetime

# Ours, and where a body in our own shape has them.
OWN_SHAPE: Final = {
    "event_type": "$.event_type",
    "contact_id": "$.contact_id",
    "campaign_id": "$.campaign_id",
    "occurred_at": "$.occurred_at",
}
REQUIRED: Final = ("event_type", "contact_id")
LONGEST_VALUE: Final = 120
LONGEST_PATH: Final = 200
_STEP: Final = re.compile(
    r"\.(?P<name>[^\W\d][\w-]*)|\['(?P<quoted>[^'\\]+)'\]|\[(?P<index>0|[1-9]\d{0,3})\]"
)


class PathError(ValueError):
    """This is no path; the message says so in a sentence."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What an event says, each as text, and what could not be found where it should be."""

    event_type: str = ""
    contact_id: str = ""
    campaign_ref: str = ""
    occurred_at: datetime | None = None
    missing: tuple[str, ...] = ()


def parse_path(path: str) -> tuple[str | int, ...]:
    """Return the steps of a path: ``$.a['b c'][0]`` is ``("a", "b c", 0)``.

    :raises PathError: it is none of our subset.
    """
    if not path.startswith("$") or len(path) > LONGEST_PATH:
        raise PathError("Start with $, and name one place: $.contact.id, $['Contact ID'], $.who[0]")
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise PathError(f"Not understood from here on: {path[position:][:40]}")
        index = step["index"]
        steps.append(int(index) if index is not None else step["name"] or step["quoted"])
        position = step.end()
    if not steps:
        raise PathError("Name a place below $, such as $.contact.id")
    return tuple(steps)


def understand(
    body: Mapping[str, Any], *, mapping: Mapping[str, str], campaign_ref: str = ""
) -> Understood:
    """Read an event's body.

    :param mapping: our names and the paths to them; empty for a body in our own shape.
    :param campaign_ref: the campaign's id where the body names none.
    """
    paths = mapping or OWN_SHAPE
    found: dict[str, str] = {}
    missing: list[str] = []
    for name in ("event_type", "contact_id", "campaign_id"):
        path = paths.get(name, "")
        value = _to_text(_look_up(body, path)) if path else ""
        if not value and name == "campaign_id":
            value = campaign_ref
        if not value:
            missing.append(f"{name} at {path}" if path else f"{name}, which has no path")
        found[name] = value
    moment = _look_up(body, paths["occurred_at"]) if paths.get("occurred_at") else None
    return Understood(
        event_type=found["event_type"],
        contact_id=found["contact_id"],
        campaign_ref=found["campaign_id"],
        occurred_at=_to_moment(moment),
        missing=tuple(missing),
    )


def _look_up(body: Any, path: str) -> Any:
    place = body
    for step in parse_path(path):
        if isinstance(step, int):
            is_there = isinstance(place, list) and step < len(place)
        else:
            is_there = isinstance(place, dict) and step in place
        if not is_there:
            return None
        place = place[step]
    return place


def _to_text(value: Any) -> str:
    """Return a string or whole number as text; anything else says nothing to us."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    # A number of thousands of digits is no id, and printing it is refused by Python itself.
    if isinstance(value, int) and abs(value) >= 10**LONGEST_VALUE:
        return ""
    text = str(value).strip()
    return text if len(text) <= LONGEST_VALUE and text.isprintable() else ""


def _to_moment(value: Any) -> datetime | None:
    """Return an ISO 8601 time or Unix seconds as a moment, UTC where it names no zone."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = parse_datetime(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return None if moment is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
