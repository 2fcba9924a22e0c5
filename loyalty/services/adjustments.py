"""Points added or taken by hand, by a manager who says why."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.transactions import durable
from credit.models import User
from credit.selectors.staff import may_adjust_points
from credit.services.transfers import is_violation_of
from loyalty.models import LoyaltyTransaction
from loyalty.services.points_log import updating_points
from loyalty.services.refusals import call, refuse

_LONGEST_REASON: Final = 200
_MOST: Final = 10**9


@dataclasses.dataclass(eq=False, kw_only=True)
class AdjustNotPermittedError(ServiceError):
    """Giving points away or taking them takes a right of its own."""

    code: ClassVar = ErrorCode.NOT_PERMITTED


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentResult:
    """An adjustment as it was written; ``points_balance`` is what it left."""

    adjustment_id: UUID
    customer_id: UUID
    points: int
    points_balance: int
    is_repeat: bool


@durable
def adjust_points(
    *,
    client_id: UUID,
    customer_id: UUID,
    points: int,
    adjustment_id: UUID,
    reason: str,
    actor: str,
    now: datetime,
) -> AdjustmentResult:
    """Add points to a customer, or take some (below zero); never those that are held.

    A repeat with the same ``adjustment_id`` writes nothing and returns the first one's result.

    :param actor: ``user:<id>`` of somebody who has the right; what is no person needs none.
    :raises AdjustNotPermittedError: GC-110, they lack the right.
    :raises NotEnoughPointsError: GC-112, fewer are available than are to be taken.
    :raises ValidationFailedError: GC-012, names the field; an id that stands for another
        adjustment is one.
    """
    _check_right(actor)
    reason = reason.strip()
    if not reason or "\0" in reason or len(reason) > _LONGEST_REASON:
        raise refuse("reason", _("Say why, in at most %(most)s characters.") % {"most": 200})
    if not 0 < abs(points) <= _MOST:
        raise refuse("points", _("Enter how many points to add, or to take with a minus."))
    known = _find_first(adjustment_id, customer_id, points)
    if known is not None:
        return known
    try:
        with updating_points(customer_id=customer_id) as update:
            (balance,) = call(
                "SELECT loyalty_adjust_points(%s, %s, %s, %s, %s, %s, %s)",
                [client_id, customer_id, points, adjustment_id, reason, actor, now],
            )
            update.applied(earned=max(points, 0), redeemed=max(-points, 0))
    except IntegrityError as error:
        # Another was faster, between the look and the call.
        if is_violation_of("loyalty_points_applied_once", error):
            known = _find_first(adjustment_id, customer_id, points)
            if known is not None:
                return known
        raise
    return AdjustmentResult(
        adjustment_id=adjustment_id,
        customer_id=customer_id,
        points=points,
        points_balance=balance,
        is_repeat=False,
    )


def _check_right(actor: str) -> None:
    kind, _, key = actor.partition(":")
    if kind == "user" and not may_adjust_points(User.objects.get(pk=key)):
        raise AdjustNotPermittedError


def _find_first(adjustment_id: UUID, customer_id: UUID, points: int) -> AdjustmentResult | None:
    try:
        first = LoyaltyTransaction.objects.get(
            reference_type=LoyaltyTransaction.Reference.ADJUSTMENT, reference_id=adjustment_id
        )
    except LoyaltyTransaction.DoesNotExist:
        return None
    if (first.customer_id, first.points) != (customer_id, points):
        raise refuse("adjustment_id", _("This id stands for another adjustment."))
    return AdjustmentResult(
        adjustment_id=adjustment_id,
        customer_id=customer_id,
        points=points,
        points_balance=first.balance_after,
        is_repeat=True,
    )
