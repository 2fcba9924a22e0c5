"""Replacing a card that is wrong, empty or compromised: another one for the same redemption.

See Note [Exchange] in redemption/sql/facts.sql for who pays, and Note [Taking back].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import durable, transaction_required
from credit.models import User
from credit.selectors.staff import may_replace_cards
from credit.selectors.viewers import SYSTEM, Viewer
from credit.services.audit import record_event
from credit.services.events import tell_account_changed
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_answer
from credit.services.settlements import refund_debit
from giftcards.models import Denomination, GiftCard
from giftcards.services.taking_back import void_card
from redemption.models import Condition, Redemption, Replacement
from redemption.services.cancelling import RedemptionStateError, check_access, read_reason
from redemption.services.desk_tasks import settle_tasks
from redemption.services.ending import KIND, LockedReward, with_locked_reward
from redemption.services.links import renew_link
from redemption.services.redeem import OutOfStockError
from redemption.services.traces import record_step
from sms.queue import ring_bell
from sms.services.cancelling import cancel_messages

State = Redemption.State
_OK: Final = 200
_SCOPE: Final = "provision"
_CLAIM: Final = "SELECT (giftcards_provision_from_stock(%s, %s, %s, %s, %s, %s)).id"
_CLAIM_BOUGHT_AHEAD: Final = (
    "SELECT (card).id FROM giftcards_provision_from_buffer(%s, %s, %s, %s, %s, %s)"
)
_SOURCES: Final = {
    GiftCard.Source.API: Redemption.Source.API,
    GiftCard.Source.BUFFER: Redemption.Source.BUFFER,
}


@dataclasses.dataclass(eq=False, kw_only=True)
class ReplaceNotPermittedError(ServiceError):
    """Replacing a card costs another one: it takes a supervisor."""

    code: ClassVar = ErrorCode.NOT_PERMITTED


@dataclasses.dataclass(eq=False, kw_only=True)
class CardChangedError(ServiceError):
    """The redemption has another card by now than the one that was to be replaced."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A redemption with its new card."""

    redemption_id: UUID
    old_card_id: UUID
    new_card_id: UUID
    message_id: UUID | None
    account_id: UUID | None


@seeing(EVERYTHING)
@durable
def replace_card(
    *,
    viewer: Viewer,
    redemption_id: UUID,
    reason: str,
    now: datetime,
    discloses: bool = False,
    claim: KeyClaim | None = None,
    card_id: UUID | None = None,
    purpose: str = "resend",
    also: Callable[[LockedReward, Replaced], None] | None = None,
) -> Replaced:
    """Give a redemption another card of the same worth; the one it had becomes void for good.

    Nothing is charged a second time, and what the new card cost is added to the redemption's cost.
    The link to the old one is dead; where the recipient had given a contact, a new one is sent
    there. With no other card in stock everything stays as it is. Not to be repeated by itself,
    each call exchanges the card; with a ``claim`` a repeat is told what the first one did.

    :param reason: for the records, readable by the client; no code in it.
    :param discloses: the answer will show the new card's code (Note [Disclosure]).
    :param card_id: only this one is replaced: with another one nothing is done.
    :param purpose: of the message that brings the new link.
    :param also: what else belongs to it, in the same transaction.
    :raises CardChangedError: it has another card than ``card_id`` (GC-115).
    :raises RedemptionNotFoundError: GC-111.
    :raises ReplaceNotPermittedError: the viewer is no supervisor (GC-110).
    :raises ValidationFailedError: no reason, or one that names a card's code (GC-012).
    :raises RedemptionStateError: it has no card to replace, or is a test's (GC-115).
    :raises OutOfStockError: there is no other card (GC-003).
    :raises StillRunningError: somebody else works on it (GC-108).
    :raises KeyAnsweredError: the claim was answered before; its record says how.
    """
    check_access(viewer, redemption_id)
    _check_supervisor(viewer)
    reason = read_reason(reason)

    def work(reward: LockedReward) -> Replaced:
        if claim is not None and find_record(claim=claim) is not None:
            raise KeyAnsweredError
        if card_id is not None and reward.redemption.card_id != card_id:
            raise CardChangedError
        replaced = _exchange(
            reward, actor=viewer.actor, reason=reason, seen=discloses, purpose=purpose, now=now
        )
        if also is not None:
            also(reward, replaced)
        if claim is not None:
            keep_answer(
                claim=claim,
                object_id=redemption_id,
                status=_OK,
                now=now,
                details={"card_id": str(replaced.new_card_id)},
            )
        return replaced

    replaced = with_locked_reward(redemption_id=redemption_id, work=work)
    if replaced.message_id is not None:
        ring_bell("sms.tasks.send_messages")
    if replaced.account_id is not None:
        tell_account_changed(account_ids=[replaced.account_id], now=now)
    return replaced


