"""What stands in the way of forgetting a person, and what would be lost with them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from giftcards.models import ProviderOrder
from giftcards.models.order import ALIVE
from redemption.models import Redemption
from redemption.selectors.personal_data import Person, calls_of, events_of, messages_of

State = Redemption.State
_IN_WORK: Final = (State.PENDING, State.PROVISIONING, State.UNCONFIRMED)
_WAITING: Final = (State.WAITING_STOCK, State.WAITING_OPT_IN, State.WAITING_APPROVAL)


def find_obstacles(person: Person) -> list[str]:
    """Return what keeps a person from being forgotten now, each with what to do about it."""
    rewards = Redemption.objects.filter(pk__in=person.redemption_ids)
    orders = ProviderOrder.objects.filter(
        holder_kind="redemption", holder_id__in=person.redemption_ids, state__in=ALIVE
    )
    found = (
        (
            rewards.filter(state__in=_WAITING),
            "A reward waits: let it be served, or cancel it on the redemption's page.",
        ),
        (
            rewards.filter(state__in=_IN_WORK),
            "A reward is being prepared: wait some minutes, then look at the redemption's page.",
        ),
        (
            orders,
            (
                "Nobody knows yet what became of an order at a provider: settle it under "
                "Unknown outcomes first, since the money hangs on it."
            ),
        ),
        (
            messages_of(person).filter(next_attempt_at__isnull=False),
            (
                "A message is under way to them: wait until it has reached its end, or cancel the "
                "reward that it is about."
            ),
        ),
        (
            calls_of(person).filter(ended_at=None),
            "They are on the phone with an agent: wait until the call has ended.",
        ),
        (
            events_of(person).filter(next_attempt_at__isnull=False),
            (
                "An event of a CRM about them is not finished: wait a minute, or see to it under "
                "CRM events."
            ),
        ),
    )
    return [words for rows, words in found if rows.exists()]


def find_losses(person: Person, *, now: datetime) -> list[str]:
    """Return what the person would lose that they may not know of."""
    unseen = Redemption.objects.filter(
        pk__in=person.redemption_ids,
        state__in=Redemption.STANDING,
        card__disclosed_at=None,
        card__isnull=False,
    )
    losses = []
    if unseen.exists():
        losses.append(
            "They have a card that nobody has opened yet. Its link dies: cancel the redemption "
            "first where the money is to be given back."
        )
    open_ones = any(
        one.erased_at is None
        and (one.campaign.ends_at is None or one.campaign.ends_at > now)
        and one.campaign.status != "ended"
        for one in person.recipients
    )
    if open_ones:
        losses.append("Their redemption codes can't be redeemed any more, by nobody.")
    if person.shared:
        losses.append(
            "A number or address of theirs is somebody else's too, at the same client: consent "
            "and texts of that number stay, since they may be that other person's. Choose both "
            "where both are meant."
        )
    return losses
