"""What an incident did to people's rewards: ``INCIDENT_SOURCE`` of the alerts' app.

Asked for a span that has just been, so the platform's sums are read through; what is counted is
small. Tests of operators count for nothing: nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from alerts.selectors.impact import Affected, WindowEvent

_BUCKET: Final = timedelta(minutes=10)
# Each harm that came to a reward in the span, with its time; a reward may be in it thrice.
_HARMS: Final = """
    SELECT 'failed' AS harm, failed_at AS at, id, recipient_id FROM redemption_redemption
    WHERE state = 'failed' AND failed_at >= %(since)s AND failed_at < %(until)s
        AND NOT is_test AND (%(client)s::uuid IS NULL OR client_id = %(client)s)
    UNION ALL
    SELECT 'waiting', p.created_at, r.id, r.recipient_id
    FROM redemption_pendingreward p JOIN redemption_redemption r ON r.id = p.redemption_id
    WHERE p.created_at >= %(since)s AND p.created_at < %(until)s
        AND NOT r.is_test AND (%(client)s::uuid IS NULL OR r.client_id = %(client)s)
    UNION ALL
    SELECT 'waiting', created_at, id, recipient_id FROM redemption_redemption
    WHERE state = 'unconfirmed' AND created_at >= %(since)s AND created_at < %(until)s
        AND NOT is_test AND (%(client)s::uuid IS NULL OR client_id = %(client)s)
    UNION ALL
    SELECT 'undelivered', m.created_at, m.id, r.recipient_id
    FROM sms_message m JOIN redemption_redemption r ON r.id = m.reference_id
    WHERE m.reference_kind = 'redemption' AND m.state IN ('undelivered', 'failed')
        AND m.created_at >= %(since)s AND m.created_at < %(until)s
        AND NOT r.is_test AND (%(client)s::uuid IS NULL OR r.client_id = %(client)s)
"""
_COUNT: Final = f"""
    WITH harms AS ({_HARMS})
    SELECT count(DISTINCT recipient_id),
        count(DISTINCT id) FILTER (WHERE harm = 'failed'),
        count(DISTINCT id) FILTER (WHERE harm = 'waiting'),
        count(DISTINCT id) FILTER (WHERE harm = 'undelivered')
    FROM harms
"""  # noqa: S608  a constant of ours
_ASKED: Final = """
    SELECT count(*), count(*) FILTER (WHERE issued_at IS NOT NULL)
    FROM redemption_redemption
    WHERE created_at >= %(since)s AND created_at < %(until)s AND NOT is_test
        AND (%(client)s::uuid IS NULL OR client_id = %(client)s)
"""
# Pools that hold cards of their own and have begun to; what buys each card is never empty.
_POOLS: Final = """
    SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM giftcards_giftcard c
        WHERE c.pool_id = p.id AND c.status = 'available'))
    FROM giftcards_pool p
    WHERE archived_at IS NULL AND purchase_method <> 'api_only'
        AND (%(client)s::uuid IS NULL OR client_id = %(client)s)
        AND EXISTS (SELECT FROM giftcards_giftcard c WHERE c.pool_id = p.id)
"""
_BUCKETS: Final = f"""
    WITH harms AS ({_HARMS})
    SELECT date_bin('10 minutes', at, 'epoch'::timestamptz),
        count(DISTINCT id) FILTER (WHERE harm = 'failed'),
        count(DISTINCT id) FILTER (WHERE harm = 'waiting'),
        count(DISTINCT id) FILTER (WHERE harm = 'undelivered')
    FROM harms GROUP BY 1 ORDER BY 1
"""  # noqa: S608  a constant of ours


def count_harmed(*, since: datetime, until: datetime, client_id: UUID | None) -> Affected:
    """Count whose rewards came to harm from ``since`` until just before ``until``."""
    given = {"since": since, "until": until, "client": client_id}
    ((customers, failed, waiting, undelivered),) = _fetch(_COUNT, given)
    ((asked, served),) = _fetch(_ASKED, given)
    ((pools, empty_pools),) = _fetch(_POOLS, given)
    return Affected(
        customers=customers,
        failed=failed,
        waiting=waiting,
        undelivered=undelivered,
        asked=asked,
        served=served,
        pools=pools,
        empty_pools=empty_pools,
    )


def list_harms(
    *, since: datetime, until: datetime, client_id: UUID | None, is_over: bool
) -> Iterator[WindowEvent]:
    """Yield what came to harm, ten minutes by ten minutes, as far as those are over.

    :param is_over: the span ends for good, so its last minutes are told too.
    """
    given = {"since": since, "until": until, "client": client_id}
    for start, failed, waiting, undelivered in _fetch(_BUCKETS, given):
        end = start + _BUCKET
        if end > until and not is_over:
            continue
        end = min(end, until)
        words = ", ".join(
            _counted(count, *harm)
            for count, harm in (
                (failed, ("reward failed", "rewards failed")),
                (waiting, ("reward had to wait", "rewards had to wait")),
                (undelivered, ("message was not delivered", "messages were not delivered")),
            )
            if count
        )
        yield WindowEvent(
            at=max(start, since),
            words=f"{max(start, since):%H:%M} to {end:%H:%M} UTC: {words}",
            source=f"redemptions:{start:%Y%m%dT%H%M}:{end:%H%M}",
        )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _fetch(statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
