"""Which of the demo's rows scripts are told about."""

from __future__ import annotations

from typing import Any

from config.demo_data.plan import (
    CURRENCY,
    DEMO_AGENCY,
    DEMO_CAMPAIGN,
    DEMO_CLIENT,
    DEMO_POOL,
    ISOLATED_CAMPAIGN,
)
from credit.models import Account
from giftcards.models import Pool
from redemption.models import Campaign


def describe_world() -> dict[str, Any]:
    """Return the ids of the demo's campaign, pool and accounts, for demo.json."""
    campaigns = Campaign.objects.filter(client__slug=DEMO_CLIENT)
    accounts = {
        "platform": Account.objects.get(
            level=Account.Level.PLATFORM, purpose=Account.Purpose.CREDIT, currency=CURRENCY
        ).pk,
        "agency": Account.objects.get(level=Account.Level.AGENCY, agency__slug=DEMO_AGENCY).pk,
        "client": Account.objects.get(level=Account.Level.CLIENT, client__slug=DEMO_CLIENT).pk,
        "campaign": campaigns.get(name=ISOLATED_CAMPAIGN).account_id,
    }
    pool = Pool.objects.filter(client__slug=DEMO_CLIENT, name=DEMO_POOL).earliest("created_at")
    return {
        "campaign_id": str(campaigns.get(name=DEMO_CAMPAIGN).pk),
        "pool_id": str(pool.pk),
        "accounts": {level: str(account_id) for level, account_id in accounts.items()},
    }
