"""Notices: what people and their machines are told, as rows that a job sends later.

Note [Notices]
Whoever raises an alert must not wait for Slack, and must not lose the alert because of Slack. So
the call writes rows, in the transaction of whatever it is part of, and nothing leaves the house
before that is committed (``services/sending.py``). A row is one thing told to one place. The
places are those of the settings and the routes of the admin; a channel that nobody has set up is
no place, so nothing piles up for it. Two unique constraints say that one place is told of one
event once, however many workers meet it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from alerts.models import Alert, Channel, Notice
from alerts.queue import ring_bell
from alerts.scope import EVERYTHING, seeing

SEND_TASK: Final = "alerts.tasks.send_notices"
# The place that the settings name; an e-mail's is its address.
SETTINGS_TARGET: Final = "settings"
_SUBJECT_LENGTH: Final = 200
RANKS: Final = {"info": 1, "warning": 2, "critical": 3}

# Where something of a severity, of a client or of none, is told: the settings' places and the
# routes. Two that lead to one address are one place.
PLACES: Final = """
    SELECT channel, target, NULL::uuid AS route_id, rank, NULL::uuid AS client_id
    FROM unnest(%(channels)s::text[], %(targets)s::text[], %(ranks)s::integer[])
        AS given (channel, target, rank)
    UNION ALL
    SELECT channel, CASE channel WHEN 'email' THEN lower(email) ELSE 'route:' || id END, id,
        array_position(ARRAY['info', 'warning', 'critical'], minimum_severity::text), client_id
    FROM alerts_noticeroute
    WHERE is_active AND (channel <> 'email' OR %(has_email)s)
"""
# Of rows called ``told``: an alert with what is said of it.
INSERT: Final = """
    INSERT INTO alerts_notice (alert_id, reference, event, occurrence, channel, target, route_id,
        severity, subject, text, path, state, tries, next_attempt_at, give_up_at, last_error,
        created_at)
    SELECT told.alert_id, told.reference, told.event, told.occurrence, places.channel,
        places.target, places.route_id, told.severity, told.subject, told.text, told.path,
        'queued', 0, %(now)s, %(give_up_at)s, '', %(now)s
    FROM told JOIN places ON
        places.rank <= array_position(ARRAY['info', 'warning', 'critical'], told.severity::text)
        AND (places.client_id IS NULL OR places.client_id = told.client_id)
        AND (places.channel, places.target) <> (%(but_channel)s, %(but_target)s)
    ORDER BY places.route_id NULLS FIRST
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_QUEUE: Final = f"""
    WITH places AS ({PLACES}), told AS (
        SELECT %(alert_id)s::uuid AS alert_id, %(reference)s AS reference, %(event)s AS event,
            %(occurrence)s AS occurrence, %(severity)s AS severity, %(subject)s AS subject,
            %(text)s AS text, %(path)s AS path, %(client_id)s::uuid AS client_id
    )
    {INSERT}
"""


@seeing(EVERYTHING)
def queue_notice(
    *,
    event: Notice.Event,
    severity: Alert.Severity,
    subject: str,
    now: datetime,
    text: str = "",
    alert_id: UUID | None = None,
    reference: str = "",
    occurrence: int = 0,
    path: str = "",
    client_id: UUID | None = None,
    emails: Sequence[str] = (),
) -> int:
    """Promise a notice to every place that hears of its severity and client.

    Part of the caller's transaction where there is one. The same thing again (reference or alert,
    event and occurrence) adds no notice for a place that has one, so a retry is harmless.

    :param alert_id: the alert it is about, or else
    :param reference: what it is about: ``"incident:<id>"``, at most 120 characters.
    :param path: where to look, below PUBLIC_BASE_URL: ``"/admin/…"``; of an alert its own page.
    :param emails: who is told besides, whatever the severity; nobody while e-mail is not set up.
    :return: the number of notices that were promised.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _QUEUE,
            {
                **places_of_settings(emails=emails),
                "alert_id": alert_id,
                "reference": reference,
                "event": event,
                "occurrence": occurrence,
                "severity": severity,
                "subject": subject[:_SUBJECT_LENGTH],
                "text": text,
                "path": path,
                "client_id": client_id,
                "now": now,
                "give_up_at": give_up_at(now),
            },
        )
        promised = len(cursor.fetchall())
    if promised:
        ring_after_commit()
    return promised


def ring_after_commit() -> None:
    """Have the notices sent as soon as what they tell of is committed."""
    transaction.on_commit(partial(ring_bell, SEND_TASK), robust=True)


def give_up_at(now: datetime) -> datetime:
    """Return from when on a notice that could not be sent is tried no more."""
    return now + timedelta(seconds=settings.ALERT_GIVE_UP_AFTER)


def places_of_settings(
    *, emails: Sequence[str] = (), but: tuple[str, str] = ("", "")
) -> dict[str, Any]:
    """Return the parameters of ``PLACES``: where the settings send notices.

    :param emails: further addresses, which hear of every severity.
    :param but: channel and target of the one place that is not told.
    """
    found: list[tuple[str, str, int]] = []
    if settings.ALERT_SLACK_WEBHOOK_URL:
        rank = RANKS[settings.ALERT_SLACK_SEVERITY]
        found.append((Channel.SLACK, SETTINGS_TARGET, rank))
    if settings.ALERT_WEBHOOK_URL and settings.ALERT_WEBHOOK_SECRET:
        rank = RANKS[settings.ALERT_WEBHOOK_SEVERITY]
        found.append((Channel.WEBHOOK, SETTINGS_TARGET, rank))
    if settings.EMAIL_ENABLED:
        rank = RANKS[settings.ALERT_EMAIL_SEVERITY]
        found += [
            (Channel.EMAIL, address.lower(), rank) for address in settings.ALERT_EMAIL_RECIPIENTS
        ]
        found += [(Channel.EMAIL, address.lower(), RANKS["info"]) for address in emails]
    return {
        "channels": [channel for channel, _, _ in found],
        "targets": [target for _, target, _ in found],
        "ranks": [rank for _, _, rank in found],
        "has_email": settings.EMAIL_ENABLED,
        "but_channel": but[0],
        "but_target": but[1],
    }
