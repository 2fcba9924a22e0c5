"""What the monitors look for at tills: points that are owed or drift, payments without an end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Count, Min

from alerts.models import Alert
from alerts.services.monitors import Finding, register_monitor
from loyalty.models import Checkout
from loyalty.services.owed_points import MONITOR, describe_owed

DRIFT: Final = "loyalty_drift"
UNKNOWN_PAYMENT: Final = "loyalty_payment_unknown"
# By then a gateway's trouble is no passing one, and somebody has to ask it by hand.
_GRAVE_AFTER: Final = timedelta(days=1)
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


@register_monitor("payments")
def watch_payments(*, now: datetime) -> Iterable[Finding]:
    """Find payments of tills whose end a gateway has not told for long: what they hold is stuck."""
    before = now - timedelta(seconds=settings.THRESHOLDS.unknown_payment_seconds)
    # By the partial index of such checkouts, which holds nothing else.
    clients = (
        Checkout.objects.filter(state=Checkout.State.PAYMENT_UNKNOWN, created_at__lt=before)
        .order_by("client_id")
        .values("client_id", "client__name")
        .annotate(
            count=Count("pk"),
            oldest_at=Min("created_at"),
            errors=ArrayAgg("payment__error", distinct=True, order_by="payment__error"),
        )
    )
    for client in clients:
        is_grave = client["oldest_at"] <= now - _GRAVE_AFTER
        yield Finding(
            kind=UNKNOWN_PAYMENT,
            severity=Alert.Severity.CRITICAL if is_grave else Alert.Severity.WARNING,
            subject=f"Payments at tills of {client['client__name']} have no known end",
            message=(
                f"{client['count']} checkouts wait for what their gateway has to say, the oldest"
                f" since {client['oldest_at']:%Y-%m-%d %H:%M} UTC; their points and articles are"
                " held. The job goes on asking. Don't charge again: look the orders up at the"
                " gateway."
            ),
            data={
                "payments": client["count"],
                "oldest_at": client["oldest_at"],
                "errors": [error for error in client["errors"] if error],
            },
            dedupe_key=f"{UNKNOWN_PAYMENT}:{client['client_id']}",
            client_id=client["client_id"],
        )
