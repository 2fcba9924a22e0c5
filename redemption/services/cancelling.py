"""Cancelling a redemption by hand: the reward is taken back, the code stays used."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable
from credit.selectors.viewers import SYSTEM, Viewer, viewing
from credit.services.audit import record_event
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_answer
from giftcards.selectors.held_cards import has_order_alive
from giftcards.services.revealing import names_a_card
from redemption.models import Redemption
from redemption.selectors.taking_back import may_cancel
from redemption.services.ending import (
    KIND,
    Ended,
    LockedReward,
    end_reward,
    follow_ended,
    with_locked_reward,
)

LONGEST_REASON: Final = 500
_OK: Final = 200
_SCOPES: Final = frozenset({"redeem", "provision"})


@dataclasses.dataclass(eq=False, kw_only=True)
class RedemptionNotFoundError(ServiceError):
    """There is no such redemption, or not for this viewer."""

    code: ClassVar = ErrorCode.NOT_FOUND

    redemption_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class RedemptionStateError(ServiceError):
    """A redemption in this state can't be taken back so."""

    code: ClassVar = ErrorCode.STATE_FORBIDS
    answer_fields: ClassVar = ("state",)

    redemption_id: UUID
    state: str


@seeing(EVERYTHING)
@durable
def cancel_redemption(
    *,
    viewer: Viewer,
    redemption_id: UUID,
    reason: str,
    now: datetime,
    claim: KeyClaim | None = None,
) -> Ended:
    """Take a reward back for good; its code can't be redeemed again.

    A card that nobody may have seen goes back to stock and the charge to who paid it. One that
    may have been seen becomes void and its charge stays: the money is spent, and whoever wants to
    bear it otherwise corrects the account by hand. What only waited just ends. A repeat is
    refused, but with a ``claim`` told what the first one came to.

    :param reason: for the records, readable by the client; no code in it.
    :raises RedemptionNotFoundError: GC-111.
    :raises ValidationFailedError: no reason, or one that names a card's code (GC-012).
    :raises RedemptionStateError: it has ended, or a provider works on it this moment (GC-115).
    :raises StillRunningError: somebody else works on it (GC-108).
    :raises KeyAnsweredError: the claim was answered before; its record says how.
    """
    check_access(viewer, redemption_id)
    reason = read_reason(reason)

    def work(reward: LockedReward) -> Ended:
        if claim is not None and find_record(claim=claim) is not None:
            raise KeyAnsweredError
        redemption = reward.redemption
        if not may_cancel(redemption) or has_order_alive(holder_kind=KIND, holder_id=redemption.pk):
            raise RedemptionStateError(redemption_id=redemption.pk, state=redemption.state)
        ended = end_reward(
            reward, state="cancelled", actor=viewer.actor, reason=f"Cancelled: {reason}", now=now
        )
        record_event(
            actor=viewer.actor,
            action="redemption.cancelled",
            object_kind=KIND,
            object_id=redemption.pk,
            now=now,
            before={"state": redemption.state},
            after={
                "state": ended.state,
                "card": ended.card,
                "refunded_minor": ended.refunded_minor,
                "currency": redemption.currency,
            },
            reason=reason,
            owner=redemption.client,
        )
        if claim is not None:
            keep_answer(claim=claim, object_id=redemption.pk, status=_OK, now=now)
        return ended

    ended = with_locked_reward(redemption_id=redemption_id, work=work)
    follow_ended(ended, now=now)
    return ended


def check_access(viewer: Viewer, redemption_id: UUID) -> None:
    """Refuse whoever may not change this redemption, in the words for one that is not there.

    Keys act for their organisation. People act as the managers they are: what somebody sees as an
    agent or an auditor counts for nothing here.

    :raises RedemptionNotFoundError: GC-111.
    """
    if viewer != SYSTEM and not viewer.scopes & _SCOPES:
        viewer = viewer.as_manager()
    with viewing(viewer):
        if Redemption.objects.filter(viewer.client_filter(), pk=redemption_id).exists():
            return
    raise RedemptionNotFoundError(redemption_id=redemption_id)


def read_reason(text: str, *, field: str = "reason") -> str:
    """Return why somebody does it, as it is kept.

    :param field: what it is called in the errors.
    :raises ValidationFailedError: it is empty or too long, or names a card's code (GC-012).
    """
    reason = " ".join(text.split())
    words = ""
    if not reason:
        words = "Say why."
    elif len(reason) > LONGEST_REASON:
        words = f"Make it shorter, {LONGEST_REASON} symbols at most."
    elif names_a_card(reason):
        words = "Leave the code itself out: the reason is kept readable."
    if words:
        raise ValidationFailedError(errors={field: [words]})
    return reason
