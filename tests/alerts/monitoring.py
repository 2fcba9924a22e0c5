"""Running a monitor as the clock does, and what is left standing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from alerts.models import Alert, Notice
from alerts.services.alerts import resolve_alert
from alerts.services.monitor_runs import run_monitors


@pytest.fixture(autouse=True)
def told_by_slack(settings: Settings) -> None:
    """Let every alert have somewhere to be told of; nobody sends the notices here."""
    settings.ALERT_SLACK_WEBHOOK_URL = "http://127.0.0.1:9/unused"
    settings.ALERT_EMAIL_RECIPIENTS = ()


def look(name: str, *, now: datetime) -> list[tuple[str, str]]:
    """Run a monitor twice; return kind and severity of the alerts that it leaves standing.

    The second run must open nothing, and nobody may be told of it.
    """
    first = run_monitors(now=now, names=[name])
    before = told()
    second = run_monitors(now=now, names=[name])
    assert second.alerts_generated == 0
    assert told() == before
    assert second.breakdown == first.breakdown == {name: len(first.alerts)}
    assert [one["dedupe_key"] for one in first.alerts] == [
        one["dedupe_key"] for one in second.alerts
    ]
    return standing()


def standing() -> list[tuple[str, str]]:
    """Return kind and severity of the unresolved alerts, the oldest first."""
    alerts = Alert.objects.exclude(state="resolved").order_by("first_seen_at", "dedupe_key")
    return list(alerts.values_list("kind", "severity"))


def told() -> list[tuple[str, str]]:
    """Return of what people are told, the oldest first: the event and the severity."""
    return list(Notice.objects.order_by("pk").values_list("event", "severity"))


def facts(kind: str) -> Any:
    """Return the data of the one unresolved alert of a kind."""
    return Alert.objects.exclude(state="resolved").get(kind=kind).data


def resolve_by_hand(*, now: datetime) -> None:
    """Resolve every alert, as somebody does who thinks that it is over."""
    for alert in Alert.objects.exclude(state="resolved"):
        assert resolve_alert(dedupe_key=alert.dedupe_key, now=now)
