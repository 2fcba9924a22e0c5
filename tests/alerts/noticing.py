"""Alerts and the notices of them, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_django import Settings

from alerts.models import Alert, Notice
from alerts.services.alerts import raise_alert

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
SEVERITY = Alert.Severity
KEY = "pool_empty:1"
SIGNING_SECRET = "whsec_" + "QUJD" * 8


def raise_one(**changes: Any) -> Alert:
    """Raise a critical alert of one pool, with some arguments changed."""
    given: dict[str, Any] = {
        "kind": "pool_empty",
        "severity": SEVERITY.CRITICAL,
        "subject": "The pool is empty",
        "message": "Upload cards.",
        "dedupe_key": KEY,
        "now": NOW,
    }
    return raise_alert(**{**given, **changes})


def tell_slack(settings: Settings, url: str, *, severity: str = "info") -> None:
    """Send notices to a Slack webhook."""
    settings.ALERT_SLACK_WEBHOOK_URL = url
    settings.ALERT_SLACK_SEVERITY = severity


def tell_webhook(settings: Settings, url: str, *, severity: str = "info") -> None:
    """Send notices to a machine, signed with ``SIGNING_SECRET``."""
    settings.ALERT_WEBHOOK_URL = url
    settings.ALERT_WEBHOOK_SECRET = SIGNING_SECRET
    settings.ALERT_WEBHOOK_SEVERITY = severity


def tell_mailboxes(settings: Settings, *addresses: str, severity: str = "warning") -> None:
    """Send notices by e-mail."""
    settings.EMAIL_ENABLED = True
    settings.ALERT_EMAIL_RECIPIENTS = list(addresses)
    settings.ALERT_EMAIL_SEVERITY = severity


def promised() -> list[tuple[str, str, str]]:
    """Return event, channel and target of every notice, in the order they were made."""
    rows = Notice.objects.order_by("pk")
    return list(rows.values_list("event", "channel", "target"))


def standings() -> list[tuple[str, int, str]]:
    """Return state, tries and last error of every notice, in the order they were made."""
    return list(Notice.objects.order_by("pk").values_list("state", "tries", "last_error"))
