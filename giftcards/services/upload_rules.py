"""What holds for every upload of cards, small or large."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from alerts.errors import ValidationFailedError
from alerts.queue import ring_bell
from alerts.services.imports import FileAlreadyUploadedError
from alerts.transactions import transaction_required
from credit.services.audit import record_event
from giftcards.models import CardBatch, Pool
from giftcards.patterns import CodePattern, PatternError


def pattern_for(pool: Pool) -> CodePattern:
    """Return what codes must look like in a pool that takes uploads.

    :raises ValidationFailedError: it takes none, or its brand's pattern can't be used (GC-012).
    """
    if pool.archived_at is not None:
        raise ValidationFailedError(errors={"pool": ["This pool is archived."]})
    if pool.purchase_method == Pool.PurchaseMethod.API_ONLY:
        raise ValidationFailedError(
            errors={"pool": ["This pool buys from its provider alone: uploads would lie idle."]}
        )
    try:
        return CodePattern(pool.brand.code_format)
    except PatternError as problem:
        raise ValidationFailedError(errors={"code_format": [str(problem)]}) from None


def refuse_known_file(*, brand_id: UUID, file_hash: bytes) -> None:
    """Refuse a file that was imported into any pool of the brand, where all its codes are.

    :raises FileAlreadyUploadedError: it was, and its import was not undone (GC-114).
    """
    known = (
        CardBatch.objects.filter(
            pool__brand_id=brand_id, file_hash=file_hash, state=CardBatch.State.IMPORTED
        )
        .order_by("created_at")
        .first()
    )
    if known is not None:
        raise FileAlreadyUploadedError(batch_id=known.pk, imported_at=known.created_at)


@transaction_required
def record_upload(
    *, batch_id: UUID, pool: Pool, accepted: int, rejected: int, actor: str, now: datetime
) -> None:
    """Write down who brought in how many cards."""
    record_event(
        actor=actor,
        action="cards.uploaded",
        object_kind="cardbatch",
        object_id=batch_id,
        now=now,
        after={"pool_id": str(pool.pk), "accepted": accepted, "rejected": rejected},
        owner=pool.client,
    )


def ring_for_new_stock() -> None:
    """Tell that cards have come, once they are committed: somebody may be waiting for them."""
    ring_bell(settings.RESTOCK_TASK)
