"""Running the monitors: what they find becomes alerts, and what they no longer find is resolved.

Note [One run at a time]
A run's row is its lease, and a partial unique index lets only one be running. It is prolonged
before each monitor, so a run whose worker was killed is given up two minutes later. It is there
for order, not for safety: of two runs at once neither could open a second alert, because
``raise_alert`` is decided by the index on the alert's key.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Protocol
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import Alert, MonitorRun
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import resolve_alert
from alerts.services.monitors import (
    UNRESOLVED,
    Finding,
    Monitor,
    list_monitors,
    raise_finding,
)
from alerts.transactions import durable, snapshot, transaction

log = structlog.get_logger()

FAILED: Final = "monitor_failed"
# A monitor is written to take milliseconds. One that takes this long is broken, and says so.
_STATEMENT_SECONDS: Final = 15
_LEASE_SECONDS: Final = 120
_LOOK_AGAIN_SECONDS: Final = 0.05
_KEPT: Final = timedelta(days=7)

_GIVE_UP_DEAD: Final = """
    UPDATE alerts_monitorrun SET state = 'broken_off'
    WHERE state = 'running' AND leased_until < clock_timestamp()
"""
_BEGIN: Final = """
    INSERT INTO alerts_monitorrun
        (id, state, started_at, leased_until, generated, breakdown, alerts)
    VALUES (%s, 'running', %s, clock_timestamp() + make_interval(secs => %s), 0, '{}', '[]')
    ON CONFLICT (state) WHERE state = 'running' DO NOTHING
"""
_PROLONG: Final = """
    UPDATE alerts_monitorrun SET leased_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND state = 'running'
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class MonitorsRunningError(ServiceError):
    """Somebody else runs the monitors, and did not come to an end while we waited."""

    code: ClassVar = ErrorCode.STILL_RUNNING

    retry_after_seconds: int | None = 2


