"""Cards that somebody uploads: into which pool they may, how much at once, and how to undo it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import BinaryIO, ClassVar, Final
from uuid import UUID

from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.services.imports import ROWS_AT_ONCE, ImportReport, Mode
from alerts.transactions import durable, transaction, transaction_required
from credit.selectors.viewers import MANAGERS, SYSTEM, Viewer
from credit.services.audit import record_event
from credit.services.idempotency import KeyClaim
from giftcards.models import CardBatch, GiftCard, Pool
from giftcards.selectors.pools import find_pool
from giftcards.services.card_staging import (
    Tell,
    check_keys_at_once,
    parts_of,
    tell_nobody,
)
from giftcards.services.imports import import_cards

# What a partner's key needs to bring cards in.
_SCOPE: Final = "inventory:write"

# A card that was claimed meanwhile is not deleted: the DELETE waits for the claim's row lock and
# looks again. A card that has left the pool was sold, one with a history was somebody's once.
_DELETE_UNUSED: Final = """
    DELETE FROM giftcards_giftcard c
    WHERE c.batch_id = %(batch)s AND c.pool_id = %(pool)s AND c.status = 'available'
        AND c.brand_id = %(brand)s AND c.code_digest >= %(from)s AND c.code_digest < %(to)s
        AND NOT EXISTS (SELECT 1 FROM giftcards_cardevent e WHERE e.card_id = c.id)
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class PoolNotFoundError(ServiceError):
    """No such pool, or not one of the viewer's."""

    code: ClassVar = ErrorCode.NOT_FOUND
    pool_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class UploadNotUndoableError(ServiceError):
    """The upload was refused or undone before, or ``used`` of its cards are no longer in stock."""

    code: ClassVar = ErrorCode.STATE_FORBIDS
    state: str
    used: int = 0


def find_pool_to_fill(*, viewer: Viewer, pool_id: UUID) -> Pool:
    """Return a pool into which the viewer may bring cards.

    :raises PoolNotFoundError: there is none, or it is not the viewer's to fill (GC-111).
    """
    uploader = (
        viewer if viewer == SYSTEM or _SCOPE in viewer.scopes else viewer.narrowed_to(MANAGERS)
    )
    try:
        return find_pool(viewer=uploader, pool_id=pool_id)
    except Pool.DoesNotExist:
        raise PoolNotFoundError(pool_id=pool_id) from None


@durable
def upload_cards(
    *,
    viewer: Viewer,
    pool_id: UUID,
    source: BinaryIO,
    file_name: str,
    mode: Mode,
    dry_run: bool,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    first_line: int = 1,
    claim: KeyClaim | None = None,
    card_source: GiftCard.Source = GiftCard.Source.UPLOAD,
) -> ImportReport:
    """Bring the cards of a file into one of the viewer's pools: ``import_cards`` for people.

    A repeat with the same claim raises ``KeyAnsweredError``, and the same file without one is
    refused, so nothing is written twice.

    :raises PoolNotFoundError: the pool is not the viewer's to fill (GC-111).
    :raises FileTooLargeError: there are more than 10,000 rows (GC-116).
    :raises ServiceError: anything else that ``import_cards`` raises.
    """
    pool = find_pool_to_fill(viewer=viewer, pool_id=pool_id)
    # Whether a code is there already is asked of all the brand's pools, whoever's they are.
    with seeing(EVERYTHING):
        return import_cards(
            pool=pool,
            source=source,
            file_name=file_name,
            mode=mode,
            dry_run=dry_run,
            actor=viewer.actor,
            now=now,
            mapping=mapping,
            max_rows=ROWS_AT_ONCE,
            first_line=first_line,
            claim=claim,
            card_source=card_source,
        )


@seeing(EVERYTHING)
@durable
def undo_upload(*, batch_id: UUID, actor: str, now: datetime, tell: Tell = tell_nobody) -> int:
    """Take all cards of an upload out of stock again; return how many they were.

    All of them or none, and only while nobody had any; then the same file can come again. A
    repeat is refused.

    :raises UploadNotUndoableError: it is no import, or not unused any more (GC-115).
    """
    with transaction():
        batch = (
            CardBatch.objects.select_for_update(of=("self",))
            .select_related("pool__client")
            .get(pk=batch_id)
        )
        if batch.state != CardBatch.State.IMPORTED:
            raise UploadNotUndoableError(state=batch.state)
        deleted = _delete_unused(batch, tell)
        if deleted != batch.accepted:
            raise UploadNotUndoableError(state=batch.state, used=batch.accepted - deleted)
        CardBatch.objects.filter(pk=batch.pk).update(state=CardBatch.State.UNDONE)
        record_event(
            actor=actor,
            action="cards.upload_undone",
            object_kind="cardbatch",
            object_id=batch.pk,
            now=now,
            before={"pool_id": str(batch.pool_id), "cards": deleted},
            owner=batch.pool.client,
        )
    return deleted


@transaction_required
def _delete_unused(batch: CardBatch, tell: Tell) -> int:
    deleted = 0
    check_keys_at_once()
    with connection.cursor() as cursor:
        for begin, end, share in parts_of(batch.accepted):
            cursor.execute(
                _DELETE_UNUSED,
                {
                    "batch": batch.pk,
                    "pool": batch.pool_id,
                    "brand": batch.pool.brand_id,
                    "from": begin,
                    "to": end,
                },
            )
            deleted += int(cursor.rowcount)
            tell(round(share * batch.accepted))
    return deleted
