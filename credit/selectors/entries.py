"""Entries of the ledger as they are shown: to partners, on pages, in statements."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from credit.models import Entry

# Moves between the slots of one account: they change no balance and are shown to nobody.
HOUSEKEEPING_KINDS: Final = ("rebalance",)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """One side of a movement; the amount in minor units, signed as the account sees it.

    :param balance_after_minor: the account's balance right after. None where none is kept: on
        the platform's accounts, and on one whose balance is split into slots.
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


def entries_of_account(account_id: UUID) -> QuerySet[Entry]:
    """Return the shown entries of an account that the caller has found to be in sight."""
    return (
        Entry.objects.filter(account_id=account_id)
        .exclude(transaction__kind__in=HOUSEKEEPING_KINDS)
        .select_related("transaction", "account")
    )


def entries_of_transaction(transaction_id: UUID) -> list[EntryFacts]:
    """Return the sides of a movement, in the order in which they were written."""
    entries = Entry.objects.filter(transaction_id=transaction_id)
    return [
        facts_of(entry) for entry in entries.select_related("transaction", "account").order_by("pk")
    ]


def facts_of(entry: Entry) -> EntryFacts:
    """Return an entry as it is shown; its transaction and account have been read with it."""
    return EntryFacts(
        id=entry.id,
        number=entry.number,
        transaction_id=entry.transaction_id,
        kind=entry.transaction.kind,
        account_id=entry.account_id,
        amount_minor=entry.amount_minor,
        currency=entry.account.currency,
        # A slot's balance says nothing about the account's.
        balance_after_minor=None if entry.slot is not None else entry.balance_after_minor,
        reference=entry.transaction.reference,
        note=entry.transaction.note,
        created_at=entry.transaction.created_at,
    )
