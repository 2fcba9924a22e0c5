"""Telling the operators that paid checkouts are owed points, and that none is any more."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import Count, Max, Sum

from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import resolve_alert
from alerts.services.monitors import Finding, raise_finding
from loyalty.models import ReconciliationItem

log = structlog.get_logger()

KIND: Final = "loyalty_reconciliation"
MONITOR: Final = "points"


def key_of(client_id: UUID) -> str:
    """Return what the alert of a client's owed points is known by."""
    return f"{KIND}:{client_id}"


@seeing(EVERYTHING)
def describe_owed(*, client_id: UUID | None = None) -> list[Finding]:
    """Return a finding for each client whose checkouts are owed points, or for this one."""
    items = ReconciliationItem.objects.filter(resolved=False)
    if client_id is not None:
        items = items.filter(client_id=client_id)
    groups = (
        items.order_by("client_id")
        .values("client_id", "client__name")
        .annotate(
            count=Count("pk"),
            earned=Sum("points_earned"),
            redeemed=Sum("points_redeemed"),
            tries=Max("attempts"),
        )
    )
    return [
        Finding(
            kind=KIND,
            severity=Alert.Severity.CRITICAL,
            subject=f"Points are owed to customers of {group['client__name']}",
            message=(
                f"{group['count']} paid checkouts wait for their points: {group['earned']} to be"
                f" earned, {group['redeemed']} to be redeemed. They are replayed by themselves;"
                " look at the reconciliation queue for what goes wrong."
            ),
            dedupe_key=key_of(group["client_id"]),
            data={
                "items": group["count"],
                "points_earned": group["earned"],
                "points_redeemed": group["redeemed"],
                "tries": group["tries"],
            },
            client_id=group["client_id"],
        )
        for group in groups
    ]


def review_owed(*, client_id: UUID, now: datetime) -> None:
    """Raise the alert of a client that is owed points, or resolve it where none is any more.

    Called after the commit; never fails: the monitor ``points`` looks for the same.
    """
    try:
        found = describe_owed(client_id=client_id)
        for finding in found:
            raise_finding(finding=finding, monitor=MONITOR, now=now)
        if not found:
            resolve_alert(dedupe_key=key_of(client_id), now=now)
    except DatabaseError:
        log.exception("[LOYALTY] Owed points not reviewed", client_id=str(client_id))
