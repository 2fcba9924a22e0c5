"""Taking pools out of use and back: an archived pool gives and takes no card, and is kept."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction
from credit.services.audit import record_event
from giftcards.models import Pool
from giftcards.selectors.levels import count_levels


@dataclasses.dataclass(eq=False, kw_only=True)
class PoolHoldsCardsError(ServiceError):
    """The pool still has cards to give, and nobody said that it is to go all the same."""

    code: ClassVar = ErrorCode.STATE_FORBIDS
    pool_id: UUID
    available: int


@seeing(EVERYTHING)
@durable
def archive_pool(*, pool_id: UUID, with_cards: bool, actor: str, now: datetime) -> bool:
    """Take a pool out of use; return False if it was already. Its cards stay where they are.

    :param with_cards: archive it although it has available cards, which nobody gets meanwhile.
    :raises Pool.DoesNotExist: there is no such pool.
    :raises PoolHoldsCardsError: it has, and that was not said (GC-115).
    """
    with transaction():
        pool = Pool.objects.select_for_update(of=("self",)).select_related("client").get(pk=pool_id)
        if pool.archived_at is not None:
            return False
        available = count_levels(pool_ids=[pool.pk], now=now)[pool.pk].available
        if available and not with_cards:
            raise PoolHoldsCardsError(
                pool_id=pool.pk,
                available=available,
                errors={"pool": [f"It still holds {available:,} available cards."]},
            )
        Pool.objects.filter(pk=pool.pk).update(archived_at=now)
        record_event(
            actor=actor,
            action="pool.archived",
            object_kind="pool",
            object_id=pool.pk,
            now=now,
            after={"available": available},
            owner=pool.client,
        )
    return True


@seeing(EVERYTHING)
@durable
def restore_pool(*, pool_id: UUID, actor: str, now: datetime) -> bool:
    """Take a pool back into use; return False if it was in use.

    :raises Pool.DoesNotExist: there is no such pool.
    """
    with transaction():
        pool = Pool.objects.select_for_update(of=("self",)).select_related("client").get(pk=pool_id)
        if pool.archived_at is None:
            return False
        Pool.objects.filter(pk=pool.pk).update(archived_at=None)
        record_event(
            actor=actor,
            action="pool.restored",
            object_kind="pool",
            object_id=pool.pk,
            now=now,
            before={"archived_at": pool.archived_at.isoformat()},
            owner=pool.client,
        )
    return True
