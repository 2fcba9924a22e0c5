"""The end of a campaign's claims: a reminder before it, and cards that nobody opened taken back.

Codes can't be redeemed after it (GC-106). What was redeemed in time but never opened goes back by
itself: the link is dead, the card is in stock again, and who paid for it has the money back.
Note [Taking back] says why nobody can be shown the code meanwhile. A card that may have been seen
is never taken back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import durable, transaction
from giftcards.models import GiftCard
from giftcards.selectors.held_cards import has_order_alive
from redemption.models import Campaign, Redemption, Replacement
from redemption.services.ending import (
    KIND,
    Ended,
    LockedReward,
    follow_ended,
    give_back_unseen,
    with_locked_reward,
)
from sms.models import Message, MessageTemplate
from sms.queue import ring_bell

log = structlog.get_logger()

_REASON: Final = "Never opened by the campaign's claim expiry"
# Who got their card only just now has not forgotten it.
_REMIND_AFTER: Final = timedelta(days=1)
_PAGE: Final = 200


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClaimExpiry:
    """What one round came to, in rewards.

    :param failed: those that could not be decided about this time; the next round finds them.
    """

    taken_back: int = 0
    failed: int = 0


@seeing(EVERYTHING)
@durable
def expire_claims(*, now: datetime, limit: int) -> ClaimExpiry:
    """Take back what was issued and never opened by its campaign's claim expiry.

    Each reward is a transaction of its own and decided under its locks, so that two rounds at
    once, a kill at any moment and a customer who opens their link just now are all safe.

    :param limit: how many rewards to decide about at most.
    """
    taken_back = failed = 0
    for redemption_id in _pages(_unopened(_expired(now)), limit=limit):
        try:
            ended = with_locked_reward(
                redemption_id=redemption_id, work=lambda reward: _take_back(reward, now=now)
            )
        except (ServiceError, DatabaseError):
            # One that can't be had this time must not keep the others from their pools.
            log.exception("[CLAIMS] Failed", redemption_id=str(redemption_id))
            failed += 1
            continue
        if ended is not None:
            follow_ended(ended, now=now)
            taken_back += 1
    result = ClaimExpiry(taken_back=taken_back, failed=failed)
    if taken_back or failed:
        log.info("[CLAIMS] Taken back what nobody opened", **dataclasses.asdict(result))
    return result


@seeing(EVERYTHING)
@durable
def remind_claims(*, now: datetime, limit: int) -> int:
    """Remind whoever has not opened their card, some days before it is taken back; once each.

    It goes where the reward went. Safe to run twice at once and to be killed.

    :returns: how many were reminded.
    """
    due = _unopened(_soon_expired(now)).filter(
        ~Exists(_reminders(OuterRef("pk"))),
        ~Q(contact_method="none"),
        issued_at__lt=now - _REMIND_AFTER,
    )
    count = 0
    for redemption_id in _pages(due, limit=limit):
        count += _remind(redemption_id, now=now)
    if count:
        ring_bell("sms.tasks.send_messages")
        log.info("[CLAIMS] Reminded", rewards=count)
    return count


def _expired(now: datetime) -> QuerySet[Campaign]:
    return Campaign.objects.filter(claim_expires_at__lt=now)


def _soon_expired(now: datetime) -> QuerySet[Campaign]:
    days = ExpressionWrapper(
        F("claim_reminder_days") * timedelta(days=1), output_field=DurationField()
    )
    return Campaign.objects.alias(days=days).filter(
        claim_reminder_days__gt=0,
        claim_expires_at__gte=now,
        claim_expires_at__lte=now + F("days"),
    )


def _unopened(campaigns: QuerySet[Campaign]) -> QuerySet[Redemption]:
    """Return the rewards of some campaigns whose card nobody may have seen, nor one before it."""
    seen_before = Replacement.objects.filter(redemption=OuterRef("pk"), old_was_disclosed=True)
    return Redemption.objects.filter(
        ~Exists(seen_before),
        campaign__in=campaigns,
        state__in=Redemption.STANDING,
        is_test=False,
        card__disclosed_at=None,
        card__status__in=[GiftCard.Status.CLAIMED, GiftCard.Status.DELIVERED],
    )


def _pages(rewards: QuerySet[Redemption], *, limit: int) -> Iterator[UUID]:
    """Yield the ids, a page at a time, each once whatever becomes of those before it."""
    last: UUID | None = None
    left = limit
    while left > 0:
        page = list(
            (rewards if last is None else rewards.filter(pk__gt=last))
            .order_by("pk")
            .values_list("pk", flat=True)[: min(_PAGE, left)]
        )
        yield from page
        if len(page) < min(_PAGE, left):
            return
        last, left = page[-1], left - len(page)


def _take_back(reward: LockedReward, *, now: datetime) -> Ended | None:
    """Ask again under the locks what the list was made by, and end it; None to leave it alone."""
    redemption, card = reward.redemption, reward.card
    is_over = _expired(now).filter(pk=redemption.campaign_id).exists()
    if (
        not is_over
        or redemption.state not in Redemption.STANDING
        or card is None
        or reward.is_spent
        or card.status not in (GiftCard.Status.CLAIMED, GiftCard.Status.DELIVERED)
        or has_order_alive(holder_kind=KIND, holder_id=redemption.pk)
    ):
        return None
    return give_back_unseen(
        reward,
        action="redemption.claim_expired",
        reason_code=ErrorCode.CODE_EXPIRED,
        reason=_REASON,
        is_unopened=True,
        now=now,
    )


@durable
def _remind(redemption_id: UUID, *, now: datetime) -> bool:
    with transaction():
        # Messages about a reward are promised under its lock: of two rounds at once the second
        # finds the first one's.
        redemption = Redemption.objects.select_for_update(no_key=True, of=("self",)).get(
            pk=redemption_id
        )
        due = _unopened(_soon_expired(now)).filter(pk=redemption.pk)
        if _reminders(redemption_id).exists() or not due.exists():
            return False
        call_function("SELECT redemption_queue_message(%s, 'reminder', %s)", [redemption_id, now])
    return True


def _reminders(redemption_id: UUID | OuterRef) -> QuerySet[Message]:
    return Message.objects.filter(
        reference_kind=KIND,
        reference_id=redemption_id,
        purpose=MessageTemplate.Purpose.REMINDER,
    )
