"""Taking a reward back with all that hangs on it: messages, link, card, charge.

Note [Taking back]
The trap is somebody who is just about to see the code. Whoever shows it commits the card's mark
first, under the lock of the redemption's row (``disclose_redemption``, Note [Disclosure]); whoever
takes the card back decides under the same lock, and ends the redemption in the same transaction.
So of the two one comes first: either the mark is there, and the card never goes back to stock, or
the redemption has ended, and there is nothing to show. How slow a text, a page or an answer is
does not matter.

Locked in the order message → recipient → redemption → card → account: Note [Message first] in
sms/services/records.py and Note [Lock order] in redemption/sql/redeem.sql. Messages about a
redemption are promised under its lock; one that came while we waited for that lock sends us back
to the beginning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, TypeVar
from uuid import UUID

from django.db import OperationalError, connection

from alerts.codes import ErrorCode
from alerts.transactions import durable, transaction, transaction_required
from credit.services.audit import record_event
from credit.services.events import tell_account_changed
from credit.services.idempotency import StillRunningError
from credit.services.settlements import Settlement, refund_debit
from credit.services.transfers import settlement_of
from giftcards.models import GiftCard
from giftcards.services.taking_back import Holder, lock_card, return_card, void_card
from redemption.models import PendingReward, Recipient, Redemption, Replacement, RevealLink
from redemption.services.desk_tasks import settle_tasks
from redemption.services.traces import record_step
from sms.models import Message
from sms.queue import ring_bell
from sms.services.cancelling import MessageStanding, cancel_messages, lock_messages_about

T = TypeVar("T")
KIND: Final = "redemption"
_HOUSE: Final = "system"
_TRIES: Final = 5
_LOCK_TIMEOUT: Final = "2s"

CardEnd = Literal["returned", "void", "none"]


class _NewMessageError(Exception):
    """A message was promised while we waited for the redemption: it has to be locked first."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LockedReward:
    """A redemption, its card and the messages about it, locked until the transaction ends.

    :param is_spent: somebody may have seen the code of its card, or of one that it had before.
    """

    redemption: Redemption
    card: GiftCard | None
    messages: list[MessageStanding]
    is_spent: bool

    @property
    def holder(self) -> Holder:
        return Holder(kind=KIND, id=self.redemption.pk)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a reward that was taken back; the refund in minor units.

    :param account_id: the account that got its money back, None where nothing was given back.
    """

    redemption_id: UUID
    state: str
    card: CardEnd
    refunded_minor: int
    account_id: UUID | None


@durable
def with_locked_reward(*, redemption_id: UUID, work: Callable[[LockedReward], T]) -> T:
    """Lock a redemption with all that hangs on it, and do ``work`` in that transaction.

    :raises Redemption.DoesNotExist: there is none.
    :raises StillRunningError: something else works on it for longer than two seconds (GC-108).
    """
    for _ in range(_TRIES):
        try:
            with transaction():
                return work(_lock(redemption_id))
        except _NewMessageError:
            continue
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != StillRunningError.LOCK_NOT_AVAILABLE:
                raise
            raise StillRunningError from error
    raise StillRunningError


@transaction_required
def _lock(redemption_id: UUID) -> LockedReward:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    messages = lock_messages_about(reference_kind=KIND, reference_id=redemption_id)
    recipient_id = Redemption.objects.values_list("recipient_id", flat=True).get(pk=redemption_id)
    Recipient.objects.select_for_update(no_key=True).get(pk=recipient_id)
    redemption = (
        Redemption.objects.select_for_update(no_key=True, of=("self",))
        .select_related("client", "condition")
        .get(pk=redemption_id)
    )
    found = Message.objects.filter(reference_kind=KIND, reference_id=redemption_id)
    if set(found.values_list("pk", flat=True)) - {one.message_id for one in messages}:
        raise _NewMessageError
    card = None if redemption.card_id is None else lock_card(redemption.card_id)
    return LockedReward(
        redemption=redemption,
        card=card,
        messages=messages,
        is_spent=(card is not None and card.disclosed_at is not None)
        or Replacement.objects.filter(redemption=redemption, old_was_disclosed=True).exists(),
    )


@transaction_required
def give_back_unseen(
    reward: LockedReward,
    *,
    action: str,
    reason_code: ErrorCode,
    reason: str,
    now: datetime,
    is_unopened: bool = False,
) -> Ended:
    """End a redemption whose card nobody can have seen, as the house itself, and write it down.

    :param action: how the audit knows it.
    :raises RuntimeError: its card is not back in stock: nobody asked under the lock.
    """
    redemption = reward.redemption
    ended = end_reward(
        reward,
        state="failed",
        reason_code=reason_code.code,
        actor=_HOUSE,
        reason=reason,
        is_unopened=is_unopened,
        now=now,
    )
    if ended.card != "returned":
        # Unseen it was under our lock: no second opinion is possible.
        raise RuntimeError(f"card of redemption {redemption.pk} did not go back to stock")
    record_event(
        actor=_HOUSE,
        action=action,
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
    return ended


@transaction_required
def end_reward(
    reward: LockedReward,
    *,
    state: Literal["failed", "cancelled"],
    reason_code: str = "",
    actor: str,
    reason: str,
    now: datetime,
    is_unopened: bool = False,
) -> Ended:
    """End a redemption: nothing more is sent, its link is dead, and card and charge go back.

    A card that nobody may have seen goes back to stock; any other becomes void, also one whose
    link is out of our hands. The charge is given back unless a code may have been seen. An account
    that was corrected for this redemption by hand gets nothing on top.

    :param reason: for people, kept readable: no code.
    :param is_unopened: its link, which dies here, may be out of our hands, but has shown nothing:
        the card goes back to stock all the same, unless somebody may have seen it.
    """
    redemption = reward.redemption
    cancel_messages(messages=reward.messages)
    RevealLink.objects.filter(redemption=redemption, revoked_at=None).update(revoked_at=now)
    PendingReward.objects.filter(redemption=redemption, served_at=None).delete()
    settle_tasks(redemption_ids=[redemption.pk], now=now)
    card = _give_card_back(reward, actor=actor, reason=reason, is_unopened=is_unopened)
    Redemption.objects.filter(pk=redemption.pk).update(
        state=state,
        reason_code=reason_code,
        # It keeps the card it has used up; the other one is somebody else's from here on.
        card_id=redemption.card_id if card == "void" else None,
        **{f"{state}_at": now},
    )
    refund = None if reward.is_spent else _refund(redemption, actor=actor, now=now)
    refunded_minor = refund.amount_minor if refund else 0
    record_step(
        request_id=redemption.request_id,
        redemption_id=redemption.pk,
        step="take_back",
        status=state,
        error_code=reason_code,
        message=_WORDS[card],
        details={"card_id": str(redemption.card_id or ""), "refunded_minor": refunded_minor},
        now=now,
    )
    return Ended(
        redemption_id=redemption.pk,
        state=state,
        card=card,
        refunded_minor=refunded_minor,
        account_id=refund.account_id if refund else None,
    )


_WORDS: Final[dict[CardEnd, str]] = {
    "returned": "The card is back in stock: nobody has seen its code.",
    "void": "The card is void: it had left our hands.",
    "none": "It had no card.",
}


def _give_card_back(reward: LockedReward, *, actor: str, reason: str, is_unopened: bool) -> CardEnd:
    if reward.card is None:
        return "none"
    who = {"card_id": reward.card.pk, "holder": reward.holder, "actor": actor, "reason": reason}
    if return_card(**who, is_unopened=is_unopened):  # type: ignore[arg-type]
        return "returned"
    void_card(**who)  # type: ignore[arg-type]
    return "void"


def _refund(redemption: Redemption, *, actor: str, now: datetime) -> Settlement | None:
    paid_by = redemption.transaction_id
    if paid_by is None or settlement_of(paid_by) is not None:
        return None
    return refund_debit(transaction_id=paid_by, actor=actor, note="Reward taken back", now=now)


@durable
def follow_ended(ended: Ended, *, now: datetime) -> None:
    """Draw the conclusions after the commit; each is found again by a job if this is lost."""
    if ended.account_id is not None:
        tell_account_changed(account_ids=[ended.account_id], now=now)
    if ended.card == "returned":
        ring_bell("redemption.tasks.serve_waiting")
