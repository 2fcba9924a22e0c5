"""One code, two people: the second gets another card and an apology; the incident is written.

Note [Duplicate claims]
The code was the first one's: theirs stays as it is. The second's card becomes void for good and
never goes back to stock, since its code is in somebody's hands. The new card, the text that says
sorry, the call the desk owes them, the record and the alert are one transaction: all or nothing.
It is done for a card and not for a person: of two operators who press at once the second is told
what the first has done.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from django.conf import settings

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert
from alerts.transactions import durable, transaction_required
from credit.selectors.viewers import Viewer
from credit.services.audit import record_event
from redemption.models import DeskTask, Replacement
from redemption.selectors.duplicates import DuplicateClaim, list_duplicates
from redemption.services.desk_tasks import open_task
from redemption.services.ending import KIND, LockedReward
from redemption.services.replacing import CardChangedError, Replaced, replace_card

_REASON: Final = "The same code was given to somebody else before"
_NOTE: Final = (
    "Their card had the code of somebody else's card. Say sorry: it is void, and a new one of the "
    "same value was sent to them."
)


@dataclasses.dataclass(eq=False, kw_only=True)
class NoDuplicateError(ServiceError):
    """Nobody else holds the code of this card, or not before this one did."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SettledDuplicate:
    """What the second person got instead.

    :param was_settled: somebody had done it before; nothing was done now.
    """

    redemption_id: UUID
    old_card_id: UUID
    new_card_id: UUID
    was_settled: bool


@seeing(EVERYTHING)
@durable
def settle_duplicate(*, viewer: Viewer, card_id: UUID, now: datetime) -> SettledDuplicate:
    """Give who holds a code as the second another card, and say sorry.

    A repeat does nothing and says what was done. With no other card in stock everything stays.

    :param card_id: the second's card.
    :raises NoDuplicateError: GC-111.
    :raises ReplaceNotPermittedError: GC-110.
    :raises OutOfStockError: GC-003.
    :raises StillRunningError: somebody else works on it (GC-108).
    """
    found = next((one for one in list_duplicates() if one.second.card_id == card_id), None)
    if found is None:
        return _settled(card_id)
    try:
        replaced = replace_card(
            viewer=viewer,
            redemption_id=found.second.redemption_id,
            reason=_REASON,
            now=now,
            card_id=card_id,
            purpose="apology",
            also=lambda reward, replaced: _write_down(
                found, reward, replaced, actor=viewer.actor, now=now
            ),
        )
    except CardChangedError:
        return _settled(card_id)
    return SettledDuplicate(
        redemption_id=replaced.redemption_id,
        old_card_id=card_id,
        new_card_id=replaced.new_card_id,
        was_settled=False,
    )


def _settled(card_id: UUID) -> SettledDuplicate:
    try:
        done = Replacement.objects.get(old_card=card_id, reason=_REASON)
    except Replacement.DoesNotExist:
        raise NoDuplicateError from None
    return SettledDuplicate(
        redemption_id=done.redemption_id,
        old_card_id=card_id,
        new_card_id=done.new_card_id,
        was_settled=True,
    )


@transaction_required
def _write_down(
    found: DuplicateClaim, reward: LockedReward, replaced: Replaced, *, actor: str, now: datetime
) -> None:
    redemption = reward.redemption
    is_text = redemption.contact_method == "sms"
    open_task(
        kind=DeskTask.Kind.APOLOGY,
        client_id=redemption.client_id,
        recipient_id=redemption.recipient_id,
        redemption_id=redemption.pk,
        phone=redemption.contact_to if is_text else found.second.phone,
        note=_NOTE,
        due_at=now + timedelta(seconds=settings.CALL_BACK_WITHIN),
        actor=actor,
        now=now,
    )
    cards = {
        "first_card_id": str(found.first.card_id),
        "second_card_id": str(found.second.card_id),
        "new_card_id": str(replaced.new_card_id),
    }
    record_event(
        actor=actor,
        action="duplicate.settled",
        object_kind=KIND,
        object_id=redemption.pk,
        now=now,
        before={"why": found.why, "first_redemption_id": str(found.first.redemption_id)},
        after=cards,
        owner=redemption.client,
    )
    _alert(found, now=now, done=cards)


@durable
@seeing(EVERYTHING)
def alert_duplicates(*, now: datetime) -> int:
    """Raise a critical alert for each code that two people hold; return how many there are."""
    found = list_duplicates()
    for one in found:
        _alert(one, now=now)
    return len(found)


def _alert(found: DuplicateClaim, *, now: datetime, done: dict[str, str] | None = None) -> None:
    words = (
        "The second one's card is void; they were sent another one and an apology, and the desk "
        "calls them. Find out how the code came in twice."
        if done
        else "Open Duplicate claims, and give the second one another card."
    )
    raise_alert(
        kind="duplicate_claim",
        severity=Alert.Severity.CRITICAL,
        subject=f"Two people hold the same code: {found.second.brand} …{found.second.last4}",
        message=words,
        dedupe_key=f"duplicate_claim:{found.second.card_id}",
        client_id=found.second.client_id,
        data={
            "why": found.why,
            "first_redemption_id": str(found.first.redemption_id),
            "second_redemption_id": str(found.second.redemption_id),
            **(done or {}),
        },
        now=now,
    )
