"""What is true of points, articles, tills and gift cards for points: Note [Invariant]."""

from __future__ import annotations

from typing import Final

from alerts.selectors.invariants import Invariant

INVARIANTS: Final = (
    Invariant(
        name="points-in-a-chain",
        sentence="Each change of points begins where the one before ended, without a gap.",
        things="points transaction",
        query="""
            SELECT id FROM (SELECT t.*, row_number() OVER w AS counted,
                    lag(t.balance_after, 1, 0::bigint) OVER w AS ended
                FROM loyalty_loyaltytransaction t
                WINDOW w AS (PARTITION BY t.customer_id ORDER BY t.number)) chain
            WHERE (number, balance_before) <> (counted, ended)
                OR balance_after <> balance_before + points""",
    ),
    Invariant(
        name="points-balances",
        sentence="A customer's points are what the last change left, and the sum of them all.",
        things="customer",
        query="""
            SELECT c.id FROM loyalty_customer c
            LEFT JOIN (SELECT customer_id, count(*) AS number, sum(points) AS points,
                    (array_agg(balance_after ORDER BY number DESC))[1] AS last
                FROM loyalty_loyaltytransaction GROUP BY customer_id) t ON t.customer_id = c.id
            WHERE c.transactions <> coalesce(t.number, 0)
                OR c.points_balance <> coalesce(t.points, 0)
                OR c.points_balance <> coalesce(t.last, 0)""",
    ),
    Invariant(
        name="points-held",
        sentence="Held are just the points of what is not settled yet, and no more than there are.",
        things="customer",
        query="""
            SELECT c.id FROM loyalty_customer c
            LEFT JOIN (SELECT customer_id, sum(points_redeemed) AS points FROM loyalty_checkout
                WHERE loyalty = 'pending' GROUP BY customer_id) o ON o.customer_id = c.id
            LEFT JOIN (SELECT customer_id, sum(points) AS points FROM loyalty_reward
                WHERE state IN ('provisioning', 'unconfirmed')
                GROUP BY customer_id) r ON r.customer_id = c.id
            WHERE c.points_held <> coalesce(o.points, 0) + coalesce(r.points, 0)
                OR c.points_held > c.points_balance""",
    ),
    Invariant(
        name="points-of-a-lifetime",
        sentence="A lifetime's points are those earned, less those taken back.",
        things="customer",
        query="""
            SELECT c.id FROM loyalty_customer c
            LEFT JOIN (SELECT customer_id, sum(points) AS points FROM loyalty_loyaltytransaction
                WHERE type = 'earned' OR reference_type = 'refund_earned'
                GROUP BY customer_id) t ON t.customer_id = c.id
            WHERE c.lifetime_points <> coalesce(t.points, 0) OR c.lifetime_points < 0""",
    ),
    Invariant(
        name="points-of-orders",
        sentence="The points of a paid checkout are applied once, or owed.",
        things="checkout",
        query="""
            SELECT o.id FROM loyalty_checkout o
            LEFT JOIN (SELECT reference_id, -sum(points) FILTER (WHERE type = 'spent') AS spent,
                    sum(points) FILTER (WHERE type = 'earned') AS earned
                FROM loyalty_loyaltytransaction WHERE reference_type = 'order'
                GROUP BY reference_id) t ON t.reference_id = o.id
            LEFT JOIN loyalty_reconciliationitem i ON i.checkout_id = o.id AND NOT i.resolved
            WHERE (coalesce(t.spent, 0), coalesce(t.earned, 0)) <> (
                    CASE o.loyalty WHEN 'applied' THEN o.points_redeemed ELSE 0 END,
                    CASE o.loyalty WHEN 'applied' THEN o.points_earned ELSE 0 END)
                OR (o.loyalty = 'pending' AND o.state <> 'payment_unknown') <> (i.id IS NOT NULL)
            """,
    ),
    Invariant(
        name="articles-set-aside",
        sentence="Set aside are just the articles of checkouts whose payment is not known.",
        things="article",
        query="""
            SELECT s.id FROM loyalty_stockitem s
            LEFT JOIN (SELECT l.stock_item_id, sum(l.quantity) AS quantity
                FROM loyalty_checkoutline l JOIN loyalty_checkout o ON o.id = l.checkout_id
                WHERE o.state = 'payment_unknown' GROUP BY l.stock_item_id) l
                ON l.stock_item_id = s.id
            WHERE s.reserved <> coalesce(l.quantity, 0) OR s.on_hand < s.reserved""",
    ),
    Invariant(
        name="totals-of-tills",
        sentence="What went over a till is the sum of its checkouts.",
        things="session",
        query="""
            SELECT s.id FROM loyalty_registersession s
            LEFT JOIN (SELECT register_session_id, count(*) AS orders, sum(total_minor) AS sales,
                    sum(refunded_minor) AS refunds,
                    sum(points_redeemed) FILTER (WHERE loyalty = 'applied') AS spent,
                    sum(points_earned) FILTER (WHERE loyalty = 'applied') AS earned
                FROM loyalty_checkout WHERE state NOT IN ('payment_unknown', 'declined')
                GROUP BY register_session_id) o ON o.register_session_id = s.id
            WHERE (s.orders, s.sales_minor, s.refunds_minor, s.points_spent, s.points_earned) <>
                (coalesce(o.orders, 0), coalesce(o.sales, 0), coalesce(o.refunds, 0),
                coalesce(o.spent, 0), coalesce(o.earned, 0))""",
    ),
    Invariant(
        name="rewards-cost-their-points",
        sentence="A gift card for points has cost its points once; one that failed none.",
        things="reward",
        query="""
            SELECT coalesce(r.id, t.reference_id) FROM loyalty_reward r
            FULL JOIN (SELECT reference_id, -sum(points) AS points
                FROM loyalty_loyaltytransaction WHERE reference_type = 'reward'
                GROUP BY reference_id) t ON t.reference_id = r.id
            WHERE r.id IS NULL OR coalesce(t.points, 0) <> CASE
                WHEN r.state IN ('issued', 'delivered', 'confirmed') THEN r.points ELSE 0 END""",
    ),
    Invariant(
        name="cards-for-points",
        sentence="A gift card for points is held by its reward, of its value, and no other is.",
        things="reward or card",
        query="""
            SELECT coalesce(r.id, c.id) FROM (SELECT * FROM loyalty_reward
                WHERE state IN ('issued', 'delivered', 'confirmed')) r
            FULL JOIN (SELECT * FROM giftcards_giftcard WHERE holder_kind = 'reward'
                AND status IN ('claimed', 'delivered', 'redeemed')) c ON c.holder_id = r.id
            WHERE (c.id = r.card_id AND c.value_minor = r.face_value_minor
                AND c.currency = r.currency) IS NOT TRUE""",
    ),
    Invariant(
        name="rewards-and-debits",
        sentence="Every charge of a gift card for points names its debit, of that amount.",
        things="reward or transaction",
        query="""
            SELECT coalesce(r.id, t.id) FROM loyalty_reward r
            FULL JOIN (SELECT t.id, t.kind, t.reference, sum(e.amount_minor) AS amount
                FROM credit_transaction t
                JOIN credit_entry e ON e.transaction_id = t.id
                JOIN credit_account a ON a.id = e.account_id AND a.purpose = 'consumed'
                WHERE t.kind = 'redemption' AND starts_with(t.reference, 'reward:')
                    OR t.kind = 'capture' AND EXISTS (SELECT 1 FROM giftcards_providerorder o
                        WHERE o.hold_id = t.settles_id AND o.holder_kind = 'reward')
                GROUP BY t.id) t ON t.id = r.transaction_id
            WHERE (r.charged_minor > 0 OR t.id IS NOT NULL AND NOT (r.id IS NULL AND EXISTS (
                    SELECT 1 FROM credit_transaction s WHERE s.settles_id = t.id)))
                AND (r.charged_minor = t.amount
                    AND (t.kind = 'capture' OR t.reference = 'reward:' || r.id)) IS NOT TRUE""",
    ),
)
