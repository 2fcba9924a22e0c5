"""Alerts: raised once however often a thing happens, acknowledged, resolved."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

import structlog
from django.core.serializers.json import DjangoJSONEncoder

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing

log = structlog.get_logger()

_SUBJECT_LENGTH = 200

# One statement, decided by the partial unique index: of twenty at once one inserts and nineteen
# count up. Looking first and inserting then would lose to the twentieth. A severity only rises,
# and when it does an acknowledgement counts for nothing: it was of something smaller.
_RAISE = """
    INSERT INTO alerts_alert AS old
        (id, kind, severity, subject, message, data, dedupe_key, client_id, state, count,
         first_seen_at, last_seen_at)
    VALUES (%(id)s, %(kind)s, %(severity)s, %(subject)s, %(message)s, %(data)s::jsonb,
        %(dedupe_key)s, %(client_id)s, 'open', 1, %(now)s, %(now)s)
    ON CONFLICT (dedupe_key) WHERE state IN ('open', 'acknowledged') DO UPDATE SET
        count = old.count + 1,
        last_seen_at = greatest(old.last_seen_at, EXCLUDED.last_seen_at),
        subject = EXCLUDED.subject, message = EXCLUDED.message, data = EXCLUDED.data,
        (severity, state, acknowledged_by, acknowledged_at) = (
            SELECT CASE WHEN rises THEN EXCLUDED.severity ELSE old.severity END,
                CASE WHEN rises THEN 'open' ELSE old.state END,
                CASE WHEN NOT rises THEN old.acknowledged_by END,
                CASE WHEN NOT rises THEN old.acknowledged_at END
            FROM (SELECT array_position(ARRAY['info', 'warning', 'critical'],
                        EXCLUDED.severity::text)
                    > array_position(ARRAY['info', 'warning', 'critical'], old.severity::text)
                ) AS compared (rises))
    RETURNING *
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
) -> Alert:
    """Open an alert, or count one more of the one that is unresolved under ``dedupe_key``.

    A repeat brings the words up to date and raises the severity where its own is higher, which
    also reopens an acknowledged alert. Inside a transaction the others that raise the same key
    wait for its end, so raise there only what belongs to the transaction's work.

    :param subject: one line; what is longer than the column is cut off.
    :param data: whatever JSON can hold, and dates and ids; no code, key or phone number.
    :param dedupe_key: what it is about: ``"pool_empty:<id>"``, at most 200 characters.
    """
    alert = Alert.objects.raw(
        _RAISE,
        {
            "id": uuid4(),
            "kind": kind,
            "severity": severity,
            "subject": subject[:_SUBJECT_LENGTH],
            "message": message,
            "data": json.dumps(data or {}, cls=DjangoJSONEncoder),
            "dedupe_key": dedupe_key,
            "client_id": client_id,
            "now": now,
        },
    )[0]
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
    """Close the unresolved alert of a key; return whether there was one."""
    closed = Alert.objects.filter(
        dedupe_key=dedupe_key, state__in=[Alert.State.OPEN, Alert.State.ACKNOWLEDGED]
    ).update(state=Alert.State.RESOLVED, resolved_at=now)
    if closed:
        log.info("[ALERT] Resolved", dedupe_key=dedupe_key)
    return bool(closed)
