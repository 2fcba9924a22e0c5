"""What is true of the ledger and of its accounts: Note [Invariant]."""

from __future__ import annotations

from typing import Final

from alerts.selectors.invariants import Invariant
from credit.selectors.ledger_checks import LEDGER_CHECKS

# An account that is not split has no part but itself, which account-balances looks at.
_NARROWED: Final = {"account-slots": " WHERE id LIKE '%%slot%%'"}

_LEDGER: Final = tuple(
    Invariant(
        name=check.name,
        sentence=check.promise,
        things=check.thing,
        # A query of an invariant has parameters, so its percent signs are doubled.
        query=f"SELECT id::text FROM ({check.query.replace('%', '%%')})"  # noqa: S608  ours
        f" faults (id, expected, found){_NARROWED.get(check.name, '')}",
    )
    for check in LEDGER_CHECKS
)
INVARIANTS: Final = (
    *_LEDGER,
    Invariant(
        name="credit-one-level-down",
        sentence="Credit goes down one level, from a parent to its child.",
        things="transaction",
        query="""
            SELECT t.id FROM credit_transaction t WHERE t.kind IN ('issue', 'allocation')
                AND NOT EXISTS (
                    SELECT 1 FROM credit_entry o JOIN credit_entry i USING (transaction_id)
                    JOIN credit_account payee ON payee.id = i.account_id
                    JOIN credit_account payer ON payer.id = payee.parent_id
                    WHERE o.transaction_id = t.id AND o.account_id = payer.id
                        AND o.amount_minor < 0 AND i.amount_minor > 0
                        AND (payer.level = 'platform') = (t.kind = 'issue'))""",
    ),
    Invariant(
        name="held-is-what-holds-took",
        sentence="What the platform holds for orders is what the open holds took, each by itself.",
        things="transaction",
        # Of a hold and what settled it, what is left on the account of what is held.
        query="""
            SELECT coalesce(t.settles_id, t.id) FROM credit_account a
            JOIN credit_entry e ON e.account_id = a.id
            JOIN credit_transaction t ON t.id = e.transaction_id
            WHERE a.purpose = 'held' GROUP BY 1
            HAVING sum(e.amount_minor) <> coalesce(
                sum(e.amount_minor) FILTER (WHERE t.kind = 'hold'
                    AND NOT EXISTS (SELECT 1 FROM credit_transaction s WHERE s.settles_id = t.id)),
                0)""",
    ),
    Invariant(
        name="settlements-settle-what-they-may",
        sentence="A refund settles a charge, a capture or release a hold, and nobody gains by it.",
        things="transaction",
        query="""
            SELECT s.id FROM credit_transaction s JOIN credit_transaction t ON t.id = s.settles_id
            WHERE CASE s.kind
                    WHEN 'refund' THEN t.kind NOT IN ('redemption', 'capture', 'card_sale')
                    WHEN 'adjustment' THEN false ELSE t.kind <> 'hold' END""",
    ),
    Invariant(
        name="accounts-of-one-owner",
        sentence="An account stands one level below its parent, with the same owner and currency.",
        things="account",
        query="""
            SELECT a.id FROM credit_account a JOIN credit_account p ON p.id = a.parent_id
            LEFT JOIN credit_client c ON c.id = a.client_id
            WHERE p.purpose <> 'credit' OR p.currency <> a.currency
                OR p.level <> CASE a.level WHEN 'agency' THEN 'platform' WHEN 'client' THEN 'agency'
                    WHEN 'campaign' THEN 'client' ELSE '' END
                OR p.agency_id <> a.agency_id OR p.client_id <> a.client_id
                OR c.agency_id <> a.agency_id""",
    ),
)
