"""Alerts: raised once however often a thing happens, acknowledged, resolved."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

import structlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.notices import (
    INSERT,
    PLACES,
    give_up_at,
    places_of_settings,
    ring_after_commit,
)
from alerts.transactions import is_in_transaction, transaction

log = structlog.get_logger()

_SUBJECT_LENGTH = 200

# One statement, decided by the partial unique index: of twenty at once one inserts and nineteen
# count up. Looking first and inserting then would lose to the twentieth. A severity only rises,
# and when it does an acknowledgement counts for nothing: it was of something smaller.
# What the alert was before can't be asked for in RETURNING (before PostgreSQL 18), and a snapshot
# may be older than the row that was updated; so the call that opens or raises it leaves its mark,
# and the notices are of that call alone. Of an escalation the rank is part of their key.
_RAISE = f"""
    WITH raised AS (
        INSERT INTO alerts_alert AS old
            (id, kind, monitor, severity, subject, message, data, dedupe_key, client_id, state,
             count, reminders, first_seen_at, last_seen_at, severity_since, risen_by)
        VALUES (%(id)s, %(kind)s, %(monitor)s, %(severity)s, %(subject)s, %(message)s,
            %(data)s::jsonb, %(dedupe_key)s, %(client_id)s, 'open', 1, 0, %(now)s, %(now)s,
            %(now)s, %(id)s)
        ON CONFLICT (dedupe_key) WHERE state IN ('open', 'acknowledged') DO UPDATE SET
            count = old.count + 1,
            last_seen_at = greatest(old.last_seen_at, EXCLUDED.last_seen_at),
            monitor = coalesce(nullif(EXCLUDED.monitor, ''), old.monitor),
            kind = EXCLUDED.kind, subject = EXCLUDED.subject, message = EXCLUDED.message,
            data = EXCLUDED.data,
            (severity, state, acknowledged_by, acknowledged_at, severity_since, risen_by) = (
                SELECT CASE WHEN rises THEN EXCLUDED.severity ELSE old.severity END,
                    CASE WHEN rises THEN 'open' ELSE old.state END,
                    CASE WHEN NOT rises THEN old.acknowledged_by END,
                    CASE WHEN NOT rises THEN old.acknowledged_at END,
                    CASE WHEN rises THEN EXCLUDED.last_seen_at ELSE old.severity_since END,
                    CASE WHEN rises THEN EXCLUDED.risen_by ELSE old.risen_by END
                FROM (SELECT array_position(ARRAY['info', 'warning', 'critical'],
                            EXCLUDED.severity::text)
                        > array_position(ARRAY['info', 'warning', 'critical'], old.severity::text)
                    ) AS compared (rises))
        RETURNING *
    ), places AS ({PLACES}), told AS (
        SELECT id AS alert_id, '' AS reference, severity, subject, message AS text, '' AS path,
            client_id, CASE count WHEN 1 THEN 'opened' ELSE 'escalated' END AS event,
            CASE count WHEN 1 THEN 0
                ELSE array_position(ARRAY['info', 'warning', 'critical'], severity::text) END
                AS occurrence
        FROM raised WHERE risen_by = %(id)s
    ), promised AS ({INSERT})
    SELECT raised.*, (SELECT count(*) FROM promised) AS notices_promised FROM raised
"""  # noqa: S608  constants only
_RESOLVE = """
    UPDATE alerts_alert SET state = 'resolved', resolved_at = %(now)s
    WHERE dedupe_key = %(dedupe_key)s AND state IN ('open', 'acknowledged') RETURNING id
