"""How the parts of the system are, as the public may know it.

It names no tenant and counts nobody: a part is well, troubled or down. Everybody may look, so the
answer is kept for some seconds in each process; while one asks the database anew the others are
given the last answer, since a database that is away takes its time to say so.
"""

from __future__ import annotations

import dataclasses
import enum
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import DatabaseError
from django.db.models import Q

from alerts.models import Alert, Incident
from alerts.runbook import Component, Grade, find_problem, suggest_grade
from alerts.scope import EVERYTHING, seeing

log = structlog.get_logger()

KEPT_SECONDS: Final = 10.0
_TOLD_FOR: Final = timedelta(days=14)
_NEWS_AT_MOST: Final = 10


class Health(enum.StrEnum):
    """How a part of the system is; the worst first."""

    DOWN = "down"
    DEGRADED = "degraded"
    OPERATIONAL = "operational"


_WORSE: Final = {Health.DOWN: 2, Health.DEGRADED: 1, Health.OPERATIONAL: 0}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What an operator has made public of an incident."""

    title: str
    started_at: datetime
    resolved_at: datetime | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All of it, as of ``at``.

    :param knows: whether the database answered; without it nothing is known of the parts.
    """

    at: datetime
    knows: bool
    parts: dict[Component, Health]
    news: tuple[News, ...]

    @property
    def worst(self) -> Health:
        return max(self.parts.values(), key=_WORSE.__getitem__, default=Health.DOWN)


@seeing(EVERYTHING)
def read_status(*, now: datetime) -> Status:
    """Read how every part is from the incidents and alerts that are not resolved.

    :raises DatabaseError: the database does not answer.
    """
    parts = dict.fromkeys(Component, Health.OPERATIONAL)
    for component, health in (*_by_incidents(), *_by_alerts()):
        parts[component] = max(parts[component], health, key=_WORSE.__getitem__)
    told = Incident.objects.exclude(public_title="").filter(
        Q(resolved_at=None) | Q(resolved_at__gt=now - _TOLD_FOR)
    )
    news = tuple(
        News(title=title, started_at=started_at, resolved_at=resolved_at)
        for title, started_at, resolved_at in told.order_by("-started_at", "pk").values_list(
            "public_title", "started_at", "resolved_at"
        )[:_NEWS_AT_MOST]
    )
    return Status(at=now, knows=True, parts=parts, news=news)


def _by_incidents() -> Iterator[tuple[Component, Health]]:
    unresolved = Incident.objects.filter(state__in=Incident.UNRESOLVED)
    for components, severity, state in unresolved.values_list("components", "severity", "state"):
        if severity == Grade.P3:
            continue
        # Mitigated: nobody is harmed any more, but it is not over.
        is_down = severity == Grade.P0 and state != Incident.State.MITIGATED
        for component in components:
            yield Component(component), Health.DOWN if is_down else Health.DEGRADED


def _by_alerts() -> Iterator[tuple[Component, Health]]:
    critical = Alert.objects.filter(severity=Alert.Severity.CRITICAL).exclude(
        state=Alert.State.RESOLVED
    )
    for kind in critical.order_by().values_list("kind", flat=True).distinct():
        problem = find_problem(kind)
        is_down = suggest_grade(kind=kind, severity=Alert.Severity.CRITICAL) == Grade.P0
        for component in problem.touches if problem else ():
            yield component, Health.DOWN if is_down else Health.DEGRADED


class KeptStatus:
    """The last answer, for some seconds; one at a time asks for the next."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asking = threading.Lock()
        self._last: tuple[float, Status] | None = None

    def look(self, *, now: datetime) -> Status:
        """Return how it is, at most ``KEPT_SECONDS`` ago but while somebody else is asking."""
        last = self._last
        if last is not None and self._clock() - last[0] < KEPT_SECONDS:
            return last[1]
        if not self._asking.acquire(blocking=last is None):
            assert last is not None  # noqa: S101  only then it does not wait
            return last[1]
        try:
            if self._last is not last and self._last is not None:
                return self._last[1]
            status = _ask(now)
            self._last = (self._clock(), status)
            return status
        finally:
            self._asking.release()

    def forget(self) -> None:
        """Ask anew next time."""
        self._last = None


def _ask(now: datetime) -> Status:
    try:
        return read_status(now=now)
    except DatabaseError as error:
        log.warning("[STATUS] The database does not answer", error=type(error).__name__)
        return Status(at=now, knows=False, parts={}, news=())


KEPT: Final = KeptStatus()
