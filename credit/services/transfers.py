"""How money moves: one transfer, made once for its key, and what may be in its way.

The work is done by the database function ``credit_transfer``; this module makes a repeat read
the first answer and turns what the function refuses into our own words.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID, uuid4

import psycopg
from django.db import DatabaseError
from django.db.models import Sum

from alerts.codes import ErrorCode
from alerts.errors import (
    ServiceError,
    ValidationFailedError,
    from_database_error,
    raised_by_database,
)
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import savepoint, transaction_required
from credit.models import Account, Entry, Transaction
from credit.money import LARGEST_AMOUNT_MINOR
from credit.services.idempotency import KeyReusedError, StillRunningError

LONGEST_KEY: Final = 160
LONGEST_NOTE: Final = 500

_TRANSFER: Final = (
    "SELECT from_balance, to_balance"
    " FROM credit_transfer(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class InsufficientCreditError(ServiceError):
    """The account can not cover the amount (in minor units)."""

    code: ClassVar = ErrorCode.INSUFFICIENT_CREDIT

    account_id: UUID | None = None
    amount_minor: int | None = None


@dataclasses.dataclass(eq=False, kw_only=True)
class AccountNotActiveError(ServiceError):
    """The account is paused or closed, so nothing is taken from it or put on it."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    account_id: UUID | None = None
    status: str = ""


@dataclasses.dataclass(eq=False, kw_only=True)
class AccountNotFoundError(ServiceError):
    """No such account, or not within what the caller may see."""

    code: ClassVar = ErrorCode.NOT_FOUND

    account_id: UUID | None = None


