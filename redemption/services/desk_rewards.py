"""What an agent does for the recipient of a call: give the reward, show it, promise a call."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction
from credit.models import User
from credit.selectors.staff import may_show_cards_again
from credit.selectors.viewers import Viewer, viewing
from credit.services.audit import record_event
from redemption.models import CallSession, Condition, ConditionMet, DeskTask, Redemption
from redemption.services.calls import (
    NoCallError,
    lock_call,
    require_hold,
    require_sight,
)
from redemption.services.desk_tasks import open_task, read_note
from redemption.services.redeem import (
    AlreadyProvisionedError,
    Caller,
    Contact,
    RedeemResult,
    redeem,
)
from redemption.services.resending import check_may_serve
from redemption.services.showing import ShownCard, show_card

State = Redemption.State


@dataclasses.dataclass(eq=False, kw_only=True)
class ShowNotPermittedError(ServiceError):
    """A card's code is shown a second time only by whom a supervisor has given the right."""

    code: ClassVar = ErrorCode.NOT_PERMITTED


@durable
def give_at_desk(
    *,
    viewer: Viewer,
    agent_id: UUID,
    call_id: UUID,
    condition_number: int,
    ticked: Collection[int],
    contact: Contact,
    request_id: str,
    now: datetime,
    ip_address: str | None = None,
    user_agent: str = "",
) -> RedeemResult | None:
    """Give the call's recipient the reward of a condition, for which the agent vouches.

    First what the agent has checked is written down, then the one service behind every door does
    the rest. A repeat within the call gives nothing more: the call goes on with the reward that it
    has given, and None is returned. What is to be shown is for :func:`show_again`.

    :param ticked: the places, from 0, of the points of the checklist that were ticked.
    :raises NoCallError: the call is over (GC-115).
    :raises HeldByColleagueError: another agent has this recipient (GC-115).
    :raises ValidationFailedError: a point of the checklist is left, or there is no such condition
        (GC-012, ``checklist`` or ``condition_number``).
    :raises ServiceError: whatever speaks against it: see :func:`redeem`.
    """
    met_id, recipient_id = _vouch(
        viewer=viewer,
        agent_id=agent_id,
        call_id=call_id,
        condition_number=condition_number,
        ticked=ticked,
        now=now,
    )
    try:
        result = redeem(
            caller=Caller(
                door=Redemption.Door.DESK,
                actor=viewer.actor,
                request_id=request_id,
                ip_address=ip_address,
                user_agent=user_agent,
            ),
            contact=contact,
            now=now,
            recipient_id=recipient_id,
            condition_number=condition_number,
        )
    except AlreadyProvisionedError as error:
        # A lost answer, or a second press: what this call has begun is this call's.
        redemption_id = UUID(str(error.redemption_id))
        if not _is_given_in(call_id, redemption_id, actor=viewer.actor):
            raise
        _join(call_id, met_id, redemption_id)
        return None
    _join(call_id, met_id, result.redemption_id)
    return result


def see_given_card(
    *, viewer: Viewer, agent_id: UUID, call_id: UUID, now: datetime
) -> ShownCard | None:
    """Open the card that an agent has given in their open call; None where there is none to see."""
    with viewing(viewer):
        given = CallSession.objects.filter(
            viewer.client_filter(),
            pk=call_id,
            agent_id=agent_id,
            ended_at=None,
            redemption__actor=viewer.actor,
            redemption__state__in=Redemption.STANDING,
        ).values_list("redemption_id", flat=True)[:1]
    if not given:
        return None
    return show_card(redemption_id=given[0], actor=viewer.actor, now=now)


@durable
def show_again(
    *,
    viewer: Viewer,
    user: User,
    call_id: UUID,
    redemption_id: UUID,
    request_id: str,
    now: datetime,
) -> ShownCard:
    """Show the caller's card again, with a record of who has seen it and in which call.

    What was given in this very call needs no right and no record beside its own.

    :raises NoCallError: the call is over (GC-115).
    :raises RedemptionNotFoundError: none that this agent may serve (GC-111).
    :raises ShowNotPermittedError: the agent lacks the right, or the reward is not one of the
        call's recipient (GC-110).
    """
    check_may_serve(viewer, redemption_id)
    with seeing(EVERYTHING), transaction():
        call = lock_call(agent_id=user.pk, call_id=call_id)
        reward = Redemption.objects.select_related("client").get(pk=redemption_id)
        is_own = call.redemption_id == redemption_id and reward.actor == viewer.actor
        if reward.recipient_id != call.recipient_id or not (is_own or may_show_cards_again(user)):
            raise ShowNotPermittedError
        if not is_own:
            record_event(
                actor=viewer.actor,
                action="card.shown_again",
                object_kind="redemption",
                object_id=redemption_id,
                now=now,
                after={"call_id": str(call_id), "request_id": request_id},
                owner=reward.client,
            )
    shown = show_card(redemption_id=redemption_id, actor=viewer.actor, now=now)
    if shown is None:
        raise ShowNotPermittedError
    return shown


