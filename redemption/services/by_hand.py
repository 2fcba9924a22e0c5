"""Rewards that a person has brought: read out on the phone, shown at a counter."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import durable, transaction_required
from credit.selectors.viewers import Viewer
from credit.services.audit import record_event
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_answer
from redemption.models import Redemption
from redemption.services.cancelling import RedemptionStateError, read_reason
from redemption.services.desk_tasks import settle_tasks
from redemption.services.ending import KIND, LockedReward, with_locked_reward
from redemption.services.resending import check_may_serve
from redemption.services.traces import record_step
from sms.models import MessageTemplate
from sms.services.by_hand import mark_message_delivered
from sms.services.cancelling import cancel_messages

_OK: Final = 200
_BRINGS_REWARD: Final = frozenset(
    {
        MessageTemplate.Purpose.REWARD,
        MessageTemplate.Purpose.RESEND,
        MessageTemplate.Purpose.APOLOGY,
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredByHand:
    """A reward that a person has brought; the message that it stands for, None without one."""

    redemption_id: UUID
    message_id: UUID | None


@seeing(EVERYTHING)
@durable
def mark_delivered_by_hand(
    *,
    viewer: Viewer,
    redemption_id: UUID,
    note: str,
    now: datetime,
    claim: KeyClaim | None = None,
) -> DeliveredByHand:
    """Note that a person has told the recipient their card, so that nothing more has to be sent.

    The card counts as seen from then on: it never goes back to stock, and its charge stays. Its
    link goes on working for the recipient. The latest message that was to bring the reward is
    marked, unless it arrived; what else waits to be sent is not.

    :param note: who was told and how, for the records, readable by the client; no code in it.
    :raises RedemptionNotFoundError: GC-111.
    :raises ValidationFailedError: no note, or one that names a card's code (GC-012, ``note``).
    :raises RedemptionStateError: there is no card, or it was taken back (GC-115).
    :raises StillRunningError: somebody else works on it (GC-108).
    :raises KeyAnsweredError: the claim was answered before.
    """
    check_may_serve(viewer, redemption_id)
    note = read_reason(note, field="note")

    def work(reward: LockedReward) -> DeliveredByHand:
        if claim is not None and find_record(claim=claim) is not None:
            raise KeyAnsweredError
        marked = _mark(reward, viewer.actor, note=note, now=now)
        if claim is not None:
            keep_answer(claim=claim, object_id=redemption_id, status=_OK, now=now)
        return marked

    return with_locked_reward(redemption_id=redemption_id, work=work)


@transaction_required
def _mark(reward: LockedReward, actor: str, *, note: str, now: datetime) -> DeliveredByHand:
    redemption = reward.redemption
    if redemption.state not in Redemption.STANDING:
        raise RedemptionStateError(redemption_id=redemption.pk, state=redemption.state)
    if redemption.card_id is not None:
        _disclose(redemption, actor, now=now)
    Redemption.objects.filter(pk=redemption.pk, state=Redemption.State.ISSUED).update(
        state=Redemption.State.DELIVERED, delivered_at=now
    )
    latest = next((one for one in reversed(reward.messages) if one.purpose in _BRINGS_REWARD), None)
    message_id = None
    if latest is not None and mark_message_delivered(message_id=latest.message_id, now=now):
        message_id = latest.message_id
    cancel_messages(messages=[one for one in reward.messages if one != latest])
    settle_tasks(redemption_ids=[redemption.pk], actor=actor, now=now)
    record_step(
        request_id=redemption.request_id,
        redemption_id=redemption.pk,
        step="deliver_by_hand",
        status="ok",
        message="A person has told the recipient their card.",
        details={"message_id": str(message_id or "")},
        now=now,
    )
    record_event(
        actor=actor,
        action="redemption.delivered_by_hand",
        object_kind=KIND,
        object_id=redemption.pk,
        now=now,
        before={"state": redemption.state, "message": latest.state if latest else None},
        after={"message_id": None if message_id is None else str(message_id)},
        reason=note,
        owner=redemption.client,
    )
    return DeliveredByHand(redemption_id=redemption.pk, message_id=message_id)


def _disclose(redemption: Redemption, actor: str, *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('giftline.actor', %s, true)", [actor])
    (card_id,) = call_function(
        "SELECT (giftcards_disclose_card(%s, %s)).id", [redemption.card_id, now]
    )
    if card_id is None:
        raise RedemptionStateError(redemption_id=redemption.pk, state=redemption.state)
