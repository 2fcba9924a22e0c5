"""What must be so of points, articles and paid orders, whatever has happened: named queries."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

# Each finds what is broken, so each must find nothing.
PROMISES: Final = {
    "a balance is the sum of its transactions": """
        SELECT c.id FROM loyalty_customer c
        WHERE c.points_balance <> (SELECT coalesce(sum(points), 0)
                FROM loyalty_loyaltytransaction t WHERE t.customer_id = c.id)
            OR c.transactions <> (SELECT count(*)
                FROM loyalty_loyaltytransaction t WHERE t.customer_id = c.id)
    """,
    "each transaction begins where the last one ended": """
        SELECT id FROM (SELECT t.id, t.number, t.balance_before, t.balance_after, t.points,
                row_number() OVER w AS counted, lag(t.balance_after, 1, 0::bigint) OVER w AS was
            FROM loyalty_loyaltytransaction t
            WINDOW w AS (PARTITION BY t.customer_id ORDER BY t.number)) chain
        WHERE number <> counted OR balance_before <> was OR balance_after <> was + points
    """,
    "nothing is negative": """
        SELECT id FROM loyalty_customer
            WHERE points_balance < 0 OR points_held < 0 OR points_held > points_balance
        UNION ALL SELECT id FROM loyalty_loyaltytransaction WHERE balance_after < 0
        UNION ALL SELECT id FROM loyalty_stockitem WHERE reserved < 0 OR on_hand < reserved
    """,
    "what is held is what is open": """
        SELECT c.id FROM loyalty_customer c
        WHERE c.points_held <> (SELECT coalesce(sum(o.points_redeemed), 0) FROM loyalty_checkout o
                WHERE o.customer_id = c.id AND o.loyalty = 'pending')
            + (SELECT coalesce(sum(r.points), 0) FROM loyalty_reward r WHERE r.customer_id = c.id
                AND r.state IN ('provisioning', 'unconfirmed'))
    """,
    "a paid order's points are applied once, none, or owed": """
        SELECT o.id FROM loyalty_checkout o
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(-t.points) FILTER (WHERE t.type = 'spent'), 0) AS spent,
                coalesce(sum(t.points) FILTER (WHERE t.type = 'earned'), 0) AS earned
            FROM loyalty_loyaltytransaction t
            WHERE t.reference_type = 'order' AND t.reference_id = o.id) posted ON true
        WHERE posted.spent <> CASE o.loyalty WHEN 'applied' THEN o.points_redeemed ELSE 0 END
            OR posted.earned <> CASE o.loyalty WHEN 'applied' THEN o.points_earned ELSE 0 END
            OR o.state NOT IN ('payment_unknown', 'declined')
                AND (o.loyalty = 'pending') <> EXISTS (
                    SELECT 1 FROM loyalty_reconciliationitem i
                    WHERE i.checkout_id = o.id AND NOT i.resolved)
    """,
    "a paid order is a payment that was approved": """
        SELECT o.id FROM loyalty_checkout o LEFT JOIN loyalty_payment p ON p.checkout_id = o.id
        WHERE p.state IS DISTINCT FROM CASE o.state WHEN 'payment_unknown' THEN 'unknown'
                WHEN 'declined' THEN 'declined' ELSE 'approved' END
            OR p.amount_minor <> o.total_minor
    """,
    "a refund gives back what its order says": """
        SELECT o.id FROM loyalty_checkout o
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(r.amount_minor), 0) AS amount,
                coalesce(sum(r.of_subtotal_minor), 0) AS share,
                coalesce(sum(r.points_returned), 0) AS returned,
                coalesce(sum(r.points_taken_back + r.shortfall_points), 0) AS owed
            FROM loyalty_refund r WHERE r.checkout_id = o.id) given ON true
        WHERE (given.amount, given.share) <> (o.refunded_minor, o.refunded_of_subtotal_minor)
            OR given.returned > o.points_redeemed OR given.owed > o.points_earned
            OR o.state = 'refunded' AND o.loyalty = 'applied'
                AND (given.amount, given.returned, given.owed)
                    <> (o.total_minor, o.points_redeemed, o.points_earned)
    """,
    "a refund's points are in the transactions": """
        SELECT r.id FROM loyalty_refund r
        WHERE (r.points_returned, r.points_taken_back) <> (
            SELECT coalesce(sum(t.points) FILTER (WHERE t.reference_type = 'refund_spent'), 0),
                coalesce(-sum(t.points) FILTER (WHERE t.reference_type = 'refund_earned'), 0)
            FROM loyalty_loyaltytransaction t WHERE t.reference_id = r.id)
    """,
    "a card for points is paid for once, in points and in credit": """
        SELECT r.id FROM loyalty_reward r
        LEFT JOIN giftcards_giftcard g ON g.id = r.card_id
        LEFT JOIN credit_transaction m ON m.id = r.transaction_id
        WHERE r.state IN ('issued', 'delivered', 'confirmed') AND (
            -r.points IS DISTINCT FROM (SELECT sum(t.points) FROM loyalty_loyaltytransaction t
                WHERE t.reference_type = 'reward' AND t.reference_id = r.id)
            OR g.holder_kind IS DISTINCT FROM 'reward' OR g.holder_id IS DISTINCT FROM r.id
            OR r.charged_minor > 0 AND m.id IS NULL)
    """,
    "points are spent on nothing else": """
        SELECT t.id FROM loyalty_loyaltytransaction t
        WHERE t.reference_type = 'reward'
                AND NOT EXISTS (SELECT 1 FROM loyalty_reward r WHERE r.id = t.reference_id)
            OR t.reference_type = 'order'
                AND NOT EXISTS (SELECT 1 FROM loyalty_checkout o WHERE o.id = t.reference_id)
            OR t.reference_type IN ('refund_spent', 'refund_earned')
                AND NOT EXISTS (SELECT 1 FROM loyalty_refund r WHERE r.id = t.reference_id)
    """,
    "no card is held by a reward that is not there": """
        SELECT g.id FROM giftcards_giftcard g
        WHERE g.holder_kind = 'reward'
            AND NOT EXISTS (SELECT 1 FROM loyalty_reward r WHERE r.card_id = g.id)
    """,
    "what is set aside is what open orders bought": """
        SELECT s.id FROM loyalty_stockitem s
        WHERE s.reserved <> (SELECT coalesce(sum(l.quantity), 0) FROM loyalty_checkoutline l
            JOIN loyalty_checkout o ON o.id = l.checkout_id AND o.state = 'payment_unknown'
            WHERE l.stock_item_id = s.id)
    """,
    "a till's totals are those of its orders": """
        SELECT s.id FROM loyalty_registersession s
        WHERE (s.orders, s.sales_minor, s.refunds_minor, s.points_spent, s.points_earned) <> (
            SELECT count(*), coalesce(sum(o.total_minor), 0), coalesce(sum(o.refunded_minor), 0),
                coalesce(sum(o.points_redeemed) FILTER (WHERE o.loyalty = 'applied'), 0),
                coalesce(sum(o.points_earned) FILTER (WHERE o.loyalty = 'applied'), 0)
            FROM loyalty_checkout o WHERE o.register_session_id = s.id
                AND o.state NOT IN ('payment_unknown', 'declined'))
    """,
}  # fmt: skip


def broken_points() -> dict[str, list[Any]]:
    """Return the ids of whatever breaks a promise, by the promise; {} when all is well."""
    found = {}
    with connection.cursor() as cursor:
        for promise, query in PROMISES.items():
            cursor.execute(query)
            if broken := [key for (key,) in cursor.fetchall()]:
                found[promise] = broken
    return found


def sold_of(sku: str) -> int:
    """Return how many of an article paid orders took; what came back is not put on the shelf."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(l.quantity), 0) FROM loyalty_checkoutline l"
            " JOIN loyalty_checkout o ON o.id = l.checkout_id"
            " WHERE l.sku = %s AND o.state NOT IN ('payment_unknown', 'declined')",
            [sku],
        )
        (sold,) = cursor.fetchone()
    return int(sold)
