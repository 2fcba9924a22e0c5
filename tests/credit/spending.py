"""Spending from an account as the database does it, one debit a call, and what it left behind."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.db import connection

from alerts.transactions import transaction
from credit.models import Account, AccountSlot, Entry
from credit.services.ledger import allocate
from tests.world import NOW


def spend(account_id: UUID, amount_minor: int) -> int | None:
    """Debit an account; return what the function says is left, None when it can not pay.

    It is called a sale of cards, so that no redemption is missed for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT credit_debit_account(gen_random_uuid(), %s, %s, 'USD', 'card_sale',"
            " 'consumed', %s, 'test', %s)",
            [account_id, amount_minor, f"test:{uuid4()}", NOW],
        )
        (left,) = cursor.fetchone()
    return None if left is None else int(left)


def hand_down(payer: Account, payee: Account, amount_minor: int) -> None:
    """Allocate credit to an account right below."""
    with transaction():
        allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor="test",
            key=f"test:{uuid4()}",
            now=NOW,
        )


def slots_of(account_id: UUID) -> list[int]:
    """Return what each slot of an account holds, in their order."""
    slots = AccountSlot.objects.filter(account_id=account_id).order_by("slot")
    return list(slots.values_list("balance_minor", flat=True))


def last_entries(account_id: UUID) -> list[tuple[int | None, int, int | None]]:
    """Return slot, amount and balance after of what the latest transaction did to an account."""
    latest = Entry.objects.filter(account_id=account_id).order_by("-number")[:1].get()
    entries = Entry.objects.filter(account_id=account_id, transaction=latest.transaction_id)
    return list(
        entries.order_by("number").values_list("slot", "amount_minor", "balance_after_minor")
    )
