"""The page of the monitors: what each looks for and finds, and a button to look now."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from alerts.admin.cells import SEVERITY_COLOURS, label
from alerts.models import Alert, MonitorRun
from alerts.runbook import runbook_url
from alerts.selectors.alerts import list_unresolved
from alerts.services.monitor_runs import MonitorsRunningError, run_monitors
from alerts.services.monitors import UNRESOLVED, Monitor, list_monitors

_SHOWN: Final = 10
# Of each monitor: a thousand empty pools are a list of their own.
ALERTS_SHOWN: Final = 20
# A run takes less than a second; who presses the button twice sees the second one's.
_PATIENCE_SECONDS: Final = 10.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundAlert:
    """An unresolved alert that a monitor looks after."""

    id: UUID
    subject: str
    label: str
    since: datetime
    count: int
    chapter_url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A monitor as the page shows it.

    :param found: how many things it found in the last run; None where it had no part in it.
    :param alerts: the gravest of its unresolved alerts; ``left_out`` is how many more there are.
    """

    name: str
    sentence: str
    found: int | None
    alerts: tuple[FoundAlert, ...]
    left_out: int
    alerts_url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that has ended, or broke off."""

    started_at: datetime
    state: str
    state_words: str
    duration_ms: int | None
    generated: int
    found: int


def show_monitors(site: Any, request: HttpRequest) -> HttpResponse:
    """Show the monitors and their last runs; a POST runs them all."""
    if request.method == "POST":
        _run(request)
        return redirect("admin:monitors")
    runs = list(MonitorRun.objects.order_by("-started_at", "pk")[:_SHOWN])
    latest = next((run for run in runs if run.state == MonitorRun.State.DONE), None)
    request.current_app = site.name
    context = {
        **site.each_context(request),
        "title": "Monitors",
        "latest": None if latest is None else _past(latest),
        "watches": _watches({} if latest is None else latest.breakdown),
        "runs": [_past(run) for run in runs],
    }
    return TemplateResponse(request, "admin/monitors.html", context)


def _run(request: HttpRequest) -> None:
    try:
        result = run_monitors(now=timezone.now(), wait_seconds=_PATIENCE_SECONDS)
    except MonitorsRunningError:
        messages.warning(request, "The monitors are running already. Please look again in a while.")
        return
    opened, standing = result.alerts_generated, len(result.alerts)
    if standing:
        words = f"{standing} alert{'' if standing == 1 else 's'} found, {opened or 'none'} new."
        messages.warning(request, f"The monitors ran for {result.duration_ms} ms: {words}")
    else:
        messages.success(
            request, f"The monitors ran for {result.duration_ms} ms and found nothing."
        )


def _watches(breakdown: dict[str, int]) -> list[Watch]:
    alerts: dict[str, list[Alert]] = {}
    for alert in list_unresolved().exclude(monitor=""):
        alerts.setdefault(alert.monitor, []).append(alert)
    return [
        _watch(monitor, breakdown.get(name), alerts.get(name, []))
        for name, monitor in list_monitors().items()
    ]


def _watch(monitor: Monitor, found: int | None, alerts: list[Alert]) -> Watch:
    chosen = urlencode({"monitor": monitor.name, "state__in": ",".join(UNRESOLVED)})
    return Watch(
        name=monitor.name,
        sentence=_sentence(monitor),
        found=found,
        alerts=tuple(map(_found, alerts[:ALERTS_SHOWN])),
        left_out=max(0, len(alerts) - ALERTS_SHOWN),
        alerts_url=f"{reverse('admin:alerts_alert_changelist')}?{chosen}",
    )


def _found(alert: Alert) -> FoundAlert:
    return FoundAlert(
        id=alert.pk,
        subject=alert.subject,
        label=label(alert.get_severity_display(), SEVERITY_COLOURS[alert.severity]),
        since=alert.first_seen_at,
        count=alert.count,
        chapter_url=runbook_url(alert.kind),
    )


def _sentence(monitor: Monitor) -> str:
    return (monitor.watch.__doc__ or "").strip().partition("\n")[0].replace("``", "")


def _past(run: MonitorRun) -> PastRun:
    return PastRun(
        started_at=run.started_at,
        state=run.state,
        state_words=run.get_state_display(),
        duration_ms=run.duration_ms,
        generated=run.generated,
        found=sum(run.breakdown.values()),
    )