def _check_supervisor(viewer: Viewer) -> None:
    if viewer == SYSTEM or _SCOPE in viewer.scopes:
        return
    kind, _, key = viewer.actor.partition(":")
    if kind == "user" and may_replace_cards(User.objects.get(pk=key)):
        return
    raise ReplaceNotPermittedError


@transaction_required
def _exchange(
    reward: LockedReward, *, actor: str, reason: str, seen: bool, purpose: str, now: datetime
) -> Replaced:
    redemption, old = reward.redemption, reward.card
    if redemption.state not in Redemption.STANDING or old is None:
        raise RedemptionStateError(redemption_id=redemption.pk, state=redemption.state)
    void_card(card_id=old.pk, holder=reward.holder, actor=actor, reason=f"Replaced: {reason}")
    new = _claim(redemption, old, now=now)
    if seen:
        call_function("SELECT id FROM giftcards_disclose_card(%s, %s)", [new.pk, now])
    cancel_messages(messages=reward.messages)
    # What was said of the old card's text is of no interest any more.
    settle_tasks(redemption_ids=[redemption.pk], actor=actor, now=now)
    renew_link(redemption, now=now)
    cost_minor = new.cost_minor if new.cost_minor is not None else new.pool.cost_per_card_minor
    is_prepaid = new.sale_id is not None and bool(redemption.charged_minor)
    _write(redemption, new, cost_minor=cost_minor, is_prepaid=is_prepaid, seen=seen, now=now)
    Replacement.objects.create(
        redemption=redemption,
        old_card=old,
        new_card=new,
        old_was_disclosed=old.disclosed_at is not None,
        cost_minor=cost_minor,
        reason=reason,
        actor=actor,
        at=now,
    )
    (message_id,) = call_function(
        "SELECT redemption_queue_message(%s, %s, %s)", [redemption.pk, purpose, now]
    )
    _write_down(redemption, old, new, cost_minor, actor=actor, reason=reason, now=now)
    account_id = None
    if is_prepaid and redemption.transaction_id is not None:
        refund = refund_debit(
            transaction_id=redemption.transaction_id,
            actor=actor,
            note="Replaced by a card that was bought before",
            now=now,
        )
        account_id = refund.account_id
    return Replaced(
        redemption_id=redemption.pk,
        old_card_id=old.pk,
        new_card_id=new.pk,
        message_id=message_id,
        account_id=account_id,
    )


def _claim(redemption: Redemption, old: GiftCard, *, now: datetime) -> GiftCard:
    """Take another card of the same worth, from where a redemption would take it."""
    worth = (old.brand_id, old.value_minor, old.currency)
    denomination = Denomination.objects.get(
        brand_id=old.brand_id, value_minor=old.value_minor, currency=old.currency
    )
    wanted: Condition = redemption.condition
    # The condition may promise another card by now, and have another pool for it.
    same = (wanted.brand_id, wanted.card_value_minor, wanted.currency) == worth
    where = (
        wanted.pool_id if same else None,
        redemption.client_id,
        denomination.pk,
        KIND,
        redemption.pk,
        now,
    )
    (card_id,) = call_function(_CLAIM, where)
    if card_id is None:
        (card_id,) = call_function(_CLAIM_BOUGHT_AHEAD, where)
    if card_id is None:
        raise OutOfStockError(
            errors={"card": ["There is no other card of this brand and value; nothing was done."]}
        )
    return GiftCard.objects.select_related("pool").get(pk=card_id)


def _write(
    redemption: Redemption,
    new: GiftCard,
    *,
    cost_minor: int | None,
    is_prepaid: bool,
    seen: bool,
    now: datetime,
) -> None:
    known = redemption.cost_minor is not None and cost_minor is not None
    paid = {"charged_minor": 0, "transaction_id": None} if is_prepaid else {}
    Redemption.objects.filter(pk=redemption.pk).update(
        card=new,
        source=_SOURCES.get(GiftCard.Source(new.source), Redemption.Source.CSV),
        cost_minor=redemption.cost_minor + cost_minor if known else None,  # type: ignore[operator]
        state=State.DELIVERED if seen else State.ISSUED,
        delivered_at=now if seen else None,
        confirmed_at=None,
        **paid,
    )


def _write_down(
    redemption: Redemption,
    old: GiftCard,
    new: GiftCard,
    cost_minor: int | None,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> None:
    cards = {"old_card_id": str(old.pk), "new_card_id": str(new.pk)}
    record_step(
        request_id=redemption.request_id,
        redemption_id=redemption.pk,
        step="replace_card",
        status="ok",
        message="Another card stands in for the one that is void now.",
        details={**cards, "cost_minor": cost_minor},
        now=now,
    )
    record_event(
        actor=actor,
        action="redemption.replaced",
        object_kind=KIND,
        object_id=redemption.pk,
        now=now,
        before={"card_id": cards["old_card_id"], "state": redemption.state},
        after={"card_id": cards["new_card_id"], "cost_minor": cost_minor},
        reason=reason,
        owner=redemption.client,
    )
