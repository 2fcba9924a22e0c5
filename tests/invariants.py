"""What is true of the whole database whenever nobody is in the middle of something."""

from typing import Final

import psycopg

from tests.database import owner_url

# Each query returns the rows that break the promise its name makes.
INVARIANTS: Final = {
    "every transaction sums to zero": """
        SELECT transaction_id FROM credit_entry GROUP BY transaction_id
        HAVING sum(amount_minor) <> 0 OR count(*) < 2""",
    "every balance is the sum of its entries": """
        SELECT a.id FROM credit_account a LEFT JOIN credit_entry e ON e.account_id = a.id
        WHERE a.balance_minor IS NOT NULL
        GROUP BY a.id HAVING a.balance_minor <> coalesce(sum(e.amount_minor), 0)""",
    "replayed by number, every balance is what its entry says, and never negative": """
        SELECT number FROM (
            SELECT number, balance_after_minor,
                sum(amount_minor) OVER (PARTITION BY account_id ORDER BY number) AS replayed
            FROM credit_entry) e
        WHERE balance_after_minor <> replayed OR balance_after_minor < 0""",
    "every charge names its debit, every debit its redemption": """
        SELECT coalesce(r.id, t.id) FROM redemption_redemption r
        FULL JOIN (SELECT t.id, -e.amount_minor AS amount FROM credit_transaction t
            JOIN credit_entry e ON e.transaction_id = t.id AND e.amount_minor < 0
            WHERE t.kind = 'redemption') t ON t.id = r.transaction_id
        WHERE (r.charged_minor > 0 OR t.id IS NOT NULL)
            AND (r.charged_minor = t.amount) IS NOT TRUE""",
    "every card in use has the redemption that holds it": """
        SELECT c.id FROM giftcards_giftcard c
        LEFT JOIN redemption_redemption r ON r.id = c.holder_id AND r.card_id = c.id
        WHERE c.status IN ('claimed', 'delivered', 'redeemed') AND r.id IS NULL""",
    "every issued redemption has a card of its value": """
        SELECT r.id FROM redemption_redemption r
        LEFT JOIN giftcards_giftcard c ON c.id = r.card_id AND c.holder_id = r.id
        WHERE r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
            AND (c.value_minor = r.face_value_minor) IS NOT TRUE""",
    "what waits has taken neither card nor money": """
        SELECT id FROM redemption_redemption WHERE state LIKE 'waiting%'
            AND (card_id IS NOT NULL OR transaction_id IS NOT NULL OR charged_minor IS NOT NULL)""",
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
    "every issued redemption that asked for a text has one": """
        SELECT r.id FROM redemption_redemption r
        LEFT JOIN sms_message m ON m.reference_id = r.id AND m.purpose = 'reward'
        WHERE r.state IN ('issued', 'delivered', 'confirmed')
            AND r.contact_method <> 'none' AND m.id IS NULL""",
}


def broken_invariants() -> dict[str, list[str]]:
    """Return the promises that do not hold, each with the ids that break it."""
    broken: dict[str, list[str]] = {}
    with psycopg.connect(owner_url()) as connection:
        for name, query in INVARIANTS.items():
            rows = connection.execute(query).fetchall()
            if rows:
                broken[name] = [str(row[0]) for row in rows]
    return broken
