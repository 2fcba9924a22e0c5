"""Money set aside and what becomes of it, and money given back.

Each of these may be repeated: the second call returns what the first one did, with
``is_replay``. See Note [Settlements] for what may settle what.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID, uuid4

from django.db import DatabaseError
from django.db.models import Sum

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError, from_database_error
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import savepoint, transaction_required
from credit.models import Account, Entry, Transaction
from credit.services.idempotency import KeyReusedError
from credit.services.transfers import (
    AccountNotActiveError,
    AccountNotFoundError,
    AlreadySettledError,
    InsufficientCreditError,
    Transfer,
    check_amount,
    check_note,
    move_credit,
    settlement_of,
)

_DEBITS: Final = frozenset(
    {Transaction.Kind.REDEMPTION, Transaction.Kind.CAPTURE, Transaction.Kind.CARD_SALE}
)
_HOLD: Final = "SELECT credit_debit_account(%s, %s, %s, %s, 'hold', 'held', %s, %s, %s)"
_CAPTURE: Final = "SELECT credit_capture(%s, %s, %s, %s, %s)"


@dataclasses.dataclass(eq=False, kw_only=True)
class TransactionNotFoundError(ServiceError):
    """No such transaction, or it is none of this kind."""

    code: ClassVar = ErrorCode.NOT_FOUND

    transaction_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What settled a hold or a debit.

    :param amount_minor: what was consumed by a capture, given back by a release or a refund.
    :param account_id: the account that had paid.
    """

    transaction_id: UUID
    account_id: UUID
    amount_minor: int
    is_replay: bool = False


@transaction_required
def hold_credit(
    *,
    account_id: UUID,
    amount_minor: int,
    currency: str,
    reference: str,
    actor: str,
    now: datetime,
) -> UUID:
    """Set money of an account aside, until it is captured or released; return the hold's id.

    A repeat with the same reference returns the first hold.

    :param reference: what it is for, unique among holds: ``"order:<id>"``.
    :raises AccountNotFoundError: no such account (GC-111).
    :raises ValidationFailedError: the amount is not positive or too large, the account keeps
        another currency or is the platform's (GC-012).
    :raises AccountNotActiveError: it is paused or closed (GC-115).
    :raises InsufficientCreditError: it holds less (GC-006).
    :raises KeyReusedError: the reference stands for another hold (GC-107).
    """
    check_amount(amount_minor)
    first = _find_hold(reference, account_id, amount_minor)
    if first is not None:
        return first
    hold_id = uuid4()
    try:
        with savepoint():
            (balance,) = call_function(
                _HOLD, [hold_id, account_id, amount_minor, currency, reference, actor, now]
            )
    except DatabaseError as error:
        first = _find_hold(reference, account_id, amount_minor)
        if first is not None:
            return first
        raise from_database_error(error) or error from error
    if balance is not None:
        return hold_id
    # The first call may have taken the last of it while this one waited.
    first = _find_hold(reference, account_id, amount_minor)
    if first is not None:
        return first
    raise _explain_refusal(account_id, amount_minor, currency)


@transaction_required
def capture_hold(
    *, hold_id: UUID, actor: str, now: datetime, amount_minor: int | None = None
) -> Settlement:
    """Use a hold up, whole or (with ``amount_minor``) in part; the rest goes back at once.

    :raises TransactionNotFoundError: no such hold (GC-111).
    :raises ValidationFailedError: the amount is not positive, or more than is held (GC-012).
    :raises AlreadySettledError: it was released, or captured by another amount (GC-115).
    """
    hold = _read_debit(hold_id, {Transaction.Kind.HOLD})
    amount_minor = hold.amount_minor if amount_minor is None else amount_minor
    check_amount(amount_minor)
    settled_by = settlement_of(hold_id)
    if settled_by is None:
        capture_id = uuid4()
        try:
            with savepoint():
                call_function(_CAPTURE, [capture_id, hold_id, amount_minor, actor, now])
        except DatabaseError as error:
            settled_by = settlement_of(hold_id)
            if settled_by is None:
                raise from_database_error(error) or error from error
        else:
            return Settlement(
                transaction_id=capture_id,
                account_id=hold.account_id,
                amount_minor=amount_minor,
            )
    captured = settled_by.kind == Transaction.Kind.CAPTURE and _consumed_by(settled_by.pk)
    if captured != amount_minor:
        raise AlreadySettledError(transaction_id=hold_id, settled_by_id=settled_by.pk)
    return Settlement(
        transaction_id=settled_by.pk,
        account_id=hold.account_id,
        amount_minor=amount_minor,
        is_replay=True,
    )


