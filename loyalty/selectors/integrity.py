"""Whether every balance is what its transactions say: what is found here must be nothing.

The database's triggers refuse what would be found, so this looks for what went past them: a
restored table, an owner's hand.
"""

from __future__ import annotations

import dataclasses
from typing import Final
from uuid import UUID

from django.db import connection

_SHOWN: Final = 50
# Each returns a customer with what is stated and what follows from the rows.
_CHECKS: Final = (
    (
        "Every balance is the sum of its transactions",
        "balance",
        """
        SELECT c.id, c.points_balance, coalesce(t.points, 0)::bigint
        FROM loyalty_customer c
        LEFT JOIN (SELECT customer_id, sum(points) AS points FROM loyalty_loyaltytransaction
            GROUP BY customer_id) t ON t.customer_id = c.id
        WHERE c.points_balance <> coalesce(t.points, 0)
        """,
    ),
    (
        "Every transaction begins where the one before ended, without a gap",
        "transaction",
        """
        SELECT customer_id, number, counted FROM (
            SELECT t.customer_id, t.number, t.balance_before, t.balance_after, t.points,
                row_number() OVER w AS counted,
                lag(t.balance_after, 1, 0::bigint) OVER w AS was
            FROM loyalty_loyaltytransaction t
            WINDOW w AS (PARTITION BY t.customer_id ORDER BY t.number)) chain
        WHERE number <> counted OR balance_before <> was OR balance_after <> was + points
        UNION ALL
        SELECT c.id, c.transactions, coalesce(t.counted, 0)
        FROM loyalty_customer c
        LEFT JOIN (SELECT customer_id, count(*) AS counted FROM loyalty_loyaltytransaction
            GROUP BY customer_id) t ON t.customer_id = c.id
        WHERE c.transactions <> coalesce(t.counted, 0)
        """,
    ),
    (
        "What is held is what open checkouts and rewards hold",
        "held",
        """
        SELECT c.id, c.points_held, (coalesce(o.points, 0) + coalesce(r.points, 0))::bigint
        FROM loyalty_customer c
        LEFT JOIN (SELECT customer_id, sum(points_redeemed) AS points FROM loyalty_checkout
            WHERE loyalty = 'pending' GROUP BY customer_id) o ON o.customer_id = c.id
        LEFT JOIN (SELECT customer_id, sum(points) AS points FROM loyalty_reward
            WHERE state IN ('provisioning', 'unconfirmed') GROUP BY customer_id) r
            ON r.customer_id = c.id
        WHERE c.points_held <> coalesce(o.points, 0) + coalesce(r.points, 0)
        """,
    ),
    (
        "No order was spent or earned twice, and each paid one has its points or is in the queue",
        "order",
        """
        SELECT o.customer_id, o.points_earned - o.points_redeemed,
            coalesce(posted.points, 0)::bigint
        FROM loyalty_checkout o
        LEFT JOIN (SELECT reference_id, sum(points) AS points FROM loyalty_loyaltytransaction
            WHERE reference_type = 'order' GROUP BY reference_id) posted
            ON posted.reference_id = o.id
        WHERE o.customer_id IS NOT NULL AND (
            coalesce(posted.points, 0) <>
                CASE o.loyalty WHEN 'applied' THEN o.points_earned - o.points_redeemed ELSE 0 END
            OR o.loyalty = 'pending' AND o.state NOT IN ('payment_unknown', 'declined')
                AND NOT EXISTS (SELECT 1 FROM loyalty_reconciliationitem i
                    WHERE i.checkout_id = o.id AND NOT i.resolved))
        """,
    ),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A customer whose numbers differ: what is stated, and what follows from the rows."""

    customer_id: UUID
    stated: int
    counted: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise with how often it is broken, and the first of those."""

    promise: str
    about: str
    count: int
    differences: tuple[Difference, ...]


def check_points() -> list[Check]:
    """Ask every promise of all customers; each answers with no differences."""
    return [_ask(promise, about, query) for promise, about, query in _CHECKS]


def _ask(promise: str, about: str, query: str) -> Check:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT *, count(*) OVER () FROM ({query}) found LIMIT {_SHOWN}")  # noqa: S608  constants only
        rows = cursor.fetchall()
    return Check(
        promise=promise,
        about=about,
        count=rows[0][3] if rows else 0,
        differences=tuple(
            Difference(customer_id=row[0], stated=row[1], counted=row[2]) for row in rows
        ),
    )
