"""Handing credit down and correcting balances: who may, once for a key, and who hears of it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import OperationalError, connection

from alerts.errors import ValidationFailedError
from alerts.transactions import durable, transaction
from credit.models import Account, Entry
from credit.money import format_amount
from credit.selectors.entries import EntryFacts, facts_of
from credit.selectors.viewers import MANAGERS, SYSTEM, Role, Viewer, viewing
from credit.services.audit import record_event
from credit.services.events import tell_account_changed
from credit.services.idempotency import (
    KeyAnsweredError,
    KeyClaim,
    StillRunningError,
    find_record,
    keep_answer,
)
from credit.services.ledger import adjust_balance, allocate
from credit.services.transfers import AccountNotFoundError, Movement, balance_after

# What a partner's key needs to hand credit down.
_SCOPE: Final = "credit:allocate"
_CREATED: Final = 201


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Money that was moved; balances in minor units, None of the platform's accounts.

    The same for the first call and every repeat, but for ``is_replay``. Of a side that is split
    into slots the entry is the last of several, with the whole amount.
    """

    transaction_id: UUID
    is_replay: bool
    out_entry: EntryFacts
    in_entry: EntryFacts
    from_balance_minor: int | None
    to_balance_minor: int | None
    currency: str


@durable
def allocate_credit(
    *,
    viewer: Viewer,
    from_account_id: UUID,
    to_account_id: UUID,
    amount_minor: int,
    currency: str,
    note: str,
    key: str,
    now: datetime,
    claim: KeyClaim | None = None,
) -> Allocation:
    """Hand credit down one level; from the platform's account it is issued.

    A repeat with the same key returns the first allocation. With a ``claim`` the key is the
    partner's Idempotency-Key, and its record is written in the same transaction.

    :param key: unique for the viewer, or for the claim's organisation.
    :raises AccountNotFoundError: an account is out of sight, or not the viewer's to pay from.
    :raises ValidationFailedError: the amount, the relation or the currency is wrong (GC-012).
    :raises AccountNotActiveError: one of the accounts is paused or closed (GC-115).
    :raises InsufficientCreditError: GC-006.
    :raises KeyReusedError: the key stands for another request (GC-107).
    :raises KeyAnsweredError: the claim was answered with a refusal, which its record keeps.
    :raises StillRunningError: the first call with the key, or whoever else has the accounts'
        rows, takes longer than two seconds (GC-108).
    """
    mover = _as_mover(viewer)

    def move() -> Movement:
        payer = _find_account(mover, from_account_id)
        payee = _find_account(mover, to_account_id)
        for account in (payer, payee):
            if account.currency != currency:
                raise ValidationFailedError(
                    errors={"currency": [f"The account keeps {account.currency}, not {currency}."]}
                )
        movement = allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor=viewer.actor,
            key=_ledger_key(viewer, key, claim),
            now=now,
            note=note,
        )
        _write_down("credit.allocated", movement, payee, amount_minor, viewer=viewer, now=now)
        return movement

    return _move_once(mover, move, claim=claim, now=now)


@durable
def issue_credit(
    *,
    viewer: Viewer,
    to_account_id: UUID,
    amount_minor: int,
    note: str,
    key: str,
    now: datetime,
) -> Allocation:
    """Issue credit to an agency from the platform's account of its currency.

    Errors and repeats: as ``allocate_credit``; nobody but the platform may.
    """
    mover = _as_mover(viewer)
    with viewing(mover):
        payee = _find_account(mover, to_account_id)
        if not mover.sees_platform:
            raise AccountNotFoundError(account_id=to_account_id)
        issuing = Account.objects.get(
            level=Account.Level.PLATFORM,
            purpose=Account.Purpose.CREDIT,
            currency=payee.currency,
        )
    return allocate_credit(
        viewer=viewer,
        from_account_id=issuing.pk,
        to_account_id=to_account_id,
        amount_minor=amount_minor,
        currency=payee.currency,
        note=note,
        key=key,
        now=now,
    )


