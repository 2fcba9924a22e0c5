"""Cards that were claimed and went nowhere: taken back, or kept for their recipient.

See Note [Taking back] for why no code that somebody may have seen goes back to stock here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models import OuterRef, QuerySet

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.services.monitors import Finding, raise_finding
from alerts.statements import call_function
from alerts.transactions import durable, transaction, transaction_required
from giftcards.models import GiftCard
from giftcards.selectors.held_cards import (
    HeldCard,
    claimed_before,
    has_order_alive,
    page_of_held,
)
from giftcards.selectors.inventory import count_stuck
from giftcards.services.taking_back import Holder, lock_card, quarantine_card
from redemption.models import Redemption
from redemption.services.ending import (
    KIND,
    Ended,
    LockedReward,
    follow_ended,
    give_back_unseen,
    with_locked_reward,
)
from sms.models import MessageTemplate
from sms.queue import ring_bell
from sms.services.cancelling import message_in_work

log = structlog.get_logger()

STUCK_CARD: Final = "stuck_card"
TAKEN_BACK: Final = "stuck_card_taken_back"
MANY_STUCK: Final = "many_stuck_cards"
# More at once than this are no accident.
MANY: Final = 5
_PAGE: Final = 100
_ACTOR: Final = "system"
_REASON: Final = "Stuck: claimed, and on its way to nobody"

Verdict = Literal["taken_back", "kept", "sent_again", "quarantined", "moved_on"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """What one round came to.

    :param kept: cards that stay with their recipient and wait for a person.
    :param failed: cards that could not be decided about this time.
    """

    taken_back: int = 0
    kept: int = 0
    sent_again: int = 0
    quarantined: int = 0
    failed: int = 0


@seeing(EVERYTHING)
@durable
def clean_up_stuck(*, now: datetime, limit: int) -> CleanUp:
    """Take back cards that were claimed longer than ``STUCK_AFTER`` ago and are on no way.

    Left alone is whatever is still in work: a message, a slow retry included, an order at a
    provider with its hold. Of the others, those that nobody may have seen go back to stock, each
    with its redemption in one transaction: it fails with GC-014, its charge is given back, and
    its code may be redeemed anew. Those that may have been seen stay with their recipient, are
    sent once more where that is possible, and are listed for a person. Every one is an alert.

    Safe to run twice at once and to be killed: what was not decided is found by the next round.

    :param limit: how many cards to decide about at most.
    """
    after = timedelta(seconds=settings.STUCK_AFTER)
    _alert_many(count_stuck(now=now, after=after), now=now)
    counts: dict[str, int] = dict.fromkeys((f.name for f in dataclasses.fields(CleanUp)), 0)
    for held in _stuck(before=now - after, limit=limit):
        try:
            verdict = _decide(held, before=now - after, now=now)
        except (ServiceError, DatabaseError):
            # One that can't be had this time must not keep the others from their pools.
            log.exception("[CLEANUP] Failed", card_id=str(held.card_id))
            verdict = "failed"
        if verdict in counts:
            counts[verdict] += 1
    _resolve_settled(now=now)
    result = CleanUp(**counts)
    if any(counts.values()):
        log.info("[CLEANUP] Stuck cards", **counts)
    return result


def _stuck(*, before: datetime, limit: int) -> Iterator[HeldCard]:
    last: HeldCard | None = None
    left = limit
    while left > 0:
        page = page_of_held(_not_in_work(before), after=last, size=min(_PAGE, left))
        yield from page
        if len(page) < min(_PAGE, left):
            return
        last, left = page[-1], left - len(page)


def _not_in_work(before: datetime) -> QuerySet[GiftCard]:
    in_work = message_in_work(reference_kind=KIND, reference_id=OuterRef("holder_id"))
    return claimed_before(holder_kind=KIND, before=before).filter(~in_work)


def _decide(held: HeldCard, *, before: datetime, now: datetime) -> Verdict | Literal["failed"]:
    ended: Ended | None = None

    def work(reward: LockedReward) -> Verdict:
        nonlocal ended
        if reward.card is None or reward.card.pk != held.card_id:
            return "quarantined"  # below: this redemption is not the one that has it
        if not _is_still_stuck(reward, before):
            return "moved_on"
        if reward.redemption.state not in Redemption.STANDING:
            return "quarantined"
        if reward.is_spent or any(message.is_out for message in reward.messages):
            return _keep(reward, now=now)
        ended = _take_back(reward, now=now)
        return "taken_back"

    try:
        verdict = with_locked_reward(redemption_id=held.holder_id, work=work)
    except Redemption.DoesNotExist:
        verdict = "quarantined"
    if verdict == "quarantined":
        return _quarantine(held, now=now)
    if ended is not None:
        follow_ended(ended, now=now)
    if verdict == "sent_again":
        ring_bell("sms.tasks.send_messages")
    return verdict


def _is_still_stuck(reward: LockedReward, before: datetime) -> bool:
    """Ask again under the locks what the list was made by."""
    card = reward.card
    return (
        card is not None
        and card.status == GiftCard.Status.CLAIMED
        and card.claimed_at is not None
        and card.claimed_at < before
        and not any(message.is_in_work for message in reward.messages)
        and not has_order_alive(holder_kind=KIND, holder_id=reward.redemption.pk)
    )


@transaction_required
def _take_back(reward: LockedReward, *, now: datetime) -> Ended:
    ended = give_back_unseen(
        reward,
        action="redemption.taken_back",
        reason_code=ErrorCode.DELIVERY_NOT_STARTED,
        reason=_REASON,
        now=now,
    )
    _alert(
        TAKEN_BACK,
        reward,
        subject="A stuck card was taken back: its reward had reached nobody",
        message="The card is in stock again and the charge was given back. The code may be "
        "redeemed anew; somebody may be waiting for a call.",
        now=now,
    )
    resolve_alert(dedupe_key=card_key(reward.redemption.card_id), now=now)
    return ended


@transaction_required
def _keep(reward: LockedReward, *, now: datetime) -> Verdict:
    """Leave a card with its recipient: send it once more if that was not done, tell a person."""
    redemption, card = reward.redemption, reward.card
    assert card is not None  # noqa: S101  it is what was found stuck
    was_resent = any(
        message.purpose in (MessageTemplate.Purpose.RESEND, MessageTemplate.Purpose.APOLOGY)
        and message.created_at >= card.claimed_at
        for message in reward.messages
        if card.claimed_at is not None
    )
    message_id = None
    if not was_resent:
        (message_id,) = call_function(
            "SELECT redemption_queue_message(%s, 'resend', %s)", [redemption.pk, now]
        )
    _alert(
        STUCK_CARD,
        reward,
        subject="A card is stuck: somebody may have seen it, and nobody was reached",
        message="It stays with its recipient and can't go back to stock. "
        + (
            "It was sent once more."
            if message_id
            else "Ask the recipient, mark it as delivered by hand, or cancel or replace it."
        ),
        now=now,
    )
    return "sent_again" if message_id else "kept"


@durable
def _quarantine(held: HeldCard, *, now: datetime) -> Verdict:
    """Set aside a card whose redemption knows nothing of it: a person has to find out why."""
    holder = Holder(kind=KIND, id=held.holder_id)
    with transaction():
        # The holder's row first, where there is one: it may just be given this card.
        list(Redemption.objects.select_for_update(no_key=True).filter(pk=held.holder_id))
        owner = Redemption.objects.filter(
            pk=held.holder_id, card_id=held.card_id, state__in=Redemption.STANDING
        )
        lock_card(held.card_id)
        if owner.exists() or not quarantine_card(
            card_id=held.card_id, holder=holder, actor=_ACTOR, reason="Stuck: its holder lacks it"
        ):
            return "moved_on"
        raise_alert(
            kind=STUCK_CARD,
            severity=Alert.Severity.CRITICAL,
            subject="A card is set aside: it is claimed for a redemption that does not have it",
            message="Nobody is given it. Find out who may have seen it, then void it.",
            data={"card_id": held.card_id, "redemption_id": held.holder_id},
            dedupe_key=card_key(held.card_id),
            now=now,
        )
    return "quarantined"


def _alert(kind: str, reward: LockedReward, *, subject: str, message: str, now: datetime) -> None:
    redemption = reward.redemption
    raise_alert(
        kind=kind,
        severity=Alert.Severity.WARNING,
        subject=subject,
        message=message,
        data={
            "redemption_id": redemption.pk,
            "card_id": redemption.card_id,
            "campaign_id": redemption.campaign_id,
            "code": ErrorCode.DELIVERY_NOT_STARTED.code,
        },
        dedupe_key=(
            card_key(redemption.card_id) if kind == STUCK_CARD else f"{kind}:{redemption.pk}"
        ),
        client_id=redemption.client_id,
        now=now,
    )


def card_key(card_id: object) -> str:
    """Return the key of the alert that a card is stuck."""
    return f"{STUCK_CARD}:{card_id}"


def _alert_many(count: int, *, now: datetime) -> None:
    if count <= MANY:
        resolve_alert(dedupe_key=MANY_STUCK, now=now)
        return
    raise_finding(finding=describe_many(count), now=now)


def describe_many(count: int) -> Finding:
    """Say that more cards are stuck at once than can be by accident."""
    return Finding(
        kind=MANY_STUCK,
        severity=Alert.Severity.CRITICAL,
        subject=f"{count} cards are stuck at once",
        message="So many do not get stuck one by one. Look whether texts go out, whether the "
        "workers run, and whether a provider answers. Those on no way any more are taken back.",
        data={"stuck": count},
        dedupe_key=MANY_STUCK,
    )


def _resolve_settled(*, now: datetime) -> None:
    """Resolve the alerts of cards that are not stuck any more."""
    unresolved = Alert.objects.filter(kind=STUCK_CARD).exclude(state=Alert.State.RESOLVED)
    for key, data in unresolved.values_list("dedupe_key", "data"):
        stays = GiftCard.objects.filter(
            pk=data["card_id"],
            status__in=[GiftCard.Status.CLAIMED, GiftCard.Status.QUARANTINED],
        )
        if not stays.exists():
            resolve_alert(dedupe_key=key, now=now)
