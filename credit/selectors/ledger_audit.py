"""Does the ledger add up? Read set by set, so that memory does not grow with the ledger.

The caller opens the ``snapshot()`` in which all of it is read, so as of one moment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db import connection

# So many of what is wrong in one way are shown; all are counted.
EXAMPLES: Final = 20
_ROWS_AT_ONCE: Final = 500

_ACCOUNTS: Final = """
    SELECT a.id, a.level, a.name, a.currency, coalesce(e.entries, 0), credit_balance(a.id),
        coalesce(e.total, 0)
    FROM credit_account a LEFT JOIN (
        SELECT account_id, count(*) AS entries, sum(amount_minor) AS total
        FROM credit_entry GROUP BY account_id) e ON e.account_id = a.id
    ORDER BY a.currency, array_position(ARRAY['platform', 'agency', 'client', 'campaign'],
        a.level::text), a.name, a.id
"""

# What is wrong, and a query of (subject, expected, found) for each time it is.
_CHECKS: Final = {
    "An account's balance is not the sum of its entries": """
        SELECT format('account %s', a.id), coalesce(e.total, 0), a.balance
        FROM (SELECT id, credit_balance(id) AS balance FROM credit_account
            WHERE level <> 'platform') a
        LEFT JOIN (SELECT account_id, sum(amount_minor) AS total FROM credit_entry
            GROUP BY account_id) e ON e.account_id = a.id
        WHERE a.balance IS DISTINCT FROM coalesce(e.total, 0)""",
    "A part of an account does not hold the sum of its own entries": """
        SELECT format('account %s %s', account_id, coalesce('slot ' || nullif(slot, -1), 'itself')),
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
    "A slot beyond those in use holds money": """
        SELECT format('account %s slot %s', s.account_id, s.slot), 0, s.balance_minor
        FROM credit_accountslot s JOIN credit_account a ON a.id = s.account_id
        WHERE s.slot >= a.slot_count AND s.balance_minor <> 0""",
    "An entry's balance after it does not follow from the entry before": """
        SELECT format('entry %s', number), expected, balance_after_minor FROM (
            SELECT e.number, e.balance_after_minor, CASE WHEN a.level <> 'platform' THEN
                    e.amount_minor + coalesce(lag(e.balance_after_minor) OVER chain, 0) END
                    AS expected
            FROM credit_entry e JOIN credit_account a ON a.id = e.account_id
            WINDOW chain AS (PARTITION BY e.account_id, e.slot ORDER BY e.number)) chained
        WHERE expected IS DISTINCT FROM balance_after_minor
            OR balance_after_minor < 0""",
    "An entry's account or transaction is not there": """
        SELECT format('entry %s', e.number), NULL, e.amount_minor FROM credit_entry e
        LEFT JOIN credit_account a ON a.id = e.account_id
        LEFT JOIN credit_transaction t ON t.id = e.transaction_id
        WHERE a.id IS NULL OR t.id IS NULL""",
    "A transaction does not sum to zero": """
        SELECT format('transaction %s', t.id), 0, e.total FROM credit_transaction t
        LEFT JOIN (SELECT transaction_id, count(*) AS sides, sum(amount_minor) AS total
            FROM credit_entry GROUP BY transaction_id) e ON e.transaction_id = t.id
        WHERE e.total IS DISTINCT FROM 0 OR e.sides < 2""",
    "A transaction has more than one currency": """
        SELECT format('transaction %s', e.transaction_id), 1, count(DISTINCT a.currency)
        FROM credit_entry e JOIN credit_account a ON a.id = e.account_id
        GROUP BY e.transaction_id HAVING count(DISTINCT a.currency) > 1""",
    "A transaction is settled more than once": """
        SELECT format('transaction %s', settles_id), 1, count(*) FROM credit_transaction
        WHERE settles_id IS NOT NULL GROUP BY settles_id HAVING count(*) > 1""",
    "A settlement gives back more than was taken": """
        SELECT format('transaction %s', b.transaction_id), -coalesce(t.total, 0), b.total
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
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditedAccount:
    """An account beside its entries; amounts in minor units.

    :param balance_minor: what it keeps as its balance; None for the platform's, which keep none.
    """

    account_id: UUID
    level: str
    name: str
    currency: str
    entries: int
    balance_minor: int | None
    sum_minor: int

    @property
    def difference_minor(self) -> int:
        """How much more the balance says than the entries do."""
        return 0 if self.balance_minor is None else self.balance_minor - self.sum_minor


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that does not add up: an account, slot, entry or transaction, and two figures."""

    subject: str
    expected: int | None
    found: int | None

    def __str__(self) -> str:
        return f"{self.subject}: {_figure(self.found)} instead of {_figure(self.expected)}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """A way in which the ledger does not add up, how often, and the first ``EXAMPLES`` of it."""

    sentence: str
    count: int
    examples: tuple[Fault, ...]


def read_accounts() -> Iterator[AuditedAccount]:
    """Give every account with the sum of its entries, from the platform's down."""
    # Not Django's own server-side cursor: what it fetches is not told whose rows may be seen.
    with connection.cursor() as cursor:
        cursor.execute(f"DECLARE audited_accounts CURSOR FOR {_ACCOUNTS}")
        while True:
            cursor.execute(f"FETCH {_ROWS_AT_ONCE} FROM audited_accounts")
            rows = cursor.fetchall()
            if not rows:
                break
            for account_id, level, name, currency, entries, balance, total in rows:
                yield AuditedAccount(
                    account_id=account_id,
                    level=level,
                    name=name,
                    currency=currency,
                    entries=entries,
                    balance_minor=balance,
                    sum_minor=int(total),
                )
        cursor.execute("CLOSE audited_accounts")


def find_faults() -> list[FaultKind]:
    """Return what does not add up; nothing when all does."""
    return [kind for sentence, query in _CHECKS.items() if (kind := _check(sentence, query))]


def _check(sentence: str, query: str) -> FaultKind | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject, expected, found, count(*) OVER () FROM"  # noqa: S608  ours, above
            f" ({query}) AS faults (subject, expected, found) ORDER BY subject LIMIT {EXAMPLES}"
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if not rows:
        return None
    return FaultKind(
        sentence=sentence,
        count=rows[0][3],
        examples=tuple(
            Fault(subject=subject, expected=_whole(expected), found=_whole(found))
            for subject, expected, found, _ in rows
        ),
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _figure(value: int | None) -> str:
    return "nothing" if value is None else str(value)
