"""Movements of money between accounts; each is one balanced transaction of the ledger."""

import dataclasses
from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from django.db import DatabaseError, connection

from alerts.codes import ErrorCode
from alerts.errors import (
    ServiceError,
    ValidationFailedError,
    from_database_error,
    raised_by_database,
)
from alerts.transactions import transaction_required
from credit.models import Account, Transaction


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class InsufficientCreditError(ServiceError):
    """The account can not cover the amount (in minor units)."""

    code: ClassVar = ErrorCode.INSUFFICIENT_CREDIT

    account_id: UUID | None = None
    amount_minor: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A transfer that was made; balances in minor units, None where none is kept."""

    transaction_id: UUID
    from_balance_minor: int | None
    to_balance_minor: int | None


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

    From the platform it is an issue, below it an allocation.

    :param key: unique for the whole ledger; a second call with it fails instead of paying twice.
    :raises ValidationFailedError: the amount is not positive, or the relation is another.
    :raises InsufficientCreditError: GC-006.
    """
    if amount_minor <= 0:
        raise ValidationFailedError(errors={"amount": ["The amount must be more than zero."]})
    if to_account.parent_id != from_account.pk:
        raise ValidationFailedError(
            errors={"to_account_id": ["Credit goes down one level, to an account right below."]}
        )
    kind = (
        Transaction.Kind.ISSUE
        if from_account.level == Account.Level.PLATFORM
        else Transaction.Kind.ALLOCATION
    )
    transaction_id = uuid4()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT from_balance, to_balance"
                " FROM credit_transfer(%s, %s, %s, %s, %s, %s, %s, NULL, %s, %s, %s)",
                [
                    transaction_id,
                    from_account.pk,
                    to_account.pk,
                    amount_minor,
                    kind,
                    key,
                    key,
                    actor,
                    note,
                    now,
                ],
            )
            from_balance, to_balance = cursor.fetchone()
    except DatabaseError as error:
        raise from_database_error(error) or error from error
    return Movement(
        transaction_id=transaction_id,
        from_balance_minor=from_balance,
        to_balance_minor=to_balance,
    )
