"""The latest redemptions of a client, as its managers see them: no code, no card."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from uuid import UUID

from credit.selectors.viewers import Viewer
from redemption.models import Redemption


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecentRedemption:
    """A redemption in a list; amounts in minor units, ``contact_to`` as it was given."""

    redemption_id: UUID
    at: datetime
    campaign: str
    condition: str
    brand: str
    state: str
    is_test: bool
    face_value_minor: int | None
    charged_minor: int | None
    currency: str
    contact_method: str
    contact_to: str = dataclasses.field(repr=False)


def list_recent_redemptions(
    *, viewer: Viewer, client_id: UUID, limit: int
) -> list[RecentRedemption]:
    """Return a client's latest redemptions, the newest first; none to whom may not see it."""
    rows = (
        Redemption.objects.filter(viewer.client_filter(), client_id=client_id)
        .select_related("campaign", "condition__brand")
        .order_by("-created_at")[:limit]
    )
    return [
        RecentRedemption(
            redemption_id=row.pk,
            at=row.created_at,
            campaign=row.campaign.name,
            condition=row.condition.name,
            brand=row.condition.brand.name if row.condition.brand else "",
            state=row.state,
            is_test=row.is_test,
            face_value_minor=row.face_value_minor,
            charged_minor=row.charged_minor,
            currency=row.currency,
            contact_method=row.contact_method,
            contact_to=row.contact_to,
        )
        for row in rows
    ]