class Asked(Protocol):
    """A question that is answered once, however often it is asked."""

    def look(self) -> None:
        """Raise what says that it was answered; nobody else answers it from here on."""

    def keep(self, *, run_id: UUID) -> None:
        """Keep the run as its answer, in the transaction that ends the run."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MonitorsResult:
    """What a run came to.

    :param alerts_generated: how many alerts it opened; those that stood before are not counted.
    :param breakdown: how many things each monitor finds wrong now, by its name.
    :param alerts: the alerts of all that was found, printed as the API prints them.
    """

    run_id: UUID
    duration_ms: int
    alerts_generated: int
    breakdown: dict[str, int]
    alerts: list[dict[str, Any]]


@seeing(EVERYTHING)
@durable
def run_monitors(
    *,
    now: datetime,
    names: Collection[str] | None = None,
    wait_seconds: float = 0,
    asked: Asked | None = None,
) -> MonitorsResult:
    """Run the monitors: raise what they find, resolve what they no longer find.

    A monitor that fails raises a critical alert of its own, leaves its alerts as they are, and
    stops no other. Repeating a run opens nothing anew.

    :param names: only these monitors; all where None.
    :param wait_seconds: how long to wait for another run to end.
    :param asked: whose question it is, who may have been answered before.
    :raises MonitorsRunningError: GC-108, another run has not ended by then.
    :raises KeyError: there is no monitor of a name.
    """
    monitors = list_monitors()
    chosen = [monitors[name] for name in (monitors if names is None else names)]
    run_id = _begin(now=now, wait_seconds=wait_seconds, asked=asked)
    try:
        result = _run(run_id, chosen, now=now)
        _end(result, asked, now=now)
    except BaseException:
        with contextlib.suppress(DatabaseError):
            _break_off(run_id)
        raise
    found = {name: count for name, count in result.breakdown.items() if count}
    log.info(
        "[MONITORS] Run",
        duration_ms=result.duration_ms,
        generated=result.alerts_generated,
        found=found,
    )
    return result


def _run(run_id: UUID, monitors: Collection[Monitor], *, now: datetime) -> MonitorsResult:
    started = time.monotonic()
    breakdown: dict[str, int] = {}
    alerts: list[Alert] = []
    for monitor in monitors:
        _prolong(run_id)
        found = _run_one(monitor, now=now)
        breakdown[monitor.name] = len(found)
        alerts += found
    return MonitorsResult(
        run_id=run_id,
        duration_ms=round((time.monotonic() - started) * 1000),
        alerts_generated=sum(alert.count == 1 for alert in alerts),
        breakdown=breakdown,
        alerts=[print_alert(alert) for alert in alerts],
    )


def run_unless_running(*, now: datetime) -> MonitorsResult | None:
    """Run all monitors, or nothing while another run is under way."""
    try:
        return run_monitors(now=now)
    except MonitorsRunningError:
        log.info("[MONITORS] Already running")
        return None


def result_of(run: MonitorRun) -> MonitorsResult:
    """Return what a run that has ended came to."""
    return MonitorsResult(
        run_id=run.pk,
        duration_ms=run.duration_ms or 0,
        alerts_generated=run.generated,
        breakdown=run.breakdown,
        alerts=run.alerts,
    )


def print_alert(alert: Alert) -> dict[str, Any]:
    """Print an alert as the API does."""
    return {
        "id": str(alert.pk),
        "kind": alert.kind,
        "severity": alert.severity,
        "subject": alert.subject,
        "message": alert.message,
        "data": alert.data,
        "dedupe_key": alert.dedupe_key,
        "state": alert.state,
        "count": alert.count,
        "first_seen_at": _print_time(alert.first_seen_at),
        "last_seen_at": _print_time(alert.last_seen_at),
    }


def _print_time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _begin(*, now: datetime, wait_seconds: float, asked: Asked | None) -> UUID:
    run_id = uuid4()
    until = time.monotonic() + wait_seconds
    while True:
        with transaction(), connection.cursor() as cursor:
            cursor.execute(_GIVE_UP_DEAD)
            cursor.execute(_BEGIN, [run_id, now, _LEASE_SECONDS])
            if cursor.rowcount:
                # Whoever had the lease before us has kept their answer by now; were it to the
                # same question, the row goes again with this transaction.
                if asked is not None:
                    asked.look()
                return run_id
        if time.monotonic() >= until:
            raise MonitorsRunningError
        time.sleep(_LOOK_AGAIN_SECONDS)


def _prolong(run_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PROLONG, [_LEASE_SECONDS, run_id])
        if not cursor.rowcount:
            raise MonitorsRunningError  # we were too slow, and another has taken over


def _end(result: MonitorsResult, asked: Asked | None, *, now: datetime) -> None:
    with transaction():
        MonitorRun.objects.filter(pk=result.run_id).update(
            state=MonitorRun.State.DONE,
            duration_ms=result.duration_ms,
            generated=result.alerts_generated,
            breakdown=result.breakdown,
            # For who may ask the same again; else they stand in their own table alone.
            alerts=result.alerts if asked is not None else [],
        )
        MonitorRun.objects.filter(started_at__lt=now - _KEPT).delete()
        if asked is not None:
            asked.keep(run_id=result.run_id)


def _break_off(run_id: UUID) -> None:
    MonitorRun.objects.filter(pk=run_id, state=MonitorRun.State.RUNNING).update(
        state=MonitorRun.State.BROKEN_OFF
    )


def _run_one(monitor: Monitor, *, now: datetime) -> list[Alert]:
    """Let one monitor look, and return the alerts of what it found."""
    try:
        findings = _look(monitor, now=now)
    except Exception as error:
        # Whatever it was: the others have to look, and somebody has to hear that this one can't.
        log.exception("[MONITORS] Failed", monitor=monitor.name)
        return [_raise(_failure(monitor, error), monitor, now=now)]
    resolve_alert(dedupe_key=_failure_key(monitor), now=now)
    alerts = [_raise(finding, monitor, now=now) for finding in findings]
    _resolve_gone(monitor, {finding.dedupe_key for finding in findings}, now=now)
    return alerts


def _look(monitor: Monitor, *, now: datetime) -> list[Finding]:
    """Return what a monitor finds, each key once; it can write nothing."""
    with snapshot():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'")
        found: Iterable[Finding] = monitor(now=now)
        return list({finding.dedupe_key: finding for finding in found}.values())


def _raise(finding: Finding, monitor: Monitor, *, now: datetime) -> Alert:
    alert = raise_finding(finding=finding, monitor=monitor.name, now=now)
    if alert.severity == finding.severity:
        return alert
    # It was graver, and a severity only rises. So what was is over, and what is left is new: who
    # heard of the one hears of the other, and the next rise is told of again.
    resolve_alert(dedupe_key=finding.dedupe_key, now=now)
    return raise_finding(finding=finding, monitor=monitor.name, now=now)


def _resolve_gone(monitor: Monitor, keys: Collection[str], *, now: datetime) -> None:
    """Resolve the monitor's alerts whose keys it did not find.

    One that was raised since the run began, by whoever saw it happen, is left to the next run.
    """
    standing = (
        Alert.objects.filter(monitor=monitor.name, state__in=UNRESOLVED, last_seen_at__lte=now)
        .exclude(dedupe_key__in=keys)
        .exclude(dedupe_key=_failure_key(monitor))
    )
    for key in standing.order_by("first_seen_at", "pk").values_list("dedupe_key", flat=True):
        resolve_alert(dedupe_key=key, now=now)


def _failure_key(monitor: Monitor) -> str:
    return f"{FAILED}:{monitor.name}"


def _failure(monitor: Monitor, error: Exception) -> Finding:
    return Finding(
        kind=FAILED,
        severity=Alert.Severity.CRITICAL,
        subject=f"The monitor {monitor.name} can't look",
        # The words of an error may hold what it stumbled over.
        message=f"It failed with {type(error).__name__}; the log has the rest. What it watches is"
        " not watched until it runs again, and its alerts stay as they are.",
        data={"monitor": monitor.name, "error": type(error).__name__},
        dedupe_key=_failure_key(monitor),
    )
