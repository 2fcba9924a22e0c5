"""What the monitor looks for in points: owed ones, and balances that are not what was written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import connection

from alerts.models import Alert
from alerts.services.monitors import Finding, register_monitor
from loyalty.services.owed_points import MONITOR, describe_owed

DRIFT: Final = "loyalty_drift"
_SHOWN: Final = 20
# Of each client the customers whose points changed last: by the index, whatever their number.
_DRIFTED: Final = """
    SELECT DISTINCT c.id::text FROM loyalty_loyaltyprogram p
    CROSS JOIN LATERAL (
        SELECT t.customer_id FROM loyalty_loyaltytransaction t
        WHERE t.client_id = p.client_id ORDER BY t.created_at DESC LIMIT 500) recent
    JOIN loyalty_customer c ON c.id = recent.customer_id
    LEFT JOIN loyalty_loyaltytransaction last
        ON last.customer_id = c.id AND last.number = c.transactions
    WHERE last.balance_after IS DISTINCT FROM c.points_balance
    ORDER BY 1 LIMIT 20
"""


@register_monitor(MONITOR)
def watch_points(*, now: datetime) -> Iterable[Finding]:
    """Find points that are owed, and balances that their last transaction did not leave.

    The whole is proven by ``manage.py audit_loyalty``.
    """
    yield from describe_owed()
    with connection.cursor() as cursor:
        cursor.execute(_DRIFTED)
        drifted = [row[0] for row in cursor.fetchall()]
    if drifted:
        yield Finding(
            kind=DRIFT,
            severity=Alert.Severity.CRITICAL,
            subject="Points do not add up",
            message=(
                f"{len(drifted)} or more customers have another balance than their last"
                " transaction left. Run manage.py audit_loyalty for the whole list."
            ),
            data={"customer_ids": drifted[:_SHOWN]},
            dedupe_key=DRIFT,
        )
