"""Kept counts against the rows they count: the newest of each, for every few minutes.

``manage.py verify`` compares all of them; here it is the day or two on which they still change.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection

from alerts.models import Alert
from alerts.services.monitors import Finding, register_monitor

_KIND: Final = "drift_counters"
_EXAMPLES: Final = 20

# Each names what does not fit; a day that is marked as changed is counted anew within minutes.
_CHECKS: Final = {
    # By the index of a campaign's redemptions: a day's rows of the capped campaigns.
    "A capped campaign's claims of a day": """
        SELECT d.campaign_id || ' ' || d.day FROM redemption_dailyclaims d
        WHERE d.day >= %(yesterday)s AND d.claims <> (
            SELECT count(*) FROM redemption_redemption r
            WHERE r.campaign_id = d.campaign_id AND NOT r.is_test AND r.state <> 'failed'
                AND r.created_at >= d.day::timestamp AT TIME ZONE 'UTC'
                AND r.created_at < (d.day + 1)::timestamp AT TIME ZONE 'UTC')
    """,
    # By the index of what was issued to each client, which holds all that is summed.
    "The rewards of a day in the reports": """
        WITH newest AS (
            SELECT max(day) AS day FROM redemption_reportday d WHERE NOT EXISTS (
                SELECT 1 FROM redemption_reportchange c WHERE c.day = d.day)
        ), live AS (
            SELECT r.client_id, r.currency, count(*) AS issued, sum(r.charged_minor) AS charged
            FROM newest CROSS JOIN credit_client c JOIN redemption_redemption r
                ON r.client_id = c.id AND r.state IN ('issued', 'delivered', 'confirmed')
                AND NOT r.is_test
                AND r.issued_at >= newest.day::timestamp AT TIME ZONE 'UTC'
                AND r.issued_at < (newest.day + 1)::timestamp AT TIME ZONE 'UTC'
            GROUP BY r.client_id, r.currency
        ), kept AS (
            SELECT k.client_id, k.currency, k.issued, k.charged_minor AS charged
            FROM newest JOIN redemption_rewardcount k ON k.span = 'day' AND k.level = 'client'
                AND k.first_day = newest.day
        )
        SELECT (SELECT day FROM newest) || ' client ' || client_id || ' ' || currency
        FROM live FULL JOIN kept USING (client_id, currency)
        WHERE (live.issued, live.charged) IS DISTINCT FROM (kept.issued, kept.charged)
            AND coalesce(live.issued, kept.issued, 0) + coalesce(kept.issued, 0) > 0
    """,
    # By the index of blocks on the time of a message: a day is a few blocks.
    "The messages of a day in the reports": """
        WITH newest AS (
            SELECT max(day) AS day FROM redemption_messageday d WHERE NOT EXISTS (
                SELECT 1 FROM redemption_messagechange c WHERE c.day = d.day)
        ), live AS (
            SELECT c.client_id, c.channel, sum(c.messages) AS messages FROM newest,
                redemption_count_messages((SELECT array_agg(id) FROM credit_client),
                    newest.day::timestamp AT TIME ZONE 'UTC',
                    (newest.day + 1)::timestamp AT TIME ZONE 'UTC') c
            WHERE newest.day IS NOT NULL GROUP BY c.client_id, c.channel
        ), kept AS (
            SELECT k.client_id, k.channel, sum(k.messages) AS messages
            FROM newest JOIN redemption_messagecount k ON k.day = newest.day
            GROUP BY k.client_id, k.channel
        )
        SELECT (SELECT day FROM newest) || ' client ' || client_id || ' ' || channel
        FROM live FULL JOIN kept USING (client_id, channel)
        WHERE live.messages IS DISTINCT FROM kept.messages
    """,
}


@register_monitor("counters")
def watch_counters(*, now: datetime) -> Iterable[Finding]:
    """Find kept counts of the last days that are not what their rows say."""
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    for name, query in _CHECKS.items():
        with connection.cursor() as cursor:
            cursor.execute(f"{query} ORDER BY 1 LIMIT {_EXAMPLES}", {"yesterday": yesterday})
            wrong = [thing for (thing,) in cursor.fetchall()]
        if wrong:
            yield Finding(
                kind=_KIND,
                severity=Alert.Severity.CRITICAL,
                subject=f"{name} are not what the rows say",
                message=f"First: {wrong[0]}. Run manage.py verify for the whole list.",
                data={"wrong": wrong},
                dedupe_key=f"{_KIND}:{name}",
            )
