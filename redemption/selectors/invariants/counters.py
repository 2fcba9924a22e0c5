"""What is counted once and kept equals what is there."""

from __future__ import annotations

from typing import Final

from alerts.selectors.invariants import Invariant

_SCALARS: Final = (
    "issued, delivered, wait_total, face_value_minor, charged_minor, agency_margin_minor,"
    " cost_known, cost_minor, platform_margin_minor, profit_minor"
)
_GROUP: Final = "level, client_id, pool_id, brand_id, currency"
_REWARDS: Final = f"first_day, {_GROUP}, {_SCALARS}, waits, wait_counts"
_MESSAGES: Final = (
    "day, client_id, campaign_id, channel, messages, attempts, accepted, tried, delivered,"
    " undelivered, failed, suppressed, cancelled, by_hand, in_doubt, segments, price, priced,"
    " waits, wait_counts, error_codes, error_attempts, error_ends"
)
_CLIENTS: Final = "(SELECT array_agg(id) FROM credit_client)"

COUNTERS: Final = (
    Invariant(
        name="report-days",
        sentence="What is kept of the rewards of a day is what the rewards say.",
        things="day",
        # A day that is marked is counted anew within minutes.
        query=f"""
            WITH kept_day AS MATERIALIZED (
                SELECT day FROM redemption_reportday d WHERE NOT EXISTS (
                    SELECT 1 FROM redemption_reportchange c WHERE c.day = d.day)
            ), kept AS MATERIALIZED (
                SELECT {_REWARDS}
                FROM redemption_rewardcount
                WHERE span = 'day' AND first_day IN (SELECT day FROM kept_day)
            ), live AS MATERIALIZED (
                SELECT {_REWARDS.replace("first_day", "day AS first_day")}
                FROM redemption_count_rewards({_CLIENTS},
                    (SELECT min(day) FROM kept_day)::timestamp AT TIME ZONE 'UTC',
                    (SELECT max(day) + 1 FROM kept_day)::timestamp AT TIME ZONE 'UTC')
                WHERE day IN (SELECT day FROM kept_day)
            )
            SELECT first_day FROM (SELECT * FROM kept EXCEPT SELECT * FROM live) more
            UNION SELECT first_day FROM (SELECT * FROM live EXCEPT SELECT * FROM kept) less""",  # noqa: S608  ours
    ),
    Invariant(
        name="report-months",
        sentence="What is kept of a month is the sum of what is kept of its days.",
        things="month",
        query=f"""
            WITH kept_month AS MATERIALIZED (
                SELECT month FROM redemption_reportmonth m WHERE NOT EXISTS (
                    SELECT 1 FROM redemption_reportchange c
                    WHERE c.day >= m.month AND c.day < m.month + interval '1 month')
            ), month AS (
                SELECT first_day, {_GROUP}, {_SCALARS} FROM redemption_rewardcount
                WHERE span = 'month' AND first_day IN (SELECT month FROM kept_month)
            ), days AS (
                SELECT date_trunc('month', first_day)::date AS first_day, {_GROUP},
                    {", ".join(f"sum({one})" for one in _SCALARS.split(", "))}
                FROM redemption_rewardcount
                WHERE span = 'day'
                    AND date_trunc('month', first_day)::date IN (SELECT month FROM kept_month)
                GROUP BY date_trunc('month', first_day)::date, {_GROUP}
            )
            SELECT first_day FROM (SELECT * FROM month EXCEPT SELECT * FROM days) more
            UNION SELECT first_day FROM (SELECT * FROM days EXCEPT SELECT * FROM month) less""",  # noqa: S608  ours
    ),
    Invariant(
        name="message-days",
        sentence="What is kept of the messages of a day is what the messages say.",
        things="day",
        query=f"""
            WITH kept_day AS MATERIALIZED (
                SELECT day FROM redemption_messageday d WHERE NOT EXISTS (
                    SELECT 1 FROM redemption_messagechange c WHERE c.day = d.day)
            ), kept AS MATERIALIZED (
                SELECT {_MESSAGES} FROM redemption_messagecount
                WHERE day IN (SELECT day FROM kept_day)
            ), live AS MATERIALIZED (
                SELECT {_MESSAGES} FROM redemption_count_messages({_CLIENTS},
                    (SELECT min(day) FROM kept_day)::timestamp AT TIME ZONE 'UTC',
                    (SELECT max(day) + 1 FROM kept_day)::timestamp AT TIME ZONE 'UTC')
                WHERE day IN (SELECT day FROM kept_day)
            )
            SELECT day FROM (SELECT * FROM kept EXCEPT SELECT * FROM live) more
            UNION SELECT day FROM (SELECT * FROM live EXCEPT SELECT * FROM kept) less""",  # noqa: S608  ours
    ),
    Invariant(
        name="code-ages",
        sentence="A redemption says how old its code was when it was asked for.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r
            JOIN redemption_recipient p ON p.id = r.recipient_id
            WHERE r.code_age_hours <> redemption_code_age_hours(r.created_at - p.created_at)""",
    ),
    Invariant(
        name="daily-claims",
        sentence="A capped campaign has counted as many claims of a day as there are.",
        things="campaign and day",
        query="""
            SELECT d.campaign_id || ' ' || d.day FROM redemption_dailyclaims d
            WHERE d.claims <> (SELECT count(*) FROM redemption_redemption r
                WHERE r.campaign_id = d.campaign_id AND NOT r.is_test AND r.state <> 'failed'
                    AND r.created_at >= d.day::timestamp AT TIME ZONE 'UTC'
                    AND r.created_at < (d.day + 1)::timestamp AT TIME ZONE 'UTC')""",
    ),
    Invariant(
        name="people-uploads-count",
        sentence="An upload of people has as many as it says; one that was undone has nobody.",
        things="upload",
        query="""
            SELECT b.id FROM redemption_recipientbatch b
            LEFT JOIN (SELECT batch_id, count(*) AS people FROM redemption_recipient
                WHERE batch_id IS NOT NULL GROUP BY batch_id) p ON p.batch_id = b.id
            WHERE coalesce(p.people, 0) <> CASE WHEN b.state = 'imported' THEN b.accepted
                ELSE 0 END""",
    ),
)
