"""What the rewards of a campaign would be charged if they were given now."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from uuid import UUID

from redemption.models import Condition
from redemption.selectors.offers import with_price


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConditionCharge:
    """What a campaign's budget is debited for the reward of one condition, in minor units."""

    campaign_id: UUID
    condition_number: int
    amount_minor: int
    currency: str


def list_charges(*, campaign_ids: Collection[UUID]) -> list[ConditionCharge]:
    """Return the charge of every active condition whose reward can be given at all.

    Left out is what ``redemption_redeem`` refuses whatever the budget holds: a condition without
    brand or value, or whose value is not offered (Note [Price]).
    """
    rows = (
        with_price(Condition.objects.filter(campaign_id__in=campaign_ids, is_active=True))
        .order_by("campaign_id", "number")
        .values_list("campaign_id", "number", "price_minor", "currency")
    )
    return [
        ConditionCharge(
            campaign_id=campaign_id,
            condition_number=number,
            amount_minor=amount_minor,
            currency=currency,
        )
        for campaign_id, number, amount_minor, currency in rows
    ]
