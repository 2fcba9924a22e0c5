"""What is printed of a gift card for points beside its row."""

from __future__ import annotations

from uuid import UUID

from alerts.scope import EVERYTHING, seeing
from credit.models import Account, Entry
from loyalty.models import Reward


@seeing(EVERYTHING)
def credit_after(*, reward_id: UUID) -> int | None:
    """Return what the client's account held after it had paid for a reward's card.

    None where it paid nothing, or keeps its balance in parts.
    """
    paid = Reward.objects.filter(pk=reward_id, transaction__isnull=False).values("transaction_id")
    entries = Entry.objects.filter(
        transaction__in=paid, account__level=Account.Level.CLIENT
    ).order_by("-number")
    found = list(entries.values_list("balance_after_minor", flat=True)[:1])
    return found[0] if found else None
