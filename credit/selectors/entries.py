"""Entries of the ledger as they are shown: to partners, on pages, in statements."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from credit.models import Entry

# Moves between the slots of one account: they change no balance and are shown to nobody.
HOUSEKEEPING_KINDS: Final = ("rebalance",)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """One side of a movement; the amount in minor units, signed as the account sees it.

    :param balance_after_minor: the account's balance right after. None where none is kept, on
        the platform's accounts.
    """

    id: UUID
    number: int
    transaction_id: UUID
    kind: str
    account_id: UUID
    amount_minor: int
    currency: str
    balance_after_minor: int | None
    reference: str
    note: str
    created_at: datetime


# Counted back from what the account holds now, since the newest entries are asked for most: the
# balance and all that came later are read as of one moment.
_BALANCES_AFTER: Final = """
    SELECT number, held - later FROM (
        SELECT number, (SELECT credit_balance(%(account_id)s)) AS held,
            coalesce(sum(amount_minor) OVER (ORDER BY number DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
        FROM credit_entry WHERE account_id = %(account_id)s AND number >= %(first)s
    ) counted WHERE number = ANY (%(numbers)s)
"""


def entries_of_account(account_id: UUID) -> QuerySet[Entry]:
    """Return the shown entries of an account that the caller has found to be in sight."""
    return (
        Entry.objects.filter(account_id=account_id)
        .exclude(transaction__kind__in=HOUSEKEEPING_KINDS)
        .select_related("transaction", "account")
    )


def page_facts(entries: Sequence[Entry]) -> list[EntryFacts]:
    """Return entries of one account as they are shown, also those that are on a slot.

    A slot's entry names the slot's balance only; there the account's is counted.
    """
    numbers = [entry.number for entry in entries if entry.slot is not None]
    balances = _balances_after(entries[0].account_id, numbers) if numbers else {}
    return [
        dataclasses.replace(facts_of(entry), balance_after_minor=balances[entry.number])
        if entry.number in balances
        else facts_of(entry)
        for entry in entries
    ]


def _balances_after(account_id: UUID, numbers: Collection[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            _BALANCES_AFTER,
            {"account_id": account_id, "first": min(numbers), "numbers": list(numbers)},
        )
        return {number: int(balance) for number, balance in cursor.fetchall()}


def facts_of(entry: Entry) -> EntryFacts:
    """Return an entry as it is shown; its transaction and account have been read with it.

    Of an entry on a slot without the balance: that is the slot's, not the account's.
    """
    return EntryFacts(
        id=entry.id,
        number=entry.number,
        transaction_id=entry.transaction_id,
        kind=entry.transaction.kind,
        account_id=entry.account_id,
        amount_minor=entry.amount_minor,
        currency=entry.account.currency,
        balance_after_minor=None if entry.slot is not None else entry.balance_after_minor,
        reference=entry.transaction.reference,
        note=entry.transaction.note,
        created_at=entry.transaction.created_at,
    )
