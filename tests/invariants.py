"""What is true of the whole database whenever nobody is in the middle of something."""

import contextlib
from collections.abc import Mapping
from typing import Any, Final

import psycopg

from tests.database import owner_url

# Each query returns the rows that break the promise its name makes. What the ledger promises by
# itself, whatever it is used for:
LEDGER: Final = {
    "every transaction sums to zero, in one currency": """
        SELECT t.id FROM credit_transaction t
        LEFT JOIN credit_entry e ON e.transaction_id = t.id
        LEFT JOIN credit_account a ON a.id = e.account_id
        GROUP BY t.id HAVING coalesce(sum(e.amount_minor), 1) <> 0 OR count(e.id) < 2
            OR count(DISTINCT a.currency) <> 1""",
    "every balance is the sum of its entries": """
        SELECT a.id FROM credit_account a LEFT JOIN credit_entry e ON e.account_id = a.id
        WHERE a.level <> 'platform'
        GROUP BY a.id HAVING credit_balance(a.id) <> coalesce(sum(e.amount_minor), 0)""",
    "every slot's balance is the sum of its entries": """
        SELECT s.id FROM credit_accountslot s JOIN credit_account a ON a.id = s.account_id
        LEFT JOIN credit_entry e ON (e.account_id, e.slot) = (s.account_id, s.slot)
        GROUP BY s.id, a.slot_count HAVING s.balance_minor <> coalesce(sum(e.amount_minor), 0)
            OR s.slot >= a.slot_count AND s.balance_minor <> 0""",
    "replayed by number, every balance is what its entry says, and never negative": """
        SELECT number FROM (
            SELECT number, balance_after_minor,
                sum(amount_minor) OVER (PARTITION BY account_id, slot ORDER BY number) AS replayed
            FROM credit_entry) e
        WHERE balance_after_minor <> replayed OR balance_after_minor < 0""",
    "credit goes down one level, from a parent to its child": """
        SELECT t.id FROM credit_transaction t WHERE t.kind IN ('issue', 'allocation')
            AND NOT EXISTS (SELECT 1 FROM credit_entry o JOIN credit_entry i USING (transaction_id)
                JOIN credit_account payee ON payee.id = i.account_id
                JOIN credit_account payer ON payer.id = payee.parent_id
                WHERE o.transaction_id = t.id AND o.account_id = payer.id
                    AND o.amount_minor < 0 AND i.amount_minor > 0
                    AND (payer.level = 'platform') = (t.kind = 'issue'))""",
    "what is held is what the open holds took": """
        SELECT a.id FROM credit_account a LEFT JOIN credit_entry e ON e.account_id = a.id
        LEFT JOIN credit_transaction h ON h.id = e.transaction_id AND h.kind = 'hold'
            AND NOT EXISTS (SELECT 1 FROM credit_transaction s WHERE s.settles_id = h.id)
        WHERE a.purpose = 'held' GROUP BY a.id
        HAVING coalesce(sum(e.amount_minor), 0)
            <> coalesce(sum(e.amount_minor) FILTER (WHERE h.id IS NOT NULL), 0)""",
    "a settlement settles what it may, and nobody gains by it": """
        SELECT s.id FROM credit_transaction s JOIN credit_transaction t ON t.id = s.settles_id
        WHERE CASE s.kind
                WHEN 'refund' THEN t.kind NOT IN ('redemption', 'capture', 'card_sale')
                WHEN 'adjustment' THEN false ELSE t.kind <> 'hold' END
            OR EXISTS (SELECT 1 FROM credit_entry e JOIN credit_account a ON a.id = e.account_id
                WHERE e.transaction_id IN (s.id, t.id, t.settles_id) AND s.kind <> 'card_sale'
                GROUP BY a.id HAVING CASE a.purpose WHEN 'held' THEN sum(e.amount_minor) <> 0
                    WHEN 'consumed' THEN sum(e.amount_minor) < 0
                    ELSE sum(e.amount_minor) > 0 END)""",
}
_REWARDS: Final = {
    "every charge names its debit, every debit its redemption": """
        SELECT coalesce(r.id, t.id) FROM redemption_redemption r
        FULL JOIN (SELECT t.id, sum(e.amount_minor) AS amount FROM credit_transaction t
            JOIN credit_entry e ON e.transaction_id = t.id
            JOIN credit_account a ON a.id = e.account_id AND a.purpose = 'consumed'
            WHERE t.kind = 'redemption' OR t.kind = 'capture' AND EXISTS (
                SELECT 1 FROM giftcards_providerorder o
                WHERE o.hold_id = t.settles_id AND o.holder_kind = 'redemption')
            GROUP BY t.id) t ON t.id = r.transaction_id
        WHERE (r.charged_minor > 0 OR t.id IS NOT NULL AND NOT (r.id IS NULL AND EXISTS (
                SELECT 1 FROM credit_transaction s WHERE s.settles_id = t.id)))
            AND (r.charged_minor = t.amount) IS NOT TRUE""",
    "every debit's reference names its redemption, and its client or agency pays": """
        SELECT t.id FROM credit_transaction t
        JOIN credit_entry e ON e.transaction_id = t.id AND e.amount_minor < 0
        JOIN credit_account a ON a.id = e.account_id
        LEFT JOIN redemption_redemption r ON r.transaction_id = t.id
        LEFT JOIN credit_client c ON c.id = r.client_id
        WHERE t.kind = 'redemption' AND NOT (r.id IS NULL
                AND EXISTS (SELECT 1 FROM credit_transaction s WHERE s.settles_id = t.id))
            AND (t.reference = format('redemption:%s:%s', r.id, r.debits)
            AND a.currency = r.currency AND (a.client_id = c.id
                OR a.level = 'agency' AND a.agency_id = c.agency_id)) IS NOT TRUE""",
    "every card in use has the redemption that holds it": """
        SELECT c.id FROM giftcards_giftcard c
        LEFT JOIN redemption_redemption r ON r.id = c.holder_id AND r.card_id = c.id
        WHERE c.status IN ('claimed', 'delivered', 'redeemed') AND r.id IS NULL""",
    "every issued redemption has a card in use, of its brand and value": """
        SELECT r.id FROM redemption_redemption r
        JOIN redemption_condition k ON k.id = r.condition_id
        LEFT JOIN giftcards_giftcard c ON c.id = r.card_id AND c.holder_id = r.id
        WHERE r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
            AND (c.value_minor = r.face_value_minor AND c.currency = r.currency
                AND c.brand_id = k.brand_id
                AND c.status IN ('claimed', 'delivered', 'redeemed')) IS NOT TRUE""",
    "a card that was shown is a card that was delivered, but for one that only staff has seen": """
        SELECT id FROM giftcards_giftcard c WHERE status = 'claimed' AND disclosed_at IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM credit_auditevent e
                WHERE e.action = 'card.revealed' AND e.object_id = c.id::text)""",
    "no redemption has another's card": """
        SELECT card_id FROM redemption_redemption
        WHERE state NOT IN ('failed', 'cancelled') AND card_id IS NOT NULL
        GROUP BY card_id HAVING count(*) > 1""",
    "what waits has taken neither card nor money": """
        SELECT id FROM redemption_redemption
        WHERE (state LIKE 'waiting%' OR state IN ('provisioning', 'unconfirmed'))
            AND (card_id IS NOT NULL OR transaction_id IS NOT NULL OR charged_minor IS NOT NULL)""",
    "who is being prepared has an order in work, and nobody else": """
        SELECT r.id FROM redemption_redemption r
        LEFT JOIN giftcards_providerorder o ON (o.holder_kind, o.holder_id) = ('redemption', r.id)
            AND o.state IN ('requested', 'unknown')
        WHERE r.state NOT IN ('issued', 'delivered', 'confirmed')
            AND (r.state IN ('provisioning', 'unconfirmed')) <> (o.id IS NOT NULL)""",
    "what was bought for somebody is theirs, for what was held, at what it cost": """
        SELECT o.id FROM giftcards_providerorder o
        JOIN redemption_redemption r ON (o.holder_kind, o.holder_id) = ('redemption', r.id)
        LEFT JOIN credit_transaction t ON t.id = r.transaction_id
        WHERE o.state = 'succeeded' AND o.card_gone_at IS NULL AND o.charge_minor > 0
            AND (r.card_id = o.card_id AND r.source = 'api' AND r.charged_minor = o.charge_minor
                AND t.settles_id = o.hold_id
                AND r.cost_minor = coalesce(o.cost_minor, r.cost_minor)) IS NOT TRUE""",
    "who waits for stock is in the queue, who was served is not": """
        SELECT r.id FROM redemption_redemption r
        LEFT JOIN redemption_pendingreward p ON p.redemption_id = r.id
        WHERE r.state = 'waiting_stock' AND (p.served_at IS NOT NULL OR p.id IS NULL)
            OR r.state IN ('issued', 'delivered', 'confirmed')
                AND p.id IS NOT NULL AND p.served_at IS NULL""",
    "nobody has two rewards for one condition": """
        SELECT recipient_id FROM redemption_redemption WHERE state <> 'failed'
        GROUP BY recipient_id, condition_id HAVING count(*) > 1""",
    "an available card was seen by nobody": """
        SELECT id FROM giftcards_giftcard WHERE status = 'available'
            AND (disclosed_at IS NOT NULL OR holder_id IS NOT NULL)""",
    "every card's state is where its events lead": """
        SELECT c.id FROM giftcards_giftcard c JOIN LATERAL (
            SELECT to_status FROM giftcards_cardevent e WHERE e.card_id = c.id
            ORDER BY e.id DESC LIMIT 1) last ON true
        WHERE last.to_status <> c.status""",
    "every redemption has one text of its reward when it is issued, and none before": """
        SELECT r.id FROM redemption_redemption r
        LEFT JOIN sms_message m ON m.reference_id = r.id AND m.purpose = 'reward'
        WHERE r.state NOT IN ('failed', 'cancelled')
        GROUP BY r.id HAVING count(m.id) <> CASE WHEN r.contact_method <> 'none'
            AND r.state IN ('issued', 'delivered', 'confirmed') THEN 1 ELSE 0 END""",
    "every text is about a redemption": """
        SELECT m.id FROM sms_message m LEFT JOIN redemption_redemption r ON r.id = m.reference_id
        WHERE m.reference_kind = 'redemption' AND r.id IS NULL""",
    "every redemption has its link": """
        SELECT r.id FROM redemption_redemption r
        LEFT JOIN redemption_reveallink l ON l.redemption_id = r.id
        WHERE l.redemption_id IS NULL""",
    "every sale that stands has all of its cards, one that was reversed none": """
        SELECT s.id FROM giftcards_cardsale s LEFT JOIN giftcards_giftcard c ON c.sale_id = s.id
        GROUP BY s.id HAVING count(c.id) <> CASE WHEN s.reversed_at IS NULL THEN s.quantity
            ELSE 0 END OR bool_or((c.pool_id, c.client_id) <> (s.pool_id, s.client_id))""",
    "every sale was paid by its client, so much for each card, and is refunded when reversed": """
        SELECT coalesce(s.id, t.id) FROM giftcards_cardsale s
        FULL JOIN (SELECT t.id, -sum(e.amount_minor) AS amount,
                array_agg(DISTINCT a.client_id) AS payers
            FROM credit_transaction t
            JOIN credit_entry e ON e.transaction_id = t.id AND e.amount_minor < 0
            JOIN credit_account a ON a.id = e.account_id
            WHERE t.kind = 'card_sale' GROUP BY t.id) t ON t.id = s.transaction_id
        LEFT JOIN credit_transaction back ON back.settles_id = t.id
        WHERE (t.amount = s.quantity * s.price_per_card_minor AND t.payers = ARRAY[s.client_id]
            AND back.id IS NOT DISTINCT FROM s.refund_id) IS NOT TRUE""",
    "what is redeemed is charged, but where its client had bought one of its cards": """
        SELECT r.id FROM redemption_redemption r JOIN giftcards_giftcard c ON c.id = r.card_id
        WHERE r.state IN ('issued', 'delivered', 'confirmed')
            AND (r.charged_minor = 0) IS DISTINCT FROM (c.sale_id IS NOT NULL OR EXISTS (
                SELECT 1 FROM redemption_replacement x
                JOIN giftcards_giftcard old ON old.id = x.old_card_id
                WHERE x.redemption_id = r.id AND old.sale_id IS NOT NULL))""",
    "what has ended holds no card": """
        SELECT r.id FROM redemption_redemption r JOIN giftcards_giftcard c
            ON c.holder_kind = 'redemption' AND c.holder_id = r.id AND c.status <> 'void'
        WHERE r.state IN ('failed', 'cancelled')""",
    "what was taken back is refunded exactly when nobody may have seen a code of it": """
        SELECT r.id FROM redemption_redemption r
        LEFT JOIN credit_transaction s ON s.settles_id = r.transaction_id AND s.kind = 'refund'
        WHERE r.state IN ('failed', 'cancelled') AND r.transaction_id IS NOT NULL
            AND (s.id IS NULL) IS DISTINCT FROM EXISTS (SELECT 1 FROM giftcards_giftcard c
                WHERE c.holder_id = r.id AND c.disclosed_at IS NOT NULL AND NOT EXISTS (
                    -- An operator looked at it when it was void already.
                    SELECT 1 FROM credit_auditevent a
                    WHERE a.action = 'card.revealed' AND a.object_id = c.id::text
                        AND a.details #>> '{before,status}' = 'void' AND a.at = c.disclosed_at))""",
    "what stands is not refunded": """
        SELECT r.id FROM redemption_redemption r
        JOIN credit_transaction s ON s.settles_id = r.transaction_id
        WHERE r.state IN ('issued', 'delivered', 'confirmed')""",
    "an exchanged card is void, and its redemption has the last one": """
        SELECT x.redemption_id FROM redemption_replacement x
        JOIN giftcards_giftcard old ON old.id = x.old_card_id
        JOIN redemption_redemption r ON r.id = x.redemption_id
        WHERE old.status <> 'void' OR old.holder_id <> x.redemption_id
            OR r.state IN ('issued', 'delivered', 'confirmed') AND r.card_id <> (
                SELECT y.new_card_id FROM redemption_replacement y
                WHERE y.redemption_id = r.id ORDER BY y.id DESC LIMIT 1)""",
    "every step of a card says who took it": """
        SELECT e.id FROM giftcards_cardevent e WHERE e.actor = ''
            OR e.to_status IN ('available', 'quarantined') AND e.actor LIKE 'database:%'""",
    "every key that was answered leads to what it stands for": """
        SELECT i.id FROM credit_idempotencyrecord i
        LEFT JOIN redemption_redemption r ON r.id = i.object_id
        LEFT JOIN credit_transaction t ON t.id = i.object_id
        LEFT JOIN giftcards_cardsale s ON s.id = i.object_id
        LEFT JOIN giftcards_cardbatch b ON b.id = i.object_id
        LEFT JOIN redemption_recipientbatch p ON p.id = i.object_id
        WHERE i.status IN (201, 202) AND r.id IS NULL AND t.id IS NULL
            AND s.id IS NULL AND b.id IS NULL AND p.id IS NULL""",
    "of an upload of people nobody is there unless it was imported": """
        SELECT r.id FROM redemption_recipient r
        JOIN redemption_recipientbatch b ON b.id = r.batch_id
        WHERE b.state <> 'imported'""",
}
INVARIANTS: Final = LEDGER | _REWARDS


def broken_invariants(
    connection: psycopg.Connection[Any] | None = None,
    promises: Mapping[str, str] = INVARIANTS,
) -> dict[str, list[str]]:
    """Return the promises that do not hold, each with the ids that break it.

    :param connection: one that sees what is not committed; a new one when not given.
    """
    broken: dict[str, list[str]] = {}
    with contextlib.ExitStack() as stack:
        connection = connection or stack.enter_context(psycopg.connect(owner_url()))
        for name, query in promises.items():
            rows = connection.execute(query).fetchall()
            if rows:
                broken[name] = [str(row[0]) for row in rows]
    return broken
