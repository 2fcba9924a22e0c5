"""Cards that were claimed and went nowhere, as the clean-up raises them and before it comes by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef

from alerts.models import Alert
from alerts.services.monitors import Finding, find_standing, register_monitor
from giftcards.models import GiftCard
from giftcards.selectors.inventory import count_stuck
from redemption.services.ending import KIND
from redemption.services.stuck import MANY, STUCK_CARD, card_key, describe_many
from sms.models import Message


@register_monitor("stuck_cards")
def watch_stuck_cards(*, now: datetime) -> Iterable[Finding]:
    """Find cards that are claimed for longer than ``STUCK_ALERT_AFTER``, and many at once.

    By the partial index of the claimed cards: a card is in it for seconds, unless it is stuck.
    """
    many = count_stuck(now=now, after=timedelta(seconds=settings.STUCK_AFTER))
    standing = find_standing(kind=STUCK_CARD)
    found = {} if many > MANY else _one_by_one(now)
    # What stands goes on while its card is where it was, however many are stuck beside it.
    held = GiftCard.objects.filter(
        pk__in=[alert.data["card_id"] for alert in standing.values()],
        status__in=[GiftCard.Status.CLAIMED, GiftCard.Status.QUARANTINED],
    )
    keys = {card_key(pk) for pk in held.values_list("pk", flat=True)}
    yield from (standing[key] for key in sorted(keys))
    yield from (finding for key, finding in found.items() if key not in keys)
    if many > MANY:
        yield describe_many(many)


def _one_by_one(now: datetime) -> dict[str, Finding]:
    minutes = settings.THRESHOLDS.stuck_seconds / 60
    # A text that is tried again later, as the retry table has it, is on its way.
    is_waiting = Exists(
        Message.objects.filter(
            reference_kind=KIND,
            reference_id=OuterRef("holder_id"),
            next_attempt_at__gt=now,
            attempts_used__gt=0,
        )
    )
    stuck = GiftCard.objects.filter(
        ~is_waiting,
        status=GiftCard.Status.CLAIMED,
        claimed_at__lt=now - timedelta(minutes=minutes),
    ).order_by("claimed_at", "pk")
    return {
        card_key(card_id): Finding(
            kind=STUCK_CARD,
            severity=Alert.Severity.WARNING,
            subject=f"A card has been on its way for more than {minutes:g} minutes",
            message="It was claimed for somebody and is delivered to nobody. Look whether texts go"
            " out and the workers run; the clean-up decides by itself what becomes of it.",
            data={"card_id": card_id, "redemption_id": holder_id},
            dedupe_key=card_key(card_id),
            client_id=client_id,
        )
        for card_id, holder_id, client_id in stuck.values_list("pk", "holder_id", "client_id")
    }
