"""Approving recipients, and turning them down, where a campaign asks for it (GC-103).

A decision is written under the recipient's lock, so a redemption that begins at the same moment
either waits for it or finds it. What follows from it (serving who was approved, ending what a
rejected one waits for) is done after the commit, and found again by the jobs if that is lost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Final, Literal
from uuid import UUID

import structlog
from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction
from credit.selectors.viewers import Viewer
from credit.services.audit import record_event
from redemption.models import Recipient, Redemption
from redemption.services.cancelling import read_reason
from redemption.services.ending import (
    Ended,
    LockedReward,
    end_reward,
    follow_ended,
    with_locked_reward,
)
from sms.queue import ring_bell

log = structlog.get_logger()

Approval = Recipient.Approval
State = Redemption.State

_SYSTEM: Final = "system"
# A reward that is here, or on its way, is taken back by cancelling it, not by a decision.
_WAITING: Final = (State.WAITING_APPROVAL, State.WAITING_OPT_IN, State.WAITING_STOCK)


@dataclasses.dataclass(eq=False, kw_only=True)
class NotApprovedError(ServiceError):
    """The recipient was turned down."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    def customer_words(self, *, support_phone: str = "") -> str:
        """Print what a customer is told, in the active language."""
        words = _("This reward was not approved, so we can't give it out.")
        if not support_phone:
            return words
        return f"{words} " + _("If you have questions, call {support_phone}.").format(
            support_phone=support_phone
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What became of a round of decisions, in recipients.

    :param unchanged: it was decided so before, or they are not in sight.
    :param have_reward: turned down too late: they have their reward, or it is on its way.
    """

    decided: int
    unchanged: int
    have_reward: int


@durable
def decide_recipients(
    *,
    viewer: Viewer,
    recipient_ids: Collection[UUID],
    is_approved: bool,
    reason: str,
    now: datetime,
) -> Decisions:
    """Approve recipients, or turn them down; each decision is audited, and stands by itself.

    Who waits for the approval is served by itself. Who is turned down gets nothing: what they
    wait for fails, their code stays theirs, and they may be approved after all. Safe to repeat.

    :param reason: for the records; may be left out for an approval.
    :raises ValidationFailedError: turned down without a reason, or one that names a card's code.
    """
    if reason or not is_approved:
        reason = read_reason(reason)
    with seeing(EVERYTHING):
        managed = viewer.as_manager().client_filter()
        known = Recipient.objects.filter(managed, pk__in=recipient_ids)
        # In one order, so that two rounds over the same people do not lock each other out.
        ids = list(known.order_by("pk").values_list("pk", flat=True))
        outcomes = [
            _decide(pk, is_approved=is_approved, reason=reason, actor=viewer.actor, now=now)
            for pk in ids
        ]
        if not is_approved:
            end_rejected(now=now, recipient_ids=ids)
    if is_approved and "decided" in outcomes:
        ring_bell("redemption.tasks.serve_waiting")
    return Decisions(
        decided=outcomes.count("decided"),
        unchanged=outcomes.count("unchanged") + len(set(recipient_ids)) - len(ids),
        have_reward=outcomes.count("have_reward"),
    )


@durable
def _decide(
    recipient_id: UUID, *, is_approved: bool, reason: str, actor: str, now: datetime
) -> Literal["decided", "unchanged", "have_reward"]:
    decision = Approval.APPROVED if is_approved else Approval.REJECTED
    with transaction():
        recipient = (
            Recipient.objects.select_for_update(no_key=True, of=("self",))
            .select_related("client")
            .get(pk=recipient_id)
        )
        if recipient.approval == decision:
            return "unchanged"
        rewards = Redemption.objects.filter(recipient=recipient)
        if not is_approved and rewards.exclude(
            state__in=[*_WAITING, State.FAILED, State.CANCELLED]
        ):
            return "have_reward"
        Recipient.objects.filter(pk=recipient_id).update(approval=decision)
        record_event(
            actor=actor,
            action="recipient.approved" if is_approved else "recipient.rejected",
            object_kind="recipient",
            object_id=recipient_id,
            now=now,
            before={"approval": recipient.approval},
            after={"approval": decision},
            reason=reason,
            owner=recipient.client,
        )
    return "decided"


@seeing(EVERYTHING)
@durable
def end_rejected(
    *, now: datetime, recipient_ids: Collection[UUID] | None = None, limit: int = 1000
) -> int:
    """End what rejected recipients still wait for; return how many it were.

    Each is a transaction of its own; what was left, as by a crash, is found by the next round.
    """
    waiting = Redemption.objects.filter(recipient__approval=Approval.REJECTED, state__in=_WAITING)
    if recipient_ids is not None:
        waiting = waiting.filter(recipient_id__in=recipient_ids)
    count = 0
    for redemption_id in list(waiting.order_by("created_at").values_list("pk", flat=True)[:limit]):
        try:
            ended = with_locked_reward(
                redemption_id=redemption_id, work=lambda reward: _end(reward, now=now)
            )
        except ServiceError:
            log.exception("[APPROVAL] Left for later", redemption_id=str(redemption_id))
            continue
        if ended is not None:
            follow_ended(ended, now=now)
            count += 1
    return count


def _end(reward: LockedReward, *, now: datetime) -> Ended | None:
    """End one under its locks, unless things have moved on."""
    redemption = reward.redemption
    is_rejected = Recipient.objects.filter(
        pk=redemption.recipient_id, approval=Approval.REJECTED
    ).exists()
    if not is_rejected or redemption.state not in _WAITING:
        return None
    return end_reward(
        reward,
        state="failed",
        reason_code=ErrorCode.STATE_FORBIDS.code,
        actor=_SYSTEM,
        reason="The recipient was not approved",
        now=now,
    )
