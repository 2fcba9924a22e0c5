"""How much of a campaign's caps is used up: Note [Caps] in ``redemption/sql/rules.sql``."""

from __future__ import annotations

from datetime import UTC, datetime

from redemption.models import Campaign, DailyClaims


def claims_on(campaign: Campaign, *, now: datetime) -> int:
    """Return how many rewards of a capped campaign were claimed on the day (UTC) of ``now``."""
    counted = DailyClaims.objects.filter(campaign=campaign, day=now.astimezone(UTC).date())
    return next(iter(counted.values_list("claims", flat=True)), 0)


def is_cap_reached(campaign: Campaign, *, taken: int, now: datetime) -> bool:
    """Tell whether one more reward for somebody who has had ``taken`` would be one too many."""
    if campaign.cap_per_recipient is not None and taken >= campaign.cap_per_recipient:
        return True
    return campaign.cap_per_day is not None and claims_on(campaign, now=now) >= campaign.cap_per_day
