"""Does the ledger add up just now? The cheap part of the nightly audit, for every few minutes.

An account's balance is compared with what its newest entry says, by the index of its statement;
of the entries only the newest are looked at. So it takes milliseconds however long the ledger is,
and what went wrong further back is left to the audit.
"""

from __future__ import annotations

from typing import Final

from django.db import connection

# So many entries back; a busy day has more, but each is looked at soon after it was written.
_NEWEST: Final = 5_000
_EXAMPLES: Final = 20

_CHECKS: Final = {
    "An account does not hold what its last entry says": """
        SELECT format('account %%s: %%s instead of %%s', a.id, a.balance_minor,
            coalesce(e.balance_after_minor, 0))
        FROM credit_account a LEFT JOIN LATERAL (
            SELECT balance_after_minor FROM credit_entry
            WHERE account_id = a.id AND slot IS NULL ORDER BY number DESC LIMIT 1) e ON true
        WHERE a.level <> 'platform' AND a.slot_count = 0
            AND a.balance_minor IS DISTINCT FROM coalesce(e.balance_after_minor, 0)
    """,
    "A slot does not hold what its last entry says": """
        SELECT format('account %%s slot %%s: %%s instead of %%s', s.account_id, s.slot,
            s.balance_minor, coalesce(e.balance_after_minor, 0))
        FROM credit_accountslot s LEFT JOIN LATERAL (
            SELECT balance_after_minor FROM credit_entry
            WHERE account_id = s.account_id AND slot = s.slot ORDER BY number DESC LIMIT 1) e
            ON true
        WHERE s.balance_minor IS DISTINCT FROM coalesce(e.balance_after_minor, 0)
    """,
    "A slot beyond those in use holds money": """
        SELECT format('account %%s slot %%s: %%s', s.account_id, s.slot, s.balance_minor)
        FROM credit_accountslot s JOIN credit_account a ON a.id = s.account_id
        WHERE s.slot >= a.slot_count AND s.balance_minor <> 0
    """,
    "An entry's balance after it does not follow from the entry before": """
        SELECT format('entry %%s: %%s instead of %%s', number, balance_after_minor, expected)
        FROM (
            SELECT e.number, e.balance_after_minor, e.amount_minor + lag(e.balance_after_minor)
                OVER (PARTITION BY e.account_id, e.slot ORDER BY e.number) AS expected
            FROM (SELECT * FROM credit_entry ORDER BY number DESC LIMIT %(newest)s) e
            JOIN credit_account a ON a.id = e.account_id AND a.level <> 'platform') chained
        WHERE expected <> balance_after_minor
    """,
    "A transaction does not sum to zero": """
        SELECT format('transaction %%s: %%s', e.transaction_id, sum(e.amount_minor))
        FROM credit_entry e WHERE e.transaction_id IN (
            SELECT transaction_id FROM credit_entry ORDER BY number DESC LIMIT %(newest)s)
        GROUP BY e.transaction_id HAVING sum(e.amount_minor) <> 0 OR count(*) < 2
    """,
}


def find_drift() -> list[tuple[str, list[str]]]:
    """Return what does not add up, each way with its first examples; nothing where all does.

    The caller reads as of one moment: an account and its entry are written together.
    """
    found = []
    for sentence, query in _CHECKS.items():
        with connection.cursor() as cursor:
            cursor.execute(f"{query} ORDER BY 1 LIMIT {_EXAMPLES}", {"newest": _NEWEST})
            faults = [fault for (fault,) in cursor.fetchall()]
        if faults:
            found.append((sentence, faults))
    return found
