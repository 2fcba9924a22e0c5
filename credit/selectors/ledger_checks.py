"""What the ledger promises by itself, each as the query of what breaks it.

The audit (``credit/selectors/ledger_audit.py``) prints the figures of each, ``manage.py verify``
the ids (``credit/selectors/invariants.py``).
"""

from __future__ import annotations

import dataclasses
from typing import Final


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCheck:
    """One way in which the ledger may not add up.

    :param fault: what is wrong, in words.
    :param promise: what is true otherwise.
    :param query: of (id, expected, found) for each time it is wrong.
    """

    name: str
    thing: str
    fault: str
    promise: str
    query: str


LEDGER_CHECKS: Final = (
    LedgerCheck(
        name="account-balances",
        thing="account",
        fault="An account's balance is not the sum of its entries",
        promise="Every account's balance is the sum of its entries.",
        query="""
        SELECT a.id, coalesce(e.total, 0), a.balance
        FROM (SELECT id, credit_balance(id) AS balance FROM credit_account
            WHERE level <> 'platform') a
        LEFT JOIN (SELECT account_id, sum(amount_minor) AS total FROM credit_entry
            GROUP BY account_id) e ON e.account_id = a.id
        WHERE a.balance IS DISTINCT FROM coalesce(e.total, 0)""",
    ),
    LedgerCheck(
        name="account-slots",
        thing="account",
        fault="A part of an account does not hold the sum of its own entries",
        promise="Every slot of a split account holds the sum of its own entries.",
        query="""
        SELECT format('%s %s', account_id, coalesce('slot ' || nullif(slot, -1), 'itself')),
            coalesce(e.total, 0), p.balance
        FROM (
            SELECT account_id, slot::integer AS slot, balance_minor AS balance
                FROM credit_accountslot
            UNION ALL
            SELECT id, -1, CASE WHEN slot_count = 0 THEN balance_minor ELSE 0 END
                FROM credit_account WHERE level <> 'platform'
        ) p FULL JOIN (
            SELECT e.account_id, coalesce(e.slot, -1)::integer AS slot,
                sum(e.amount_minor) AS total
            FROM credit_entry e LEFT JOIN credit_account a ON a.id = e.account_id
            WHERE a.level <> 'platform' OR e.slot IS NOT NULL
            GROUP BY 1, 2
        ) e USING (account_id, slot)
        WHERE p.balance IS DISTINCT FROM coalesce(e.total, 0)""",
    ),
    LedgerCheck(
        name="slots-out-of-use",
        thing="account",
        fault="A slot beyond those in use holds money",
        promise="A slot that is not in use holds no money.",
        query="""
        SELECT format('%s slot %s', s.account_id, s.slot), 0, s.balance_minor
        FROM credit_accountslot s JOIN credit_account a ON a.id = s.account_id
        WHERE s.slot >= a.slot_count AND s.balance_minor <> 0""",
    ),
    LedgerCheck(
        name="entries-in-a-chain",
        thing="entry",
        fault="An entry's balance after it does not follow from the entry before",
        promise="Replayed by number, each balance follows from the one before; none is negative.",
        query="""
        SELECT number, expected, balance_after_minor FROM (
            SELECT e.number, e.balance_after_minor, CASE WHEN a.level <> 'platform' THEN
                    e.amount_minor + coalesce(lag(e.balance_after_minor) OVER chain, 0) END
                    AS expected
            FROM credit_entry e JOIN credit_account a ON a.id = e.account_id
            WINDOW chain AS (PARTITION BY e.account_id, e.slot ORDER BY e.number)) chained
        WHERE expected IS DISTINCT FROM balance_after_minor
            OR balance_after_minor < 0""",
    ),
    LedgerCheck(
        name="entries-complete",
        thing="entry",
        fault="An entry's account or transaction is not there",
        promise="Every entry has its account and its transaction.",
        query="""
        SELECT e.number, NULL, e.amount_minor FROM credit_entry e
        LEFT JOIN credit_account a ON a.id = e.account_id
        LEFT JOIN credit_transaction t ON t.id = e.transaction_id
        WHERE a.id IS NULL OR t.id IS NULL""",
    ),
    LedgerCheck(
        name="transactions-sum-to-zero",
        thing="transaction",
        fault="A transaction does not sum to zero",
        promise="Every transaction has two sides at least, and sums to zero.",
        query="""
        SELECT t.id, 0, e.total FROM credit_transaction t
        LEFT JOIN (SELECT transaction_id, count(*) AS sides, sum(amount_minor) AS total
            FROM credit_entry GROUP BY transaction_id) e ON e.transaction_id = t.id
        WHERE e.total IS DISTINCT FROM 0 OR e.sides < 2""",
    ),
    LedgerCheck(
        name="transactions-one-currency",
        thing="transaction",
        fault="A transaction has more than one currency",
        promise="Every transaction is in one currency.",
        query="""
        SELECT e.transaction_id, 1, count(DISTINCT a.currency)
        FROM credit_entry e JOIN credit_account a ON a.id = e.account_id
        GROUP BY e.transaction_id HAVING count(DISTINCT a.currency) > 1""",
    ),
    LedgerCheck(
        name="settled-once",
        thing="transaction",
        fault="A transaction is settled more than once",
        promise="No transaction is settled twice.",
        query="""
        SELECT settles_id, 1, count(*) FROM credit_transaction
        WHERE settles_id IS NOT NULL GROUP BY settles_id HAVING count(*) > 1""",
    ),
    LedgerCheck(
        name="settlements-within",
        thing="transaction",
        fault="A settlement gives back more than was taken",
        promise="No settlement gives back more than was taken.",
        query="""
        SELECT b.transaction_id, -coalesce(t.total, 0), b.total
        FROM (SELECT s.id AS transaction_id, s.settles_id, e.account_id,
                sum(e.amount_minor) AS total
            FROM credit_transaction s JOIN credit_entry e ON e.transaction_id = s.id
            JOIN credit_account a ON a.id = e.account_id
            WHERE s.settles_id IS NOT NULL AND a.level <> 'platform'
            GROUP BY s.id, s.settles_id, e.account_id HAVING sum(e.amount_minor) > 0) b
        JOIN credit_transaction settled ON settled.id = b.settles_id
        -- What a capture used up was taken by its hold.
        LEFT JOIN LATERAL (SELECT sum(e.amount_minor) AS total FROM credit_entry e
            WHERE e.transaction_id IN (settled.id, settled.settles_id)
                AND e.account_id = b.account_id) t ON true
        WHERE b.total > -coalesce(t.total, 0)""",
    ),
)
