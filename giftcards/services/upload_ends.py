"""How a large upload ends before it is in stock: nothing of it stays but its row."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.transactions import durable, transaction, transaction_required
from giftcards.models import CardBatch, UploadJob
from giftcards.services.card_staging import clear_staged_cards

# Of these a worker or a sender may have something in hand.
UNDER_WAY: Final = frozenset(
    {
        CardBatch.State.RECEIVING,
        CardBatch.State.CHECKING,
        CardBatch.State.PREVIEWED,
        CardBatch.State.IMPORTING,
    }
)


@dataclasses.dataclass(eq=False, kw_only=True)
class UploadStoppedError(ServiceError):
    """Somebody has stopped the upload."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


@transaction_required
def lock_upload(*, batch_id: UUID) -> CardBatch:
    """Return an upload that nobody else can take a step with until the transaction ends."""
    return (
        CardBatch.objects.select_for_update(of=("self",))
        .select_related("pool__brand", "pool__client", "pool__denomination")
        .get(pk=batch_id)
    )


@durable
def end_upload(*, batch_id: UUID, state: CardBatch.State, note: str, now: datetime) -> bool:
    """End an upload that is under way, with its staged rows; tell whether it was.

    :param state: stopped or failed.
    :param note: why, in a sentence for who reads its page.
    """
    with transaction():
        batch = lock_upload(batch_id=batch_id)
        clear_staged_cards(batch_id=batch_id)
        is_under_way = batch.state in UNDER_WAY
        if is_under_way:
            CardBatch.objects.filter(pk=batch_id).update(state=state, accepted=0)
        rest_upload(batch_id=batch_id, note=note if is_under_way else None, now=now)
    return is_under_way


@durable
def forget_upload(*, batch_id: UUID) -> None:
    """Remove an upload that was refused while it was being received."""
    with transaction():
        clear_staged_cards(batch_id=batch_id)
        CardBatch.objects.filter(pk=batch_id, state=CardBatch.State.RECEIVING).delete()


@transaction_required
def rest_upload(*, batch_id: UUID, note: str | None, now: datetime) -> None:
    """Leave nothing for a worker to do with an upload.

    :param note: what its page says; None keeps what it said.
    """
    said = {} if note is None else {"note": note[:300]}
    UploadJob.objects.filter(pk=batch_id).update(
        due_at=None,
        leased_until=None,
        stop_asked_at=None,
        attempts=0,
        changed_at=now,
        **said,
    )