"""
# To whom it was announced, in the words of the day; who never heard of it, hears of its end no
# more. A notice that is still to be sent counts: it goes out first.
_ANNOUNCE_END = """
    INSERT INTO alerts_notice (alert_id, reference, event, occurrence, channel, target, route_id,
        severity, subject, text, path, state, tries, next_attempt_at, give_up_at, last_error,
        created_at)
    SELECT DISTINCT ON (told.channel, told.target) alert.id, '', 'resolved', 0, told.channel,
        told.target, told.route_id, alert.severity, alert.subject, alert.message, '', 'queued', 0,
        %(now)s::timestamptz, %(give_up_at)s::timestamptz, '', %(now)s::timestamptz
    FROM alerts_alert alert JOIN alerts_notice told ON told.alert_id = alert.id
    WHERE alert.id = %(id)s AND told.state <> 'failed' AND told.event <> 'resolved'
    ON CONFLICT DO NOTHING
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class AlertResolvedError(ServiceError):
    """There is no such alert, or it was resolved meanwhile."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    alert_id: UUID


@seeing(EVERYTHING)
def raise_alert(
    *,
    kind: str,
    severity: Alert.Severity,
    subject: str,
    dedupe_key: str,
    now: datetime,
    message: str = "",
    data: dict[str, Any] | None = None,
    client_id: UUID | None = None,
    monitor: str = "",
    not_told: tuple[str, str] = ("", ""),
) -> Alert:
    """Open an alert, or count one more of the one that is unresolved under ``dedupe_key``.

    A repeat brings kind and words up to date and raises the severity where its own is higher, which
    also reopens an acknowledged alert. The first and each that raises the severity promise notices
    (Note [Notices]), with the alert or not at all; a mere repeat promises none. Nothing is called
    here but PostgreSQL. Inside a transaction the others that raise the same key wait for its end,
    so raise there only what belongs to the transaction's work.

    :param subject: one line; what is longer than the column is cut off.
    :param data: whatever JSON can hold, and dates and ids; no code, key or phone number.
    :param dedupe_key: what it is about: ``"pool_empty:<id>"``, at most 200 characters.
    :param monitor: which monitor found it, and so resolves it; empty leaves it as it was.
    :param not_told: channel and target of the one place that would not hear of it.
    """
    alert = Alert.objects.raw(
        _RAISE,
        {
            "id": uuid4(),
            **places_of_settings(but=not_told),
            "give_up_at": give_up_at(now),
            "kind": kind,
            "monitor": monitor,
            "severity": severity,
            "subject": subject[:_SUBJECT_LENGTH],
            "message": message,
            "data": json.dumps(data or {}, cls=DjangoJSONEncoder),
            "dedupe_key": dedupe_key,
            "client_id": client_id,
            "now": now,
        },
    )[0]
    if alert.notices_promised:  # type: ignore[attr-defined]
        ring_after_commit()
    log.warning(
        "[ALERT] Raised",
        alert_id=str(alert.pk),
        kind=kind,
        severity=alert.severity,
        dedupe_key=dedupe_key,
        count=alert.count,
    )
    return alert


@seeing(EVERYTHING)
def acknowledge_alert(*, alert_id: UUID, user_id: UUID, now: datetime) -> None:
    """Record that somebody has taken an alert on; the first to do so stays named.

    :raises AlertResolvedError: GC-115, there is nothing left to take on.
    """
    taken = Alert.objects.filter(pk=alert_id, state=Alert.State.OPEN).update(
        state=Alert.State.ACKNOWLEDGED, acknowledged_by=user_id, acknowledged_at=now
    )
    if taken:
        log.info("[ALERT] Acknowledged", alert_id=str(alert_id), user_id=str(user_id))
    elif not Alert.objects.filter(pk=alert_id, state=Alert.State.ACKNOWLEDGED).exists():
        raise AlertResolvedError(alert_id=alert_id)


@seeing(EVERYTHING)
def resolve_alert(*, dedupe_key: str, now: datetime) -> bool:
    """Close the unresolved alert of a key; return whether there was one.

    Those are told that it is over who were told that it began.
    """
    unresolved = Alert.objects.filter(
        dedupe_key=dedupe_key, state__in=[Alert.State.OPEN, Alert.State.ACKNOWLEDGED]
    )
    # Asked far more often than there is one.
    if not unresolved.exists():
        return False
    # Two statements: the second has to see what the first has waited for.
    with contextlib.nullcontext() if is_in_transaction() else transaction():
        return _close(dedupe_key, now)


def _close(dedupe_key: str, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_RESOLVE, {"dedupe_key": dedupe_key, "now": now})
        closed = cursor.fetchone()
        if closed is None:
            return False
        cursor.execute(_ANNOUNCE_END, {"id": closed[0], "now": now, "give_up_at": give_up_at(now)})
        if cursor.rowcount:
            ring_after_commit()
    log.info("[ALERT] Resolved", dedupe_key=dedupe_key)
    return True
