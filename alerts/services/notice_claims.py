"""Whose a notice is to send, and what became of it: Note [Told at least once]."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection

from alerts.models import Notice
from alerts.providers.telling import NotTakenError, UnforeseenError
from alerts.services.failing_places import note_failure, note_success
from alerts.services.unsendable import note_mended, note_unsendable
from alerts.transactions import durable, transaction

log = structlog.get_logger()

# The wait after each try; the last one again and again, until the notice is given up.
RETRY_SECONDS: Final = (10, 30, 60, 120, 300, 600, 900)
_ERROR_LENGTH: Final = 200
# Of one alert a place hears in order: that it is over not before that it began.
_CLAIM: Final = """
    WITH due AS (
        SELECT id, leased_until IS NOT NULL AND give_up_at <= %(now)s AS is_abandoned
        FROM alerts_notice notice
        WHERE state = 'queued' AND next_attempt_at <= %(now)s
            AND NOT EXISTS (
                SELECT 1 FROM alerts_notice earlier
                WHERE earlier.alert_id = notice.alert_id AND earlier.channel = notice.channel
                    AND earlier.target = notice.target AND earlier.state = 'queued'
                    AND earlier.id < notice.id)
        ORDER BY next_attempt_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE alerts_notice notice
    SET tries = tries + 1, next_attempt_at = %(leased_until)s, leased_until = %(leased_until)s
    FROM due WHERE notice.id = due.id
    RETURNING notice.id, due.is_abandoned
"""
_POSTPONE: Final = """
    UPDATE alerts_notice SET next_attempt_at = greatest(next_attempt_at, least(%s, give_up_at))
    WHERE channel = %s AND target = %s AND state = 'queued' AND leased_until IS NULL
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedNotices:
    """Notices that are ours to send until their lease ends.

    :param abandoned: not to be sent: their time is up, and the last who had them never said what
        became of it. Whatever stops who sends them would stop us too.
    """

    due: list[Notice]
    abandoned: list[Notice]


@durable
def claim_notices(*, limit: int, now: datetime, leased_until: datetime) -> ClaimedNotices:
    """Take up to ``limit`` due notices, the longest due first; two callers never get the same."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"limit": limit, "now": now, "leased_until": leased_until})
        is_abandoned: dict[int, bool] = dict(cursor.fetchall())
    found = Notice.objects.filter(pk__in=is_abandoned).select_related("alert", "route")
    claimed = ClaimedNotices(due=[], abandoned=[])
    for notice in found.order_by("pk"):
        (claimed.abandoned if is_abandoned[notice.pk] else claimed.due).append(notice)
    return claimed


@durable
def record_success(*, notice: Notice, now: datetime) -> None:
    """Note that a notice was taken; one that is no longer our try is left alone."""
    _write(notice, state=Notice.State.SENT, sent_at=now, next_attempt_at=None, last_error="")
    note_success(notice=notice, now=now)
    note_mended(notice=notice, now=now)
    log.info("[NOTICE] Sent", notice_id=notice.pk, channel=notice.channel, tries=notice.tries)


@durable
def record_failure(*, notice: Notice, error: NotTakenError, now: datetime) -> None:
    """Have a notice tried again later, or give it up: at once where another try would be in vain.

    The last try is when its time is up. A place that asked for patience is left alone with all.
    """
    is_over = error.is_permanent or now >= notice.give_up_at
    wait = RETRY_SECONDS[min(notice.tries, len(RETRY_SECONDS)) - 1]
    again_at = now + timedelta(seconds=max(wait, error.retry_after_seconds))
    with transaction():
        _write(
            notice,
            state=Notice.State.FAILED if is_over else Notice.State.QUEUED,
            next_attempt_at=None if is_over else min(again_at, notice.give_up_at),
            last_error=error.reason[:_ERROR_LENGTH],
        )
        if error.retry_after_seconds:
            with connection.cursor() as cursor:
                cursor.execute(_POSTPONE, [again_at, notice.channel, notice.target])
    is_ours = isinstance(error, UnforeseenError)
    note = note_unsendable if is_ours else note_failure
    note(notice=notice, is_given_up=is_over, reason=error.reason, now=now)
    # A mistake of ours is an error, which the tracker is told of.
    (log.error if is_ours else log.warning)(
        "[NOTICE] Given up" if is_over else "[NOTICE] Not taken",
        notice_id=notice.pk,
        channel=notice.channel,
        tries=notice.tries,
        error=error.reason,
    )


@durable
def put_notice_back(*, notice: Notice, wait_seconds: float, now: datetime) -> None:
    """Have a notice tried soon that was not tried: its place is silent, or the time ran out."""
    soonest = now + timedelta(seconds=RETRY_SECONDS[0])
    # However long a place asks us to wait: its last try is when its time is up, and not never.
    asked = min(now + timedelta(seconds=wait_seconds), notice.give_up_at)
    again_at = max(soonest, asked)
    _write(notice, state=Notice.State.QUEUED, next_attempt_at=again_at, tries=notice.tries - 1)


def _write(notice: Notice, **changes: object) -> None:
    # Ours as long as nobody has claimed it since.
    Notice.objects.filter(pk=notice.pk, state=Notice.State.QUEUED, tries=notice.tries).update(
        leased_until=None, **changes
    )
