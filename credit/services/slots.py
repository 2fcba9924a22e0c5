"""Splitting the balance of an account that pays too often for one row; see Note [Slots]."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.db import OperationalError

from alerts.errors import ValidationFailedError
from alerts.statements import call_function
from alerts.transactions import durable
from credit.models import Account
from credit.selectors.balances import list_uneven_accounts
from credit.services.idempotency import StillRunningError
from credit.services.transfers import AccountNotFoundError

log = structlog.get_logger()

USUAL_SLOTS: Final = 64
FEWEST_SLOTS: Final = 2
MOST_SLOTS: Final = 512
_REBALANCE: Final = "SELECT credit_rebalance(%s, %s, %s::integer, %s, %s)"


@durable
def split_account(*, account_id: UUID, actor: str, now: datetime, slots: int = USUAL_SLOTS) -> bool:
    """Spread an account's balance over slots, from now on; return whether money moved for it.

    For an account that pays more than about 300 times a second. Its balance stays one number to
    everybody who asks ``credit/selectors/balances.py``. Again with the same number does nothing,
    or evens the slots out; with another number it changes how many there are.

    :param slots: from ``FEWEST_SLOTS`` to ``MOST_SLOTS``; as many as debits at the same time.
    :raises ValidationFailedError: too few or too many slots, or one of the platform's accounts.
    :raises AccountNotFoundError: no such account (GC-111).
    :raises StillRunningError: somebody kept the account locked for two seconds; nothing changed.
    """
    if not FEWEST_SLOTS <= slots <= MOST_SLOTS:
        raise ValidationFailedError(
            errors={"slots": [f"Between {FEWEST_SLOTS} and {MOST_SLOTS} slots."]}
        )
    return _rebalance(account_id, slots=slots, actor=actor, now=now)


@durable
def merge_account(*, account_id: UUID, actor: str, now: datetime) -> bool:
    """Make a split account's balance one number again; return whether money moved for it.

    :raises ValidationFailedError: one of the platform's accounts.
    :raises AccountNotFoundError: no such account (GC-111).
    :raises StillRunningError: somebody kept the account locked for two seconds; nothing changed.
    """
    return _rebalance(account_id, slots=0, actor=actor, now=now)


@durable
def rebalance_account(*, account_id: UUID, actor: str, now: datetime) -> bool:
    """Even out a split account's slots; return whether money moved. Others are left as they are.

    :raises ValidationFailedError: one of the platform's accounts.
    :raises AccountNotFoundError: no such account (GC-111).
    :raises StillRunningError: somebody kept the account locked for two seconds; nothing changed.
    """
    return _rebalance(account_id, slots=None, actor=actor, now=now)


@durable
def rebalance_accounts(*, now: datetime) -> int:
    """Even out every account whose slots have become uneven enough; return how many were.

    Each in a transaction of its own. One that is locked is left to the next time.
    """
    evened = 0
    for account_id in list_uneven_accounts():
        try:
            evened += rebalance_account(account_id=account_id, actor="system", now=now)
        except StillRunningError:
            log.info("[SLOTS] In use, left uneven", account_id=str(account_id))
    return evened


def _rebalance(account_id: UUID, *, slots: int | None, actor: str, now: datetime) -> bool:
    level = (
        Account.objects.filter(pk=account_id).values_list("level", flat=True).order_by("pk").first()
    )
    if level is None:
        raise AccountNotFoundError(account_id=account_id)
    if level == Account.Level.PLATFORM:
        raise ValidationFailedError(
            errors={"account_id": ["The platform's accounts keep no balance to split."]}
        )
    try:
        # Autocommit: the statement is the transaction.
        (is_moved,) = call_function(_REBALANCE, [uuid4(), account_id, slots, actor, now])
    except OperationalError as error:
        sqlstate = getattr(error.__cause__, "sqlstate", None)
        if sqlstate == StillRunningError.LOCK_NOT_AVAILABLE:
            raise StillRunningError from error
        raise
    log.info("[SLOTS] Set", account_id=str(account_id), slots=slots, is_moved=is_moved)
    return bool(is_moved)
