"""What paid checkouts are still owed in points: replayed until it is applied, or given up."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable
from loyalty.models import ReconciliationItem
from loyalty.services.owed_points import review_owed
from loyalty.services.points_log import updating_points
from loyalty.services.refusals import NoSuchThingError, call, refuse

log = structlog.get_logger()

_LONGEST_NOTE: Final = 500
_SYSTEM: Final = "system"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """How an item stands after a try.

    :param error: what the database said the last time, "" once it is applied.
    """

    item_id: UUID
    is_applied: bool
    attempts: int
    error: str
    points_balance: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRun:
    """How many items a run has tried, and how many of them are applied now."""

    tried: int
    applied: int


@durable
def replay_item(*, item_id: UUID, actor: str, now: datetime, note: str = "") -> ReplayResult:
    """Try once more to apply the points of a paid checkout.

    Points are applied once, however often and by however many this is called: who comes second
    finds it done. A try that fails is counted and puts the next one off.

    :raises NoSuchThingError: GC-111.
    :raises StillRunningError: the customer's row was held for two seconds (GC-108).
    """
    if "\0" in note or len(note) > _LONGEST_NOTE:
        raise refuse("note", _("At most %(most)s characters.") % {"most": _LONGEST_NOTE})
    before = _find(item_id)
    with updating_points(customer_id=before.customer_id, order_id=before.checkout_id) as update:
        (is_applied,) = call(
            "SELECT loyalty_replay_item(%s, %s, %s, %s)", [item_id, note, actor, now]
        )
        item = _find(item_id)
        # Not by another who was faster, and not what was settled long ago.
        if is_applied and not before.resolved and item.resolved_by == actor:
            update.applied(earned=item.points_earned, redeemed=item.points_redeemed)
    review_owed(client_id=item.client_id, now=now)
    log.info(
        "[LOYALTY] Replayed",
        item_id=str(item_id),
        is_applied=is_applied,
        attempts=item.attempts,
        actor=actor,
    )
    return ReplayResult(
        item_id=item_id,
        is_applied=is_applied,
        attempts=item.attempts,
        error="" if is_applied else item.error,
        points_balance=item.customer.points_balance,
    )


@durable
@seeing(EVERYTHING)
def replay_due(*, now: datetime, limit: int) -> ReplayRun:
    """Try what is due, each item by one worker at a time; one that fails stops no other.

    Safe twice at once: each takes items of its own in hand. What a worker that died had in hand
    is due again five minutes later.
    """
    tried = applied = 0
    while tried < limit:
        with connection.cursor() as cursor:
            cursor.execute("SELECT loyalty_claim_items(%s, %s)", [1, now])
            claimed = [row[0] for row in cursor.fetchall()]
        if not claimed:
            break
        tried += 1
        try:
            result = replay_item(item_id=claimed[0], actor=_SYSTEM, now=now)
            applied += result.is_applied
        except (ServiceError, DatabaseError):
            log.exception("[LOYALTY] Not replayed", item_id=str(claimed[0]))
    return ReplayRun(tried=tried, applied=applied)


@durable
def resolve_item(*, item_id: UUID, note: str, actor: str, now: datetime) -> None:
    """Give the points of a checkout up: what was held is free again, nothing is earned.

    A repeat is refused.

    :param note: why, for whoever asks later.
    :raises NoSuchThingError: GC-111.
    :raises StateForbidsError: GC-115, it was applied or resolved before.
    :raises ValidationFailedError: GC-012, there is no note.
    """
    note = note.strip()
    if not note or "\0" in note or len(note) > _LONGEST_NOTE:
        raise refuse("note", _("Say why, in at most %(most)s characters.") % {"most": 500})
    call("SELECT loyalty_resolve_item(%s, %s, %s, %s)::text", [item_id, note, actor, now])
    item = _find(item_id)
    review_owed(client_id=item.client_id, now=now)
    log.info("[LOYALTY] Points given up", item_id=str(item_id), actor=actor)


def _find(item_id: UUID) -> ReconciliationItem:
    try:
        return ReconciliationItem.objects.select_related("customer").get(pk=item_id)
    except ReconciliationItem.DoesNotExist:
        raise NoSuchThingError from None
