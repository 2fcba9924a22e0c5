"""How long redemptions take, from the traces that each leaves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from alerts.models import Alert
from alerts.services.monitors import BETTER, Finding, find_standing, is_critical, register_monitor

_KIND: Final = "slow_redemptions"
_WINDOW: Final = timedelta(minutes=15)
# Of fewer the slowest of twenty is an accident.
_AT_LEAST: Final = 20

# From stock, what its steps in the database took, waits for locks included; bought on the spot,
# from the order to its card. Who waits for stock, an opt-in or an approval is waited for by
# nobody, and a brand that takes its time with every order is not slow.
_DURATIONS: Final = """
    WITH steps AS (
        SELECT sum(milliseconds) AS milliseconds, bool_or(step = 'place_order') AS is_ordered,
            bool_or(step = 'claim_card' AND status = 'ok') AS is_served
        FROM redemption_provisioningtrace
        WHERE at > %(since)s AND at <= %(now)s AND redemption_id IS NOT NULL
            AND step IN ('claim_card', 'find_route', 'queue_message', 'debit_account',
                'place_order')
        GROUP BY redemption_id, request_id
    ), durations AS (
        SELECT milliseconds FROM steps WHERE is_served AND NOT is_ordered
        UNION ALL
        SELECT extract(epoch FROM settled_at - created_at) * 1000 FROM giftcards_providerorder
        WHERE holder_kind = 'redemption' AND state = 'succeeded' AND NOT is_asynchronous
            AND created_at > %(since)s::timestamptz - interval '1 day'
            AND settled_at > %(since)s AND settled_at <= %(now)s
    )
    SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY milliseconds) / 1000,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY milliseconds) / 1000
    FROM durations
"""


@register_monitor("speed")
def watch_speed(*, now: datetime) -> Iterable[Finding]:
    """Find that 5 of 100 redemptions of the last minutes took longer than they may.

    The traces lie in the order of their times, so that an index of blocks finds the newest, and
    the orders are found by the index of the newest.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DURATIONS, {"since": now - _WINDOW, "now": now})
        count, median, p95 = cursor.fetchone()
    thresholds = settings.THRESHOLDS
    standing = find_standing(kind=_KIND).get(_KIND)
    slow = thresholds.slow_seconds * (1 if standing is None else BETTER)
    very_slow = thresholds.very_slow_seconds * (BETTER if is_critical(standing) else 1)
    if count < _AT_LEAST or p95 <= slow:
        return
    is_grave = p95 > very_slow
    yield Finding(
        kind=_KIND,
        severity=Alert.Severity.CRITICAL if is_grave else Alert.Severity.WARNING,
        subject=f"Redemptions take long: 5 in 100 more than {p95:.1f} seconds",
        message=f"Of {count} in the last 15 minutes half took less than {median:.1f} seconds.",
        data={
            "redemptions": count,
            "median_seconds": round(float(median), 3),
            "p95_seconds": round(float(p95), 3),
        },
        dedupe_key=_KIND,
    )
