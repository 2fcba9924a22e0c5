"""Who hears that an account's balance changed: the apps above, which this one does not know.

``settings.CREDIT_EVENTS`` names, for each event, one function by its dotted path. That an account
changed is told after the commit; that it runs low, within the transaction that finds it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Protocol, cast
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction_required

log = structlog.get_logger()

ACCOUNT_CHANGED: Final = "account_changed"
ACCOUNT_LOW: Final = "account_low"
EVENTS: Final = frozenset({ACCOUNT_CHANGED, ACCOUNT_LOW})


class ReviewAccount(Protocol):
    """Draws the conclusions from what an account holds now, in transactions of its own."""

    def __call__(self, *, account_id: UUID, now: datetime) -> object: ...


class TellLowCredit(Protocol):
    """Promises whoever is to be told that an account runs low, in the caller's transaction."""

    def __call__(
        self, *, account_id: UUID, balance_minor: int, occurrence: int, now: datetime
    ) -> object: ...


@transaction_required
def tell_account_low(
    *, account_id: UUID, balance_minor: int, occurrence: int, now: datetime
) -> None:
    """Tell whoever listens that an account has fallen below its threshold.

    :param occurrence: the how manyeth time its level has changed.
    """
    path = settings.CREDIT_EVENTS.get(ACCOUNT_LOW)
    if path is not None:
        tell = cast(TellLowCredit, import_string(path))
        tell(account_id=account_id, balance_minor=balance_minor, occurrence=occurrence, now=now)


@durable
def tell_account_changed(*, account_ids: Iterable[UUID], now: datetime) -> None:
    """Tell whoever listens that these accounts hold something else now, after the commit.

    A failure there is logged and takes nothing back: the money has moved, and the listener's own
    periodic review catches up.
    """
    path = settings.CREDIT_EVENTS.get(ACCOUNT_CHANGED)
    if path is None:
        return
    listen = cast(ReviewAccount, import_string(path))
    for account_id in account_ids:
        try:
            # It works for the platform, on campaigns that the mover of money may not see.
            with seeing(EVERYTHING):
                listen(account_id=account_id, now=now)
        except Exception:
            log.exception("nobody drew the conclusions", account_id=str(account_id))