@durable
def adjust_account(
    *,
    viewer: Viewer,
    account_id: UUID,
    amount_minor: int,
    reason: str,
    key: str,
    now: datetime,
) -> Allocation:
    """Correct a balance, up or (with a negative amount) down; for platform admins alone.

    A repeat with the same key returns the first correction.

    :raises AccountNotFoundError: no such account, or the viewer is no platform admin (GC-111).
    :raises ValidationFailedError: the amount is 0 or too large, the reason is missing (GC-012).
    :raises InsufficientCreditError: the account holds less than is to be taken (GC-006).
    :raises AccountNotActiveError: money would go to a closed account (GC-115).
    :raises KeyReusedError: the key stands for another correction (GC-107).
    """
    admin = viewer if viewer == SYSTEM else viewer.narrowed_to({Role.PLATFORM_ADMIN})
    if not admin.sees_platform:
        raise AccountNotFoundError(account_id=account_id)

    def move() -> Movement:
        movement = adjust_balance(
            account_id=account_id,
            amount_minor=amount_minor,
            reason=reason,
            actor=viewer.actor,
            key=_ledger_key(viewer, key, None),
            now=now,
        )
        account = _find_account(admin, account_id)
        _write_down(
            "credit.adjusted", movement, account, amount_minor, viewer=viewer, now=now, why=reason
        )
        return movement

    return _move_once(admin, move, claim=None, now=now)


def _move_once(
    mover: Viewer, move: Callable[[], Movement], *, claim: KeyClaim | None, now: datetime
) -> Allocation:
    with viewing(mover):
        with _patient_transaction():
            record = None if claim is None else find_record(claim=claim)
            if record is not None and record.error_code:
                raise KeyAnsweredError
            movement = move()
            if claim is not None and record is None:
                keep_answer(
                    claim=claim, object_id=movement.transaction_id, status=_CREATED, now=now
                )
        allocation = _print(movement)
    changed = [
        entry.account_id
        for entry in (allocation.in_entry, allocation.out_entry)
        if entry.balance_after_minor is not None
    ]
    # Also after a repeat: the first call may have died before anybody was told.
    tell_account_changed(account_ids=changed, now=now)
    return allocation


@contextlib.contextmanager
def _patient_transaction() -> Iterator[None]:
    """Open a transaction that waits two seconds for whoever is before it, and no longer.

    :raises StillRunningError: the first call with a key, or a queue at an account, takes longer.
    """
    try:
        with transaction():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '2s'")
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != StillRunningError.LOCK_NOT_AVAILABLE:
            raise
        raise StillRunningError from error


def _as_mover(viewer: Viewer) -> Viewer:
    """Narrow a view to what gives the right to move money: managers' roles, a key's scope.

    What an auditor or an agent sees counts for nothing here, also where the same person manages
    something else.
    """
    if viewer == SYSTEM or _SCOPE in viewer.scopes:
        return viewer
    return viewer.narrowed_to(MANAGERS)


def _find_account(mover: Viewer, account_id: UUID) -> Account:
    try:
        return Account.objects.select_related("client", "agency").get(
            mover.account_filter(), pk=account_id
        )
    except Account.DoesNotExist:
        raise AccountNotFoundError(account_id=account_id) from None


def _write_down(
    action: str,
    movement: Movement,
    account: Account,
    amount_minor: int,
    *,
    viewer: Viewer,
    now: datetime,
    why: str = "",
) -> None:
    if movement.is_replay:
        return
    record_event(
        actor=viewer.actor,
        action=action,
        object_kind="account",
        object_id=account.pk,
        now=now,
        after={
            "transaction_id": str(movement.transaction_id),
            "amount": format_amount(amount_minor, account.currency),
            "currency": account.currency,
        },
        reason=why,
        owner=account.client or account.agency,
    )


def _ledger_key(viewer: Viewer, key: str, claim: KeyClaim | None) -> str:
    # Everybody chooses keys of their own, so that two may choose the same one; a digest, since
    # theirs may be longer than the column.
    owner = viewer.actor if claim is None else claim.owner
    return f"{owner}:{hashlib.sha256(key.encode()).hexdigest()}"


def _print(movement: Movement) -> Allocation:
    sides: dict[UUID, EntryFacts] = {}
    entries = Entry.objects.filter(transaction_id=movement.transaction_id)
    for entry in entries.select_related("transaction", "account").order_by("number"):
        before = sides.get(entry.account_id)
        sides[entry.account_id] = dataclasses.replace(
            facts_of(entry),
            amount_minor=entry.amount_minor + (before.amount_minor if before else 0),
            balance_after_minor=balance_after(entry),
        )
    out_entry, in_entry = sorted(sides.values(), key=lambda side: side.amount_minor)
    return Allocation(
        transaction_id=movement.transaction_id,
        is_replay=movement.is_replay,
        out_entry=out_entry,
        in_entry=in_entry,
        from_balance_minor=out_entry.balance_after_minor,
        to_balance_minor=in_entry.balance_after_minor,
        currency=in_entry.currency,
    )
