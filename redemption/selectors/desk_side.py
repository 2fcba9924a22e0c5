"""What stands beside an agent's work: stock, the day so far, the latest calls."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db.models import Count, ExpressionWrapper, F, Q, Sum
from django.db.models.fields import DurationField

from alerts.scope import EVERYTHING, seeing
from credit.selectors.viewers import Viewer, viewing
from giftcards.models import Pool
from giftcards.selectors.levels import count_levels
from redemption.models import CallSession, Campaign, Condition, ConditionMet

StockLevel = Literal["empty", "red", "amber", "green", "on_demand"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StockLine:
    """A pool that serves a campaign; ``percent`` is the available share of all it ever had."""

    brand: str
    value_minor: int
    currency: str
    whose: Literal["client", "platform", "buffer"]
    available: int
    percent: int
    level: StockLevel


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DayNumbers:
    """An agent's day; handling time is from the first sign of a call to its outcome."""

    calls: int
    rewards: int
    handling_seconds: float | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """A call that has ended."""

    call_id: UUID
    name: str
    outcome: str
    ended_at: datetime
    seconds: float


def stock_of_campaign(*, viewer: Viewer, campaign_id: UUID, now: datetime) -> list[StockLine]:
    """Return the pools that a campaign's cards come from, the emptiest first.

    The platform's own are among them, without their names.
    """
    with viewing(viewer):
        try:
            campaign = Campaign.objects.get(viewer.client_filter(), pk=campaign_id)
        except Campaign.DoesNotExist:
            return []
        conditions = list(Condition.objects.filter(campaign=campaign, is_active=True))
    wanted = Q(pk__in=[one.pool_id for one in conditions if one.pool_id])
    for one in conditions:
        if one.pool_id is None and one.brand_id and one.card_value_minor:
            wanted |= Q(
                Q(client_id=campaign.client_id) | Q(client=None),
                reserved=False,
                denomination__brand_id=one.brand_id,
                denomination__value_minor=one.card_value_minor,
                denomination__currency=one.currency,
            )
    with seeing(EVERYTHING):
        pools = list(
            Pool.objects.filter(wanted, archived_at=None)
            .select_related("brand", "denomination")
            .order_by("brand__name", "denomination__value_minor", "kind")[:12]
        )
    if not pools:
        return []
    levels = count_levels(pool_ids=[pool.pk for pool in pools], now=now)
    lines = []
    for pool in pools:
        level = levels[pool.pk]
        colour: StockLevel = level.colour
        if not level.available:
            is_bought = pool.purchase_method != Pool.PurchaseMethod.CSV_ONLY
            colour = "on_demand" if is_bought and pool.kind != Pool.Kind.BUFFER else "empty"
        lines.append(
            StockLine(
                brand=pool.brand.name,
                value_minor=pool.denomination.value_minor,
                currency=pool.denomination.currency,
                whose=_whose(pool),
                available=level.available,
                percent=level.percent,
                level=colour,
            )
        )
    order = ("empty", "red", "amber", "green", "on_demand")
    return sorted(lines, key=lambda line: order.index(line.level))


def _whose(pool: Pool) -> Literal["client", "platform", "buffer"]:
    if pool.kind == Pool.Kind.CLIENT:
        return "client"
    return "buffer" if pool.kind == Pool.Kind.BUFFER else "platform"


def day_numbers(*, agent_id: UUID, since: datetime) -> DayNumbers:
    """Return what an agent has done since a moment, from the calls that have ended."""
    with seeing(EVERYTHING):
        took = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
        calls = CallSession.objects.filter(agent_id=agent_id, ended_at__gte=since).aggregate(
            # What went on in another one is one call with it.
            calls=Count("pk", filter=Q(continued_by=None)),
            took=Sum(took),
        )
        rewards = (
            ConditionMet.objects.filter(agent_id=agent_id, at__gte=since, redemption__isnull=False)
            .values("redemption_id")
            .distinct()
            .count()
        )
    total: timedelta = calls["took"] or timedelta()
    count: int = calls["calls"]
    return DayNumbers(
        calls=count,
        rewards=rewards,
        handling_seconds=total.total_seconds() / count if count else None,
    )


def past_calls(*, viewer: Viewer, agent_id: UUID, limit: int = 5) -> list[PastCall]:
    """Return an agent's latest calls, the newest first; those of whom they still may serve."""
    with seeing(EVERYTHING):
        rows = list(
            CallSession.objects.filter(
                Q(client=None) | viewer.client_filter(),
                agent_id=agent_id,
                ended_at__isnull=False,
                continued_by=None,
            )
            .select_related("recipient")
            .order_by("-started_at")[:limit]
        )
    return [_past(row) for row in rows]


def _past(row: CallSession) -> PastCall:
    person = row.recipient
    name = "" if person is None else f"{person.first_name} {person.last_name}".strip()
    ended_at = row.ended_at or row.active_at
    return PastCall(
        call_id=row.pk,
        name=name or (f"•••{row.caller[-4:]}" if row.caller else ""),
        outcome=row.outcome,
        ended_at=ended_at,
        seconds=(ended_at - row.started_at).total_seconds(),
    )


def last_campaign(*, viewer: Viewer, agent_id: UUID) -> UUID | None:
    """Return the campaign that an agent's latest call was about, whose stock they would watch."""
    with seeing(EVERYTHING):
        rows = (
            CallSession.objects.filter(
                viewer.client_filter(), agent_id=agent_id, recipient__isnull=False
            )
            .order_by("-started_at")
            .values_list("recipient__campaign_id", flat=True)[:1]
        )
        return rows[0] if rows else None
