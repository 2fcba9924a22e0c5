"""What an incident did to customers, told by the floors above: this app knows none of them.

``INCIDENT_SOURCE`` in config/wiring.py names two functions by dotted path, checked at start. Both
take ``since``, ``until`` and ``client_id`` (None: everybody's) by their names, and the second
``is_over`` too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

# count: returns an Affected. events: yields WindowEvents.
SOURCE_ROLES: Final = ("count", "events")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """How many were harmed in a span of time.

    :param customers: different people among the three below.
    :param failed: rewards that came to nothing.
    :param waiting: rewards that had to wait for a card or for a provider's answer.
    :param undelivered: messages that could not be delivered.
    :param asked: rewards that were asked for, of which ``served`` got a card.
    :param pools: pools that give cards now, of which ``empty_pools`` have none.
    """

    customers: int
    failed: int
    waiting: int
    undelivered: int
    asked: int
    served: int
    pools: int
    empty_pools: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WindowEvent:
    """Something that happened in the time of an incident; ``source`` is its name for ever."""

    at: datetime
    words: str
    source: str


def count_impact(*, since: datetime, until: datetime, client_id: UUID | None) -> Affected:
    """Count who was harmed from ``since`` until just before ``until``."""
    affected: Affected = _ask("count")(since=since, until=until, client_id=client_id)
    return affected


def list_window_events(
    *, since: datetime, until: datetime, client_id: UUID | None, is_over: bool
) -> Iterable[WindowEvent]:
    """Return what happened then: the same again is told by the same name.

    :param is_over: nothing more is to come, so what has only begun is told too.
    """
    events: Iterable[WindowEvent] = _ask("events")(
        since=since, until=until, client_id=client_id, is_over=is_over
    )
    return events


def _ask(role: str) -> Callable[..., Any]:
    function: Callable[..., Any] = import_string(settings.INCIDENT_SOURCE[role])
    return function
