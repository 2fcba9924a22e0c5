"""Does the ledger add up? Read set by set, so that memory does not grow with the ledger.

The caller opens the ``snapshot()`` in which all of it is read, so as of one moment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db import connection

from credit.selectors.ledger_checks import LEDGER_CHECKS, LedgerCheck

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
    return [kind for check in LEDGER_CHECKS if (kind := _run(check))]


def _run(check: LedgerCheck) -> FaultKind | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text, expected, found, count(*) OVER () FROM"  # noqa: S608  ours
            f" ({check.query}) AS faults (id, expected, found) ORDER BY 1 LIMIT {EXAMPLES}"
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if not rows:
        return None
    return FaultKind(
        sentence=check.fault,
        count=rows[0][3],
        examples=tuple(
            Fault(
                subject=f"{check.thing} {subject}", expected=_whole(expected), found=_whole(found)
            )
            for subject, expected, found, _ in rows
        ),
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _figure(value: int | None) -> str:
    return "nothing" if value is None else str(value)
