"""Who stands on the other side of a movement, as far as that may be seen."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from credit.models import Account, Entry
from credit.selectors.viewers import Viewer


def names_of_counterparts(
    *, viewer: Viewer, account_id: UUID, transaction_ids: Collection[UUID]
) -> dict[UUID, str]:
    """Return the name of the other account of each movement; left out where it is out of sight.

    The platform's own accounts have no name that says anything to others.
    """
    rows = (
        Entry.objects.filter(viewer.account_filter("account__"), transaction_id__in=transaction_ids)
        .exclude(account_id=account_id)
        .exclude(account__level=Account.Level.PLATFORM)
        .order_by("number")
        .values_list("transaction_id", "account__name")
    )
    return dict(rows)
