"""Points that have grown old: see Note [Oldest points first] in ``loyalty/sql/points.sql``."""

from __future__ import annotations

import calendar
import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from alerts.errors import ServiceError
from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.transactions import durable
from loyalty.models import LoyaltyProgram
from loyalty.services.points_log import updating_points
from loyalty.services.refusals import call

log = structlog.get_logger()

KIND: Final = "loyalty_expiry"
_SYSTEM: Final = "system"
# Of what was earned before then, something is left, and not all of it is held.
_CANDIDATES: Final = """
    SELECT c.id FROM loyalty_customer c
    JOIN loyalty_loyaltytransaction t ON t.customer_id = c.id
    WHERE c.client_id = %(client_id)s AND c.points_balance > c.points_held
    GROUP BY c.id
    HAVING sum(t.points) FILTER (WHERE t.points > 0 AND t.created_at < %(before)s)
        + coalesce(sum(t.points) FILTER (WHERE t.points < 0), 0) > 0
    ORDER BY c.id
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryRun:
    """Of how many customers points have expired, how many points, and how many could not be."""

    customers: int
    points: int
    failed: int


@durable
@seeing(EVERYTHING)
def expire_points(*, now: datetime) -> ExpiryRun:
    """Take points that are older than their programme keeps them, the oldest first.

    A programme that is switched off takes none: nobody could have spent them. Safe to repeat, and
    twice at once: each lot expires once. One customer that fails is told of and stops no other.
    """
    customers = points = failed = 0
    programs = LoyaltyProgram.objects.filter(is_enabled=True, expiry_months__gt=0).order_by("pk")
    for client_id, months in programs.values_list("client_id", "expiry_months"):
        before = months_before(now, months)
        for customer_id in _find_candidates(client_id, before):
            try:
                expired = _expire(customer_id, before, now)
            except (ServiceError, DatabaseError):
                log.exception("[LOYALTY] Points not expired", customer_id=str(customer_id))
                failed += 1
                continue
            customers += expired > 0
            points += expired
    _tell(failed, now)
    log.info("[LOYALTY] Points expired", customers=customers, points=points, failed=failed)
    return ExpiryRun(customers=customers, points=points, failed=failed)


def months_before(moment: datetime, months: int) -> datetime:
    """Go back by the calendar: a month before 31 March is the last of February."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _find_candidates(client_id: UUID, before: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES, {"client_id": client_id, "before": before})
        return [row[0] for row in cursor.fetchall()]


def _expire(customer_id: UUID, before: datetime, now: datetime) -> int:
    with updating_points(customer_id=customer_id) as update:
        (expired,) = call(
            "SELECT loyalty_expire_points(%s, %s, %s, %s)", [customer_id, before, _SYSTEM, now]
        )
        if expired:
            update.applied(redeemed=expired)
    return int(expired)


def _tell(failed: int, now: datetime) -> None:
    if not failed:
        resolve_alert(dedupe_key=KIND, now=now)
        return
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.WARNING,
        subject=f"Old points of {failed} customers could not expire",
        message='The log names them under "Points not expired". The next run tries again.',
        data={"failed": failed},
        dedupe_key=KIND,
        now=now,
    )