@dataclasses.dataclass(eq=False, kw_only=True)
class AlreadySettledError(ServiceError):
    """The hold was captured or released before, the debit refunded, but not like this."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    transaction_id: UUID
    settled_by_id: UUID | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A transfer that was made; balances in minor units, None where none is kept.

    ``is_replay`` when it was made by an earlier call with its key; the balances are those of
    then.
    """

    transaction_id: UUID
    from_balance_minor: int | None
    to_balance_minor: int | None
    is_replay: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What a key stands for: so much from one account to another, and why."""

    kind: Transaction.Kind
    from_account_id: UUID
    to_account_id: UUID
    amount_minor: int
    reference: str
    key: str
    actor: str
    note: str = ""
    settles_id: UUID | None = None


def check_amount(amount_minor: int, *, field: str = "amount") -> None:
    """Refuse what is no amount to move.

    :raises ValidationFailedError: it is not positive, or wider than a column (GC-012).
    """
    if amount_minor <= 0:
        raise ValidationFailedError(errors={field: ["The amount must be more than zero."]})
    if amount_minor > LARGEST_AMOUNT_MINOR:
        raise ValidationFailedError(errors={field: ["The amount is too large."]})


def check_note(note: str, *, field: str = "note") -> None:
    """Refuse a note that no column would take.

    :raises ValidationFailedError: it is too long, or holds a NUL (GC-012).
    """
    if len(note) > LONGEST_NOTE:
        raise ValidationFailedError(errors={field: [f"Use at most {LONGEST_NOTE} characters."]})
    if "\0" in note:
        raise ValidationFailedError(errors={field: ["Use printable characters."]})


@transaction_required
def move_credit(*, transfer: Transfer, now: datetime) -> Movement:
    """Move money between two accounts, once for the transfer's key.

    A repeat returns the first movement with ``is_replay``, whatever has changed since.

    :raises InsufficientCreditError: the payer is short (GC-006).
    :raises AccountNotActiveError: credit would go from or to an account that is not (GC-115).
    :raises AlreadySettledError: what it settles was settled otherwise (GC-115).
    :raises KeyReusedError: the key stands for another transfer (GC-107).
    :raises StillRunningError: the transaction's lock_timeout has passed (GC-108).
    """
    first = _find_first(transfer)
    if first is not None:
        return first
    transaction_id = uuid4()
    try:
        with savepoint():
            from_balance, to_balance = call_function(
                _TRANSFER,
                [
                    transaction_id,
                    transfer.from_account_id,
                    transfer.to_account_id,
                    transfer.amount_minor,
                    transfer.kind,
                    transfer.reference,
                    transfer.key,
                    transfer.settles_id,
                    transfer.actor,
                    transfer.note,
                    now,
                ],
            )
    except DatabaseError as error:
        # Whoever came first with this key has committed while we waited for the accounts: it is
        # also why there may be too little now.
        first = _find_first(transfer)
        if first is not None:
            return first
        raise _explain(error, transfer) from error
    return Movement(
        transaction_id=transaction_id,
        from_balance_minor=from_balance,
        to_balance_minor=to_balance,
    )


def balance_after(entry: Entry) -> int | None:
    """Return what the entry's account held right after it, None where no balance is kept.

    An entry on a slot knows the slot's balance only; there the account's is summed up to it.
    """
    if entry.slot is None:
        return entry.balance_after_minor
    with seeing(EVERYTHING):
        total: int = Entry.objects.filter(
            account_id=entry.account_id, number__lte=entry.number
        ).aggregate(total=Sum("amount_minor"))["total"]
    return total


def settlement_of(transaction_id: UUID) -> Transaction | None:
    """Return the transaction that settled one, None while it is open."""
    with seeing(EVERYTHING):
        return Transaction.objects.filter(settles_id=transaction_id).order_by("pk").first()


def _find_first(transfer: Transfer) -> Movement | None:
    """Return the movement that was made with the transfer's key before.

    :raises KeyReusedError: it was another one.
    """
    # A key stands for one movement in the whole ledger, not only within the caller's sight.
    with seeing(EVERYTHING):
        found = Transaction.objects.filter(idempotency_key=transfer.key).order_by("pk").first()
        if found is None:
            return None
        entries = list(found.entries.order_by("number"))
    last = {entry.account_id: entry for entry in entries}
    sums = dict.fromkeys(last, 0)
    for entry in entries:
        sums[entry.account_id] += entry.amount_minor
    wanted = {
        transfer.from_account_id: -transfer.amount_minor,
        transfer.to_account_id: transfer.amount_minor,
    }
    # Who settles the same thing again may say why in other words.
    says_the_same = transfer.settles_id is not None or found.note == transfer.note
    if (found.kind, found.settles_id, sums, says_the_same) != (
        transfer.kind,
        transfer.settles_id,
        wanted,
        True,
    ):
        raise KeyReusedError
    return Movement(
        transaction_id=found.pk,
        from_balance_minor=balance_after(last[transfer.from_account_id]),
        to_balance_minor=balance_after(last[transfer.to_account_id]),
        is_replay=True,
    )


def _explain(error: DatabaseError, transfer: Transfer) -> Exception:
    if is_violation_of("credit_transaction_settled_once", error):
        assert transfer.settles_id is not None  # noqa: S101  else it would settle nothing
        settled_by = settlement_of(transfer.settles_id)
        return AlreadySettledError(
            transaction_id=transfer.settles_id,
            settled_by_id=settled_by.pk if settled_by else None,
        )
    if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
        return StillRunningError()
    if isinstance(error.__cause__, psycopg.errors.NumericValueOutOfRange):
        return ValidationFailedError(errors={"amount": ["The account can not hold that much."]})
    refusal = from_database_error(error)
    if refusal is not None and refusal.code is ErrorCode.STATE_FORBIDS:
        return _inactive_one(transfer.from_account_id, transfer.to_account_id)
    return refusal or error


def is_violation_of(constraint: str, error: DatabaseError) -> bool:
    """Tell whether the database refused because of this constraint."""
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and cause.diag.constraint_name == constraint


def _inactive_one(*account_ids: UUID) -> AccountNotActiveError:
    with seeing(EVERYTHING):
        found = (
            Account.objects.filter(pk__in=account_ids)
            .exclude(status=Account.Status.ACTIVE)
            .order_by("pk")
            .first()
        )
    if found is None:  # it was made active again in the meantime
        return AccountNotActiveError()
    return AccountNotActiveError(account_id=found.pk, status=found.status)
