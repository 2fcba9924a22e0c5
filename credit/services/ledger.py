"""Movements of money between accounts; each is one balanced transaction of the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from alerts.errors import ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import transaction_required
from credit.models import Account, Transaction
from credit.services.transfers import (
    LONGEST_KEY,
    AccountNotActiveError,
    AccountNotFoundError,
    InsufficientCreditError,
    Movement,
    Transfer,
    check_amount,
    check_note,
    move_credit,
)

__all__ = ["InsufficientCreditError", "Movement", "adjust_balance", "allocate"]

# From the top down; a parent stands exactly one level up.
_LEVELS: Final = tuple(Account.Level)


@transaction_required
def allocate(
    *,
    from_account: Account,
    to_account: Account,
    amount_minor: int,
    actor: str,
    key: str,
    now: datetime,
    note: str = "",
) -> Movement:
    """Move credit one level down: from an account to a child of its own.

    From the platform it is an issue, below it an allocation. A repeat returns the first movement
    with ``is_replay``.

    :param key: at most 160 characters, unique for the whole ledger.
    :raises ValidationFailedError: the amount is not positive or too large, or the relation is
        another (GC-012).
    :raises AccountNotActiveError: one of the accounts is paused or closed (GC-115).
    :raises InsufficientCreditError: the payer is short (GC-006).
    :raises KeyReusedError: the key stands for another movement (GC-107).
    """
    check_amount(amount_minor)
    check_note(note)
    _check_key(key)
    _check_direction(from_account, to_account)
    return move_credit(
        transfer=Transfer(
            kind=(
                Transaction.Kind.ISSUE
                if from_account.level == Account.Level.PLATFORM
                else Transaction.Kind.ALLOCATION
            ),
            from_account_id=from_account.pk,
            to_account_id=to_account.pk,
            amount_minor=amount_minor,
            reference=f"account:{to_account.pk}",
            key=key,
            actor=actor,
            note=note,
        ),
        now=now,
    )


@transaction_required
def adjust_balance(
    *, account_id: UUID, amount_minor: int, reason: str, actor: str, key: str, now: datetime
) -> Movement:
    """Correct a balance from the platform's adjustments account. A repeat: as ``allocate``.

    :param amount_minor: positive puts money on the account, negative takes some away. It may be
        paused; one that is closed can only be emptied.
    :param reason: why, for everybody who reads the ledger later.
    :raises AccountNotFoundError: no such account (GC-111).
    :raises ValidationFailedError: the amount is 0 or too large, the reason is missing, or it is
        an account of the platform's own (GC-012).
    :raises InsufficientCreditError: it holds less than is to be taken (GC-006).
    """
    check_amount(abs(amount_minor))
    check_note(reason, field="reason")
    _check_key(key)
    if not reason.strip():
        raise ValidationFailedError(errors={"reason": ["Say why the balance is corrected."]})
    with seeing(EVERYTHING):
        try:
            account = Account.objects.get(pk=account_id)
        except Account.DoesNotExist:
            raise AccountNotFoundError(account_id=account_id) from None
        if account.level == Account.Level.PLATFORM:
            raise ValidationFailedError(
                errors={"account_id": ["The platform's own accounts keep no balance to correct."]}
            )
        contra = Account.objects.get(
            level=Account.Level.PLATFORM,
            purpose=Account.Purpose.ADJUSTMENTS,
            currency=account.currency,
        )
    if amount_minor > 0 and account.status == Account.Status.CLOSED:
        raise AccountNotActiveError(account_id=account.pk, status=account.status)
    payer, payee = (contra, account) if amount_minor > 0 else (account, contra)
    return move_credit(
        transfer=Transfer(
            kind=Transaction.Kind.ADJUSTMENT,
            from_account_id=payer.pk,
            to_account_id=payee.pk,
            amount_minor=abs(amount_minor),
            reference=f"account:{account.pk}",
            key=key,
            actor=actor,
            note=reason,
        ),
        now=now,
    )


def _check_key(key: str) -> None:
    if not 0 < len(key) <= LONGEST_KEY:
        raise ValidationFailedError(errors={"key": [f"Use 1 to {LONGEST_KEY} characters."]})


def _check_direction(payer: Account, payee: Account) -> None:
    if payee.parent_id == payer.pk:
        return
    raise ValidationFailedError(errors={"to_account_id": [_explain_direction(payer, payee)]})


def _explain_direction(payer: Account, payee: Account) -> str:
    if payer.pk == payee.pk:
        return "An account can't give credit to itself."
    if payer.currency != payee.currency:
        return f"It keeps {payee.currency}, and {payer.currency} would come: nothing is converted."
    if payer.agency_id and payee.agency_id and payer.agency_id != payee.agency_id:
        return "It belongs to another agency."
    steps = _LEVELS.index(Account.Level(payee.level)) - _LEVELS.index(Account.Level(payer.level))
    if steps < 0:
        return "Credit goes down, from a parent to its child, and this is up."
    if steps == 0:
        return "Credit goes down, from a parent to its child, and this is sideways."
    if steps > 1:
        return "Credit goes down one level at a time, and this skips one."
    return "Credit goes down to an account right below, and this one is below another."
