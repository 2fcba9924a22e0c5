"""Redemption codes to try: fresh ones, and one that takes no card and no money."""

from __future__ import annotations

from typing import Any, Final

from alerts.transactions import transaction, transaction_required
from config.demo_data.plan import DEMO_CAMPAIGN, DEMO_CLIENT
from redemption.codes import format_code
from redemption.models import Campaign, Recipient
from redemption.services.recipients import add_recipient, open_redemption_code

FRESH_CODES: Final = 20


def seed_codes() -> dict[str, Any]:
    """Make codes until there are twenty unused ones and an unused test code; return them."""
    with transaction():
        campaign = Campaign.objects.get(client__slug=DEMO_CLIENT, name=DEMO_CAMPAIGN)
        return {
            "codes": _unused_codes(campaign, count=FRESH_CODES, is_test=False),
            "test_code": _unused_codes(campaign, count=1, is_test=True)[0],
        }


@transaction_required
def _unused_codes(campaign: Campaign, *, count: int, is_test: bool) -> list[str]:
    unused = Recipient.objects.filter(campaign=campaign, is_test=is_test, redemptions=None)
    missing = count - unused.count()
    for _ in range(missing):
        add_recipient(campaign=campaign, is_test=is_test)
    oldest = unused.order_by("created_at", "pk")[:count]
    return [format_code(open_redemption_code(recipient)) for recipient in oldest]
