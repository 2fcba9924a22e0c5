"""How long points tell where a gift card was sent."""

from __future__ import annotations

from typing import Final

from alerts.services.retention import RetentionRule

RULES: Final = (
    RetentionRule(
        name="points_card_addresses",
        setting="RETAIN_MESSAGES",
        words="where gift cards for points were sent",
        table="loyalty_reward",
        # A card that is still being bought is sent there.
        due="created_at < %(before)s AND contact_to <> ''"
        " AND state IN ('issued', 'delivered', 'confirmed', 'failed')",
        changes="contact_to = ''",
    ),
)
