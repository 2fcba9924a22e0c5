"""A client's campaigns: when they run, and which cards they give."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from credit.selectors.viewers import Viewer
from redemption.models import Campaign, Condition

# What is or may soon again be open to its people.
_IN_USE: Final = (Campaign.Status.ACTIVE, Campaign.Status.DEPLETED, Campaign.Status.PAUSED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """A campaign and when it runs; None is no limit."""

    campaign_id: UUID
    name: str
    status: str
    starts_at: datetime | None
    ends_at: datetime | None
    claim_expires_at: datetime | None


def list_campaigns(*, viewer: Viewer, client_id: UUID) -> list[CampaignFacts]:
    """Return a client's campaigns by name; none to whom may not see the client."""
    rows = Campaign.objects.filter(viewer.client_filter(), client_id=client_id)
    return [_facts_of(row) for row in rows.order_by("name", "pk")]


def campaigns_of(
    *, viewer: Viewer, client_id: UUID | None = None, status: str | None = None
) -> QuerySet[Campaign]:
    """Return the campaigns that the viewer may see, with their conditions by number.

    :param client_id: of this client only; None: of every one.
    :param status: in this state only; None: in any.
    """
    conditions = Condition.objects.select_related("brand").order_by("number")
    rows = Campaign.objects.filter(viewer.client_filter())
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    if status is not None:
        rows = rows.filter(status=status)
    return rows.prefetch_related(Prefetch("conditions", queryset=conditions))


def list_campaigns_giving(
    *,
    viewer: Viewer,
    client_id: UUID,
    brand_id: UUID,
    value_minor: int | None = None,
    currency: str = "",
) -> list[CampaignFacts]:
    """Return the client's campaigns in use that give cards of a brand, by name.

    :param value_minor: cards of this value and ``currency`` only; None: of any value.
    """
    conditions = Condition.objects.filter(
        campaign=OuterRef("pk"), is_active=True, brand_id=brand_id
    )
    if value_minor is not None:
        conditions = conditions.filter(card_value_minor=value_minor, currency=currency)
    rows = Campaign.objects.filter(
        viewer.client_filter(), Exists(conditions), client_id=client_id, status__in=_IN_USE
    )
    return [_facts_of(row) for row in rows.order_by("name", "pk")]


def _facts_of(row: Campaign) -> CampaignFacts:
    return CampaignFacts(
        campaign_id=row.pk,
        name=row.name,
        status=row.status,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        claim_expires_at=row.claim_expires_at,
    )