@transaction_required
def release_hold(*, hold_id: UUID, actor: str, now: datetime) -> Settlement:
    """Give all that is held back to its account, also when that is paused or closed.

    :raises TransactionNotFoundError: no such hold (GC-111).
    :raises AlreadySettledError: it was captured (GC-115).
    """
    hold = _read_debit(hold_id, {Transaction.Kind.HOLD})
    return _give_back(hold, Transaction.Kind.RELEASE, actor=actor, note="", now=now)


@transaction_required
def refund_debit(*, transaction_id: UUID, actor: str, note: str, now: datetime) -> Settlement:
    """Give back what a redemption, a capture or a sale of cards took, to the account that paid.

    It reaches the account also when that is paused or closed.

    :raises TransactionNotFoundError: no such debit (GC-111).
    :raises ValidationFailedError: the note is too long (GC-012).
    :raises AlreadySettledError: it was undone by an adjustment (GC-115).
    """
    check_note(note)
    debit = _read_debit(transaction_id, _DEBITS)
    return _give_back(debit, Transaction.Kind.REFUND, actor=actor, note=note, now=now)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Debit:
    """Who paid how much to which of the platform's accounts."""

    id: UUID
    account_id: UUID
    contra_id: UUID
    amount_minor: int
    reference: str


def _give_back(
    debit: _Debit, kind: Transaction.Kind, *, actor: str, note: str, now: datetime
) -> Settlement:
    settled_by = settlement_of(debit.id)
    if settled_by is not None and settled_by.kind != kind:
        raise AlreadySettledError(transaction_id=debit.id, settled_by_id=settled_by.pk)
    moved = move_credit(
        transfer=Transfer(
            kind=kind,
            from_account_id=debit.contra_id,
            to_account_id=debit.account_id,
            amount_minor=debit.amount_minor,
            reference=debit.reference,
            key=f"{kind}:{debit.id}",
            actor=actor,
            note=note,
            settles_id=debit.id,
        ),
        now=now,
    )
    return Settlement(
        transaction_id=moved.transaction_id,
        account_id=debit.account_id,
        amount_minor=debit.amount_minor,
        is_replay=moved.is_replay,
    )


def _read_debit(transaction_id: UUID, kinds: Collection[str]) -> _Debit:
    """Return who paid what in the end: a capture together with the hold that it used up."""
    with seeing(EVERYTHING):
        found = Transaction.objects.filter(pk=transaction_id, kind__in=kinds).order_by("pk").first()
        if found is None:
            raise TransactionNotFoundError(transaction_id=transaction_id)
        sums = (
            Entry.objects.filter(transaction_id__in=[found.pk, found.settles_id or found.pk])
            .values("account_id")
            .annotate(total=Sum("amount_minor"))
            .exclude(total=0)
            .order_by("total")
            .values_list("account_id", "total")
        )
        (account_id, paid), (contra_id, _) = sums
    return _Debit(
        id=found.pk,
        account_id=account_id,
        contra_id=contra_id,
        amount_minor=-paid,
        reference=found.reference,
    )


def _consumed_by(capture_id: UUID) -> int:
    return _read_debit(capture_id, {Transaction.Kind.CAPTURE}).amount_minor


def _find_hold(reference: str, account_id: UUID, amount_minor: int) -> UUID | None:
    with seeing(EVERYTHING):
        found = Transaction.objects.filter(idempotency_key=f"hold:{reference}").order_by("pk")
        hold = found.first()
    if hold is None:
        return None
    debit = _read_debit(hold.pk, {Transaction.Kind.HOLD})
    if (debit.account_id, debit.amount_minor) != (account_id, amount_minor):
        raise KeyReusedError
    return hold.pk


def _explain_refusal(account_id: UUID, amount_minor: int, currency: str) -> ServiceError:
    with seeing(EVERYTHING):
        account = Account.objects.filter(pk=account_id).order_by("pk").first()
    if account is None:
        return AccountNotFoundError(account_id=account_id)
    if account.level == Account.Level.PLATFORM:
        return ValidationFailedError(
            errors={"account_id": ["The platform's own accounts keep no balance to spend."]}
        )
    if account.currency != currency:
        return ValidationFailedError(
            errors={"currency": [f"The account keeps {account.currency}, not {currency}."]}
        )
    if account.status != Account.Status.ACTIVE:
        return AccountNotActiveError(account_id=account_id, status=account.status)
    return InsufficientCreditError(account_id=account_id, amount_minor=amount_minor)
