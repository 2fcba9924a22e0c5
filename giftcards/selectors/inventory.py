"""What is in stock of each brand and value, and what has been claimed and gone nowhere."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from datetime import datetime, timedelta

from giftcards.models import GiftCard, Pool
from giftcards.selectors.levels import PoolLevel, count_levels


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ValueStock:
    """The cards in stock of one brand and value, over all pools in use.

    :param uploaded: available cards that were uploaded or added by hand.
    :param buffered: available cards that were bought ahead.
    :param pools_by_colour: how many of its pools are green, amber and red.
    """

    brand: str
    value_minor: int
    currency: str
    uploaded: int
    buffered: int
    pools_by_colour: dict[str, int]


def list_stock(*, now: datetime) -> list[ValueStock]:
    """Return the stock of every brand and value that has a pool in use, by brand and value."""
    pools = list(
        Pool.objects.filter(archived_at=None)
        .select_related("brand", "denomination")
        .order_by("brand__name", "denomination__currency", "denomination__value_minor", "name")
    )
    levels = count_levels(pool_ids=[pool.pk for pool in pools], now=now)
    groups: dict[tuple[str, int, str], list[tuple[Pool, PoolLevel]]] = defaultdict(list)
    for pool in pools:
        value = pool.denomination
        groups[pool.brand.name, value.value_minor, value.currency].append((pool, levels[pool.pk]))
    return [
        ValueStock(
            brand=brand,
            value_minor=value_minor,
            currency=currency,
            uploaded=sum(level.available for pool, level in rows if pool.kind != Pool.Kind.BUFFER),
            buffered=sum(level.available for pool, level in rows if pool.kind == Pool.Kind.BUFFER),
            pools_by_colour={
                colour: sum(level.colour == colour for _, level in rows)
                for colour in ("green", "amber", "red")
            },
        )
        for (brand, value_minor, currency), rows in groups.items()
    ]


def count_stuck(*, now: datetime, after: timedelta) -> int:
    """Count the cards that were claimed longer ago than ``after`` and delivered to nobody."""
    return GiftCard.objects.filter(
        status=GiftCard.Status.CLAIMED, claimed_at__lt=now - after
    ).count()
