"""A redemption and what was paid for it agree."""

from __future__ import annotations

from typing import Final

from alerts.selectors.invariants import Invariant

MONEY: Final = (
    Invariant(
        name="charges-and-debits",
        sentence="Every charge names its debit, of that amount; every debit has its redemption.",
        things="redemption or transaction",
        query="""
            SELECT coalesce(r.id, t.id) FROM redemption_redemption r
            FULL JOIN (SELECT t.id, sum(e.amount_minor) AS amount FROM credit_transaction t
                JOIN credit_entry e ON e.transaction_id = t.id
                JOIN credit_account a ON a.id = e.account_id AND a.purpose = 'consumed'
                WHERE t.kind = 'redemption' AND NOT starts_with(t.reference, 'reward:')
                    OR t.kind = 'capture' AND EXISTS (
                    SELECT 1 FROM giftcards_providerorder o
                    WHERE o.hold_id = t.settles_id AND o.holder_kind = 'redemption')
                GROUP BY t.id) t ON t.id = r.transaction_id
            WHERE (r.charged_minor > 0 OR t.id IS NOT NULL AND NOT (r.id IS NULL AND EXISTS (
                    SELECT 1 FROM credit_transaction s WHERE s.settles_id = t.id)))
                AND (r.charged_minor = t.amount) IS NOT TRUE""",
    ),
    Invariant(
        name="debits-name-their-redemption",
        sentence="A debit's reference names its redemption.",
        things="transaction",
        query="""
            SELECT t.id FROM credit_transaction t
            JOIN redemption_redemption r ON r.transaction_id = t.id
            WHERE t.kind = 'redemption'
                AND t.reference <> 'redemption:' || r.id || ':' || r.debits""",
    ),
    Invariant(
        name="debits-are-the-clients",
        sentence="What a redemption was charged its own client or agency has paid.",
        things="transaction",
        query="""
            SELECT r.transaction_id FROM redemption_redemption r
            JOIN credit_client c ON c.id = r.client_id
            JOIN credit_transaction t ON t.id = r.transaction_id
            JOIN credit_entry e ON e.amount_minor < 0 AND e.transaction_id = CASE t.kind
                WHEN 'capture' THEN t.settles_id ELSE t.id END
            JOIN credit_account a ON a.id = e.account_id
            WHERE (a.currency = r.currency AND (a.client_id = c.id
                OR a.level = 'agency' AND a.agency_id = c.agency_id)) IS NOT TRUE""",
    ),
    Invariant(
        name="charged-unless-bought-before",
        sentence="What is redeemed is charged, but where its client had bought one of its cards.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r JOIN giftcards_giftcard c ON c.id = r.card_id
            WHERE r.state IN ('issued', 'delivered', 'confirmed')
                AND (r.charged_minor = 0) IS DISTINCT FROM (c.sale_id IS NOT NULL OR EXISTS (
                    SELECT 1 FROM redemption_replacement x
                    JOIN giftcards_giftcard old ON old.id = x.old_card_id
                    WHERE x.redemption_id = r.id AND old.sale_id IS NOT NULL))""",
    ),
    Invariant(
        name="taken-back-is-refunded",
        sentence="What was taken back is refunded exactly when nobody may have seen a code of it.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r
            LEFT JOIN credit_transaction s ON s.settles_id = r.transaction_id
                AND s.kind = 'refund'
            WHERE r.state IN ('failed', 'cancelled') AND r.transaction_id IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM credit_transaction a
                    WHERE a.settles_id = r.transaction_id AND a.kind = 'adjustment')
                AND (s.id IS NULL) IS DISTINCT FROM EXISTS (SELECT 1 FROM giftcards_giftcard c
                    WHERE c.holder_id = r.id AND c.disclosed_at IS NOT NULL AND NOT EXISTS (
                        -- An operator looked at it when it was void already.
                        SELECT 1 FROM credit_auditevent a
                        WHERE a.action = 'card.revealed' AND a.object_id = c.id::text
                            AND a.details #>> '{before,status}' = 'void'
                            AND a.at = c.disclosed_at))""",
    ),
    Invariant(
        name="what-stands-is-not-refunded",
        sentence="What stands is not refunded.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r
            JOIN credit_transaction s ON s.settles_id = r.transaction_id
            WHERE r.state IN ('issued', 'delivered', 'confirmed') AND s.kind = 'refund'""",
    ),
    Invariant(
        name="bought-is-theirs",
        sentence="What was bought for somebody is theirs, for what was held, at what it cost.",
        things="order",
        query="""
            SELECT o.id FROM giftcards_providerorder o
            JOIN redemption_redemption r ON (o.holder_kind, o.holder_id) = ('redemption', r.id)
            LEFT JOIN credit_transaction t ON t.id = r.transaction_id
            WHERE o.state = 'succeeded' AND o.card_gone_at IS NULL AND o.charge_minor > 0
                AND (r.card_id = o.card_id AND r.source = 'api'
                    AND r.charged_minor = o.charge_minor AND t.settles_id = o.hold_id
                    AND r.cost_minor = coalesce(o.cost_minor, r.cost_minor)) IS NOT TRUE""",
    ),
)
