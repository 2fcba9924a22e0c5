"""Reminders of critical alerts that nobody has taken on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import connection

from alerts.services.notices import (
    INSERT,
    PLACES,
    give_up_at,
    places_of_settings,
    ring_after_commit,
)
from alerts.transactions import durable

log = structlog.get_logger()

# After that a fourth one would be read by nobody either; the alert stays open and is listed.
MOST_REMINDERS: Final = 3

# Whoever acknowledges at the same moment comes before or after: the row is locked, and what was
# taken on meanwhile is no longer found. Of two jobs at once the second finds it locked, or done.
_REMIND: Final = f"""
    WITH due AS (
        SELECT id FROM alerts_alert
        WHERE state = 'open' AND severity = 'critical' AND reminders < %(most)s
            AND coalesce(reminded_at, severity_since, first_seen_at) <= %(before)s
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ), reminded AS (
        UPDATE alerts_alert alert SET reminders = reminders + 1, reminded_at = %(now)s
        FROM due WHERE alert.id = due.id
        RETURNING alert.*
    ), places AS ({PLACES}), told AS (
        SELECT id AS alert_id, '' AS reference, 'reminder' AS event, reminders AS occurrence,
            severity, subject, message AS text, '' AS path, client_id
        FROM reminded
    ), promised AS ({INSERT})
    SELECT (SELECT count(*) FROM reminded), (SELECT count(*) FROM promised)
"""  # noqa: S608  constants only


@durable
def remind_of_alerts(*, now: datetime) -> int:
    """Remind of each critical alert that is open since ALERT_REMIND_AFTER, or since its last.

    Three times at most; any number of these jobs at once remind once. Who has not heard of an
    alert yet does now.

    :return: the number of alerts that somebody was reminded of.
    """
    if not settings.ALERT_REMIND_AFTER:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _REMIND,
            {
                **places_of_settings(),
                "most": MOST_REMINDERS,
                "before": now - timedelta(seconds=settings.ALERT_REMIND_AFTER),
                "now": now,
                "give_up_at": give_up_at(now),
            },
        )
        alerts, notices = cursor.fetchone()
    if notices:
        ring_after_commit()
    if alerts:
        log.warning("[ALERT] Reminded", alerts=alerts, notices=notices)
    return int(alerts)
