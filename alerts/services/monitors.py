"""Monitors: functions that look for what is wrong, registered by the apps that own what they read.

Note [Monitor]
A monitor only looks. It yields a finding for each thing that is wrong now, each under the key of
its alert, and writes nothing; the run turns findings into alerts, and resolves the alerts of the
keys that it no longer finds. Where something raises the same alert as it happens, both use the
same key, so that there is one alert however it was noticed, and either may end it. A monitor must
be cheap with a million redemptions: it reads counters, newest rows by an index, or partial
indexes of what is unfinished, never a whole table. One that looks at a rate asks
:func:`find_standing` for its alert first, and lets it end only once the rate is better than its
threshold by a margin: a rate that hovers there is one alert, and not one every five minutes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any, Final, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from alerts.models import Alert
from alerts.services.alerts import raise_alert

# As the partial indexes have it, so that resolved alerts cost nothing.
UNRESOLVED: Final = (Alert.State.OPEN, Alert.State.ACKNOWLEDGED)
# To what part of its threshold a figure has to fall for an alert to end, or to get less grave.
BETTER: Final = 0.9


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong now; see ``raise_alert`` for what each means.

    :param dedupe_key: what it is about: ``"pool_stock:<id>"``, at most 200 characters, and of
        one monitor only.
    :param data: whatever JSON can hold, and dates and ids; no code, key or phone number.
    """

    kind: str
    severity: Alert.Severity
    subject: str
    dedupe_key: str
    message: str = ""
    data: dict[str, Any] = dataclasses.field(default_factory=dict)
    client_id: UUID | None = None


def raise_finding(*, finding: Finding, now: datetime, monitor: str = "") -> Alert:
    """Raise the alert of a finding.

    :param monitor: who found it; empty where it is raised as it happens.
    """
    return raise_alert(
        kind=finding.kind,
        severity=finding.severity,
        subject=finding.subject,
        message=finding.message,
        data=finding.data,
        dedupe_key=finding.dedupe_key,
        client_id=finding.client_id,
        monitor=monitor,
        now=now,
    )


def find_standing(*, kind: str) -> dict[str, Finding]:
    """Return the unresolved alerts of a kind as findings in their own words, by their keys.

    For a monitor that looks for what was raised as it happened: it then says the same.
    """
    return {
        alert.dedupe_key: Finding(
            kind=alert.kind,
            severity=Alert.Severity(alert.severity),
            subject=alert.subject,
            message=alert.message,
            data=alert.data,
            dedupe_key=alert.dedupe_key,
            client_id=alert.client_id,
        )
        for alert in Alert.objects.filter(kind=kind, state__in=UNRESOLVED)
    }


def is_critical(finding: Finding | None) -> bool:
    """Tell whether something stands (see :func:`find_standing`) and is of the gravest kind."""
    return finding is not None and finding.severity is Alert.Severity.CRITICAL


class Watch(Protocol):
    """Looks for one kind of trouble and writes nothing."""

    def __call__(self, *, now: datetime) -> Iterable[Finding]: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Monitor:
    """A registered monitor: its name, which the breakdown of a run prints, and its function."""

    name: str
    watch: Watch

    def __call__(self, *, now: datetime) -> Iterable[Finding]:
        return self.watch(now=now)


def register_monitor(name: str) -> Callable[[Watch], Monitor]:
    """Make a function a monitor; it runs once its dotted path stands in ``settings.MONITORS``."""

    def register(watch: Watch) -> Monitor:
        return Monitor(name, watch)

    return register


def list_monitors() -> dict[str, Monitor]:
    """Return the monitors by their names, in the order of ``settings.MONITORS``.

    :raises ValueError: one of the paths leads to no monitor, or two monitors share a name.
    """
    return _import_monitors(tuple(settings.MONITORS))


@cache
def _import_monitors(paths: tuple[str, ...]) -> dict[str, Monitor]:
    monitors: dict[str, Monitor] = {}
    for path in paths:
        found = import_string(path)
        if not isinstance(found, Monitor):
            raise ValueError(f"{path} is no monitor: it lacks @register_monitor(…)")  # noqa: TRY004
        if found.name in monitors:
            raise ValueError(f"{path} is the second monitor named {found.name}")
        monitors[found.name] = found
    return monitors
