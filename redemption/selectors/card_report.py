"""Cards by pool, brand or client: what was handed out in a period, and what there is."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef

from credit.selectors.organisations import find_client, list_client_names
from credit.selectors.viewers import Viewer
from giftcards.models import Brand, Pool
from giftcards.selectors.pools import PoolCounts, count_cards, list_pools
from redemption.models import Condition
from redemption.selectors.reward_days import (
    Clients,
    Group,
    RewardSums,
    count_per_day,
    count_taken_back,
    sum_rewards,
)

# From so many days on a chart has a bar for each month.
_MANY_DAYS: Final = 92


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CardRow:
    """A pool, brand or client with its cards of one currency.

    :param key: None for what has no name here: in a list of pools those that are not the
        viewer's to see, in a list of clients the platform's own pools.
    :param total: all cards that its pools ever had, of which ``handed_out`` reached somebody.
    :param available: the cards that can be claimed now, in pools that are in use.
    :param sums: of the rewards of the period; None where there were none.
    """

    key: UUID | None
    name: str
    pools: tuple[Pool, ...]
    currency: str
    total: int
    handed_out: int
    available: int
    sums: RewardSums | None

    @property
    def is_archived(self) -> bool:
        """Whether none of its pools is in use."""
        return bool(self.pools) and all(pool.archived_at for pool in self.pools)

    @property
    def live_pool_ids(self) -> list[UUID]:
        return [pool.pk for pool in self.pools if pool.archived_at is None]

    @property
    def utilisation(self) -> float | None:
        """The share of all cards that reached somebody; None without cards."""
        return self.handed_out / self.total if self.total else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CardReport:
    """The report, the busiest first.

    :param bars: rewards by day, or by month under its first day in a long period.
    :param taken_back: rewards of the period that failed or were cancelled after their issue; in a
        report about one brand None, since who failed may have no card any more.
    """

    rows: tuple[CardRow, ...]
    bars: tuple[tuple[date, int], ...]
    bars_are_months: bool
    taken_back: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReportScope:
    """What a report is about: the clients and the brand that were chosen, as far as one may.

    :param brand_names: of brands whose cards the viewer has, or gives.
    :param everybody: all clients that the viewer sees, whichever was chosen.
    """

    viewer: Viewer
    client_names: Mapping[UUID, str]
    brand_names: Mapping[UUID, str]
    clients: Clients
    everybody: Clients
    client_id: UUID | None
    brand_id: UUID | None

    def pools(self, *, with_archived: bool) -> list[Pool]:
        """Return the pools in scope, by name."""
        pools = list_pools(viewer=self.viewer, with_archived=with_archived)
        if self.client_id is not None:
            pools = pools.filter(client_id=self.client_id)
        if self.brand_id is not None:
            pools = pools.filter(brand_id=self.brand_id)
        return list(pools.select_related("client").order_by("name", "pk"))


def choose_scope(*, viewer: Viewer, client_id: UUID | None, brand_id: UUID | None) -> ReportScope:
    """Return what a report is about.

    :raises Client.DoesNotExist: the client is not there for the viewer.
    :raises Brand.DoesNotExist: the brand is not there for the viewer.
    """
    names = dict(list_client_names(viewer=viewer))
    everybody = Clients(ids=list(names), are_all=viewer.sees_platform)
    clients = everybody
    if client_id is not None:
        client = find_client(viewer=viewer, client_id=client_id)
        clients = Clients(ids=[client.pk], are_all=False)
    brands = _brand_names(viewer)
    if brand_id is not None and brand_id not in brands:
        raise Brand.DoesNotExist
    return ReportScope(
        viewer=viewer,
        client_names=names,
        brand_names=brands,
        clients=clients,
        everybody=everybody,
        client_id=client_id,
        brand_id=brand_id,
    )


def _brand_names(viewer: Viewer) -> dict[UUID, str]:
    brands = Brand.objects.order_by("name", "pk").values_list("pk", "name")
    if not viewer.sees_platform:
        pools = Pool.objects.filter(viewer.client_filter(), brand=OuterRef("pk"))
        conditions = Condition.objects.filter(
            viewer.client_filter("campaign__client"), brand=OuterRef("pk")
        )
        brands = brands.filter(Exists(pools) | Exists(conditions))
    return dict(brands)


def read_card_report(
    *,
    scope: ReportScope,
    group: Group,
    first: date,
    last: date,
    now: datetime,
    stuck_after: timedelta,
) -> CardReport:
    """Return the report about the rewards issued from the first to the last day (UTC)."""
    pools = scope.pools(with_archived=True)
    counts = count_cards(pool_ids=[pool.pk for pool in pools], now=now, stuck_after=stuck_after)
    sums = sum_rewards(
        clients=scope.clients,
        group=group,
        first=first,
        last=last,
        brand_id=scope.brand_id,
        pool_ids=None if scope.clients.are_all else [pool.pk for pool in pools],
    )
    by_month = (last - first).days >= _MANY_DAYS
    bars = _bars(scope, first, last, by_month=by_month)
    return CardReport(
        rows=tuple(_rows(scope, group, pools, counts, sums)),
        bars=tuple(sorted(bars.items())),
        bars_are_months=by_month,
        taken_back=count_taken_back(clients=scope.clients, first=first, last=last)
        if scope.brand_id is None
        else None,
    )


def _rows(
    scope: ReportScope,
    group: Group,
    pools: Iterable[Pool],
    counts: Mapping[UUID, PoolCounts],
    sums: Iterable[RewardSums],
) -> list[CardRow]:
    """Put pools and rewards together by what they are grouped by and their currency."""
    sums_of = {(row.key, row.currency): row for row in sums}
    pools_of: dict[tuple[UUID | None, str], list[Pool]] = defaultdict(list)
    for pool in pools:
        pools_of[_key_of(pool, group), pool.denomination.currency].append(pool)
    names = _names(scope, group, pools_of)
    rows = []
    for key, currency in {**pools_of, **sums_of}:
        of_group = pools_of.get((key, currency), [])
        rows.append(
            CardRow(
                key=key,
                name=names.get(key, "") if key else "",
                pools=tuple(of_group),
                currency=currency,
                total=sum(counts[pool.pk].total for pool in of_group),
                handed_out=sum(
                    counts[pool.pk].delivered + counts[pool.pk].redeemed for pool in of_group
                ),
                available=sum(
                    counts[pool.pk].available for pool in of_group if pool.archived_at is None
                ),
                sums=sums_of.get((key, currency)),
            )
        )
    rows.sort(key=lambda row: (-(row.sums.issued if row.sums else 0), row.name, row.currency))
    return rows


def _key_of(pool: Pool, group: Group) -> UUID | None:
    if group == "brand":
        return pool.brand_id
    return pool.client_id if group == "client" else pool.pk


def _names(
    scope: ReportScope, group: Group, pools_of: Mapping[tuple[UUID | None, str], list[Pool]]
) -> Mapping[UUID, str]:
    if group == "client":
        return scope.client_names
    if group == "brand":
        # Also of brands that nobody gives any more.
        return dict(Brand.objects.order_by().values_list("pk", "name"))
    return {pool.pk: pool.name for pools in pools_of.values() for pool in pools}


def _bars(scope: ReportScope, first: date, last: date, *, by_month: bool) -> dict[date, int]:
    """Return the rewards of each day or month of the period, quiet ones included."""
    counted = count_per_day(
        clients=scope.clients, first=first, last=last, brand_id=scope.brand_id, by_month=by_month
    )
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    bars = dict.fromkeys((day.replace(day=1) if by_month else day for day in days), 0)
    return bars | counted
