"""The link that shows a reward's card: derived, so that nothing that is stored opens it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from alerts.keyring import derive_token, digest

LINK_DAYS: Final = 90


def derive_reward_token(*, reward_id: UUID) -> str:
    """Return the secret of a reward's link: 128 bits, 22 characters fit for an address."""
    return derive_token(str(reward_id), purpose="loyalty_reward_link")


def digest_of_reward_token(token: str) -> bytes:
    """Return the 32 bytes by which the reward is found."""
    return digest(token, purpose="loyalty_reward_token")


def link_until(now: datetime) -> datetime:
    """Return how long a link leads to a card that is issued now."""
    return now + timedelta(days=LINK_DAYS)
