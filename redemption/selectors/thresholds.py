"""The low-balance thresholds of the accounts that pay for a campaign, at hand for every charge.

Note [Thresholds at hand]
Whether a charge has taken an account below its threshold is asked at every redemption, and the
threshold changes once in a month. So each process remembers it for a minute; who changes it
looks at the balance himself, and what falls into the minute is found by the periodic review.
"""

from __future__ import annotations

import time
from typing import Final
from uuid import UUID

from alerts.scope import EVERYTHING, seeing
from redemption.models import Campaign

_REMEMBERED_SECONDS: Final = 60.0
_MOST: Final = 10_000
_remembered: dict[UUID, tuple[float, tuple[int, ...]]] = {}


def thresholds_of_campaign(*, campaign_id: UUID) -> tuple[int, ...]:
    """Return the thresholds, in minor units; none where no account has one."""
    now = time.monotonic()
    until, thresholds = _remembered.get(campaign_id, (0.0, ()))
    if now < until:
        return thresholds
    with seeing(EVERYTHING):
        row = Campaign.objects.values_list(
            "account__low_balance_threshold_minor", "own_account__low_balance_threshold_minor"
        ).get(pk=campaign_id)
    thresholds = tuple({threshold for threshold in row if threshold is not None})
    if len(_remembered) >= _MOST:
        _remembered.clear()
    _remembered[campaign_id] = (now + _REMEMBERED_SECONDS, thresholds)
    return thresholds
