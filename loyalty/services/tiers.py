"""Tiers: everybody in the one that their points reach, whenever the steps were changed."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction
from loyalty.models import Customer
from loyalty.services.refusals import call

log = structlog.get_logger()

_MISPLACED: Final = """
    SELECT c.id FROM loyalty_customer c
    WHERE c.tier <> coalesce((
        SELECT t.name FROM loyalty_tier t
        WHERE t.client_id = c.client_id AND t.from_lifetime_points <= c.lifetime_points
        ORDER BY t.from_lifetime_points DESC LIMIT 1), '')
    ORDER BY c.id
"""


@durable
@seeing(EVERYTHING)
def recalculate_tiers(*, now: datetime) -> int:
    """Put everybody into the tier that their lifetime points reach; return how many moved.

    Points move people by themselves; this is for when a programme's steps were changed. Safe to
    repeat, and twice at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MISPLACED)
        misplaced = [row[0] for row in cursor.fetchall()]
    moved = sum(_place(customer_id) for customer_id in misplaced)
    if misplaced:
        log.info("[LOYALTY] Tiers recalculated", moved=moved, at=now.isoformat())
    return moved


def _place(customer_id: UUID) -> bool:
    try:
        with transaction():
            # Under the lock, so that it is computed from points that nobody is changing.
            Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
            (moved,) = call("SELECT loyalty_set_tier(%s)", [customer_id])
    except DatabaseError:
        log.exception("[LOYALTY] Tier not recalculated", customer_id=str(customer_id))
        return False
    return bool(moved)