@seeing(EVERYTHING)
@durable
def require_turn(
    *, viewer: Viewer, agent_id: UUID, call_id: UUID, redemption_id: UUID, now: datetime
) -> None:
    """Make sure that the call may act on a reward: it is its recipient's, and nobody else has them.

    :raises NoCallError: the call is over, or is not about this reward's recipient (GC-115).
    :raises HeldByColleagueError: another agent has this recipient (GC-115).
    """
    with transaction():
        call = lock_call(agent_id=agent_id, call_id=call_id)
        require_hold(call, viewer=viewer, now=now)
        if not Redemption.objects.filter(pk=redemption_id, recipient=call.recipient_id).exists():
            raise NoCallError
        CallSession.objects.filter(pk=call.pk).update(active_at=now)


@seeing(EVERYTHING)
@durable
def promise_call_back(
    *, viewer: Viewer, agent_id: UUID, call_id: UUID, due_at: datetime, note: str, now: datetime
) -> UUID:
    """Put on the desk's list that the call's recipient is called back; return the task.

    :raises NoCallError: the call is over, or is about nobody yet (GC-115).
    :raises ValidationFailedError: the time is not to come, or the note holds a code (GC-012).
    """
    note = read_note(note)
    if due_at <= now:
        raise ValidationFailedError(errors={"due_at": [_("Choose a time that is to come.")]})
    with transaction():
        call = lock_call(agent_id=agent_id, call_id=call_id)
        if call.recipient_id is None or call.client_id is None:
            raise ValidationFailedError(errors={"due_at": [_("Find the caller first.")]})
        require_sight(call, viewer=viewer)
        recipient = call.recipient
        phone = call.caller or (recipient.phone if recipient else "")
        return open_task(
            kind=DeskTask.Kind.CALL_BACK,
            client_id=call.client_id,
            recipient_id=call.recipient_id,
            redemption_id=call.redemption_id,
            phone=phone,
            note=note,
            due_at=due_at,
            actor=viewer.actor,
            now=now,
        )


@seeing(EVERYTHING)
def _vouch(
    *,
    viewer: Viewer,
    agent_id: UUID,
    call_id: UUID,
    condition_number: int,
    ticked: Collection[int],
    now: datetime,
) -> tuple[UUID, UUID]:
    with transaction():
        call = lock_call(agent_id=agent_id, call_id=call_id)
        require_hold(call, viewer=viewer, now=now)
        recipient = call.recipient
        if recipient is None:  # which require_hold has seen to
            raise AssertionError
        try:
            condition = Condition.objects.get(
                campaign_id=recipient.campaign_id, number=condition_number, is_active=True
            )
        except Condition.DoesNotExist:
            words = [_("Choose what the caller has done.")]
            raise ValidationFailedError(errors={"condition_number": words}) from None
        points = [str(point) for point in condition.checklist]
        left = [point for place, point in enumerate(points) if place not in ticked]
        if left:
            words = [_("Check this first: %(point)s") % {"point": point} for point in left]
            raise ValidationFailedError(errors={"checklist": words})
        met = ConditionMet.objects.create(
            call=call,
            agent_id=agent_id,
            client_id=recipient.client_id,
            campaign_id=recipient.campaign_id,
            recipient=recipient,
            condition=condition,
            checklist=[{"point": point, "ticked": True} for point in points],
            at=now,
        )
        CallSession.objects.filter(pk=call.pk).update(active_at=now)
    return met.pk, recipient.pk


def _is_given_in(call_id: UUID, redemption_id: UUID, *, actor: str) -> bool:
    with seeing(EVERYTHING):
        call = CallSession.objects.get(pk=call_id)
        if call.redemption_id == redemption_id:
            return True
        if call.recipient_id is None:
            return False
        # Begun after the call was, by its agent: the answer to it was lost.
        return Redemption.objects.filter(
            pk=redemption_id,
            recipient_id=call.recipient_id,
            door=Redemption.Door.DESK,
            actor=actor,
            created_at__gte=call.started_at,
        ).exists()


def _join(call_id: UUID, met_id: UUID, redemption_id: UUID) -> None:
    with seeing(EVERYTHING), transaction():
        CallSession.objects.filter(pk=call_id, ended_at=None).update(redemption_id=redemption_id)
        known = ConditionMet.objects.filter(redemption_id=redemption_id).exists()
        if not known:
            card_id = Redemption.objects.values_list("card_id", flat=True).get(pk=redemption_id)
            ConditionMet.objects.filter(pk=met_id).update(
                redemption_id=redemption_id, card_id=card_id
            )
