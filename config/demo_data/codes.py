"""Redemption codes to try: fresh ones, and one that takes no card and no money."""

from __future__ import annotations

from typing import Any, Final

from alerts.transactions import transaction, transaction_required
from config.demo_data.plan import (
    BUFFER_POOL,
    DEMO_CAMPAIGN,
    DEMO_CLIENT,
    FALLBACK_CAMPAIGN,
    ON_THE_SPOT_CAMPAIGN,
)
from giftcards.models import Pool
from redemption.codes import format_code
from redemption.models import Campaign, Recipient
from redemption.services.recipients import add_recipient, open_redemption_code

FRESH_CODES: Final = 20
_CODES_TO_BUY_FOR: Final = 5


def seed_codes() -> dict[str, Any]:
    """Make codes until there are twenty unused ones and an unused test code; return them."""
    with transaction():
        campaign = Campaign.objects.get(client__slug=DEMO_CLIENT, name=DEMO_CAMPAIGN)
        return {
            "codes": _unused_codes(campaign, count=FRESH_CODES, is_test=False),
            "test_code": _unused_codes(campaign, count=1, is_test=True)[0],
        }


def seed_provider_codes() -> dict[str, Any]:
    """Return what a tester of bought cards needs: campaigns with codes, and the buffer.

    Where five codes are not left unused, new ones are made.
    """
    with transaction():
        return {
            "provider": {
                "on_the_spot": _describe_buying(ON_THE_SPOT_CAMPAIGN),
                "fallback": _describe_buying(FALLBACK_CAMPAIGN),
                "buffer": _describe_pool(Pool.objects.get(name=BUFFER_POOL, kind="buffer")),
            }
        }


@transaction_required
def _describe_buying(name: str) -> dict[str, Any]:
    campaign = Campaign.objects.get(client__slug=DEMO_CLIENT, name=name)
    pool = Pool.objects.get(conditions__campaign=campaign)
    codes = _unused_codes(campaign, count=_CODES_TO_BUY_FOR, is_test=False)
    return {"campaign_id": str(campaign.pk), **_describe_pool(pool), "codes": codes}


def _describe_pool(pool: Pool) -> dict[str, Any]:
    return {
        "pool_id": str(pool.pk),
        "purchase_method": pool.purchase_method,
        "provider_slug": pool.brand.provider_slug,
        **({} if pool.target_level is None else {"target_level": pool.target_level}),
    }


@transaction_required
def _unused_codes(campaign: Campaign, *, count: int, is_test: bool) -> list[str]:
    unused = Recipient.objects.filter(campaign=campaign, is_test=is_test, redemptions=None)
    missing = count - unused.count()
    for _ in range(missing):
        add_recipient(campaign=campaign, is_test=is_test)
    oldest = unused.order_by("created_at", "pk")[:count]
    return [format_code(open_redemption_code(recipient)) for recipient in oldest]
