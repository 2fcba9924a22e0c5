"""Telling that earned points had been spent by the time of a refund, so that they are missing."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from alerts.models import Alert
from alerts.services.alerts import raise_alert
from alerts.transactions import transaction_required
from loyalty.models import Refund

KIND: Final = "loyalty_shortfall"


@transaction_required
def flag_shortfall(*, refund_id: UUID, now: datetime) -> None:
    """Raise the client's alert of missing points, or count one more, with the refund itself.

    One alert for each client, until a person resolves it: nothing that a program could see ends
    it. Call it last: others with a shortfall of the same client wait for the transaction's end.
    """
    refund = Refund.objects.select_related("checkout", "client").get(pk=refund_id)
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.WARNING,
        subject=f"Points of {refund.client.name} could not be taken back",
        message=(
            f"Order {refund.checkout.order_number} was refunded after {refund.shortfall_points:,}"
            " of the points that it had earned were spent. The customer's balance stays as it is,"
            " never below zero; the refunds with points missing are a filter of their list."
        ),
        data={
            "refund_id": refund.pk,
            "checkout_id": refund.checkout_id,
            "customer_id": refund.checkout.customer_id,
            "points": refund.shortfall_points,
        },
        dedupe_key=f"{KIND}:{refund.client_id}",
        client_id=refund.client_id,
        now=now,
    )
