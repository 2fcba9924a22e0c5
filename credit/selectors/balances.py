"""What accounts hold: the one place that knows how a balance is kept.

An account keeps its balance itself, or in slots once it is split (``credit/sql/slots.sql``);
the platform's keep none and are summed when asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    F,
    Func,
    Min,
    OuterRef,
    QuerySet,
    Sum,
    When,
)
from django.db.models.expressions import Combinable

from alerts.scope import EVERYTHING, seeing
from credit.models import Account, AccountSlot, Entry, Transaction
from credit.selectors.viewers import Viewer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """An account and what it holds, in minor units of its currency.

    :param balance_minor: what it can spend; None for the platform's, which keep no balance.
    :param held_minor: what is set aside of it by holds that are open; not part of the balance.
    :param low_balance_threshold_minor: below this it is worth a warning; None asks for none.
    :param slot_count: how many slots the balance is split into; 0 when it is one number.
    """

    account_id: UUID
    level: str
    purpose: str
    name: str
    status: str
    currency: str
    parent_id: UUID | None
    agency_id: UUID | None
    client_id: UUID | None
    balance_minor: int | None
    held_minor: int
    low_balance_threshold_minor: int | None
    slot_count: int

    @property
    def is_low(self) -> bool:
        """Whether it holds less than the threshold that was set for it."""
        return (
            self.balance_minor is not None
            and self.low_balance_threshold_minor is not None
            and self.balance_minor < self.low_balance_threshold_minor
        )


def find_account(*, viewer: Viewer, account_id: UUID) -> AccountFacts:
    """Return an account that the viewer may see.

    :raises Account.DoesNotExist: there is none, or not for this viewer.
    """
    account = Account.objects.get(viewer.account_filter(), pk=account_id)
    return account_facts([account])[0]


def list_accounts(*, viewer: Viewer) -> list[AccountFacts]:
    """Return all accounts that the viewer may see, from the platform's down, then by name."""
    return account_facts(
        Account.objects.filter(viewer.account_filter()).order_by(
            Case(*(When(level=level, then=rank) for rank, level in enumerate(Account.Level))),
            "name",
            "pk",
        )
    )


def account_facts(accounts: QuerySet[Account] | Collection[Account]) -> list[AccountFacts]:
    """Return what these accounts hold, in their order; the caller has found them to be in sight."""
    accounts = list(accounts)
    keys = [account.pk for account in accounts]
    balances = balances_of(keys)
    held = held_by_account(keys)
    return [
        AccountFacts(
            account_id=account.pk,
            level=account.level,
            purpose=account.purpose,
            name=account.name,
            status=account.status,
            currency=account.currency,
            parent_id=account.parent_id,
            agency_id=account.agency_id,
            client_id=account.client_id,
            balance_minor=balances[account.pk],
            held_minor=held.get(account.pk, 0),
            low_balance_threshold_minor=account.low_balance_threshold_minor,
            slot_count=account.slot_count,
        )
        for account in accounts
    ]


def kept_balance(prefix: str = "") -> Combinable:
    """Return the expression of the balance, for ``annotate`` and ``order_by``; NULL for none.

    :param prefix: the way to the account: ``"account__"``.
    """
    return Case(
        When(
            **{f"{prefix}slot_count__gt": 0},
            then=Func(F(f"{prefix}pk"), function="credit_balance", output_field=BigIntegerField()),
        ),
        default=F(f"{prefix}balance_minor"),
        output_field=BigIntegerField(),
    )


def balance_on(account: Account) -> int | None:
    """Return the balance of an account that was read: asks only where it is split. None for none.

    For a page with an account here and there; a list asks once, by ``balances_of``.
    """
    return account.balance_minor if account.slot_count == 0 else balance_of(account.pk)


def balances_of(account_ids: Collection[UUID]) -> dict[UUID, int | None]:
    """Return the balances of accounts as of one moment; None for the platform's."""
    found = Account.objects.filter(pk__in=account_ids).values_list("pk", kept_balance())
    return dict(found)


def balance_of(account_id: UUID) -> int:
    """Return what an account holds; of one of the platform's, the sum of all its entries.

    :raises Account.DoesNotExist: there is no such account.
    """
    balance: int | None = Account.objects.values_list(kept_balance(), flat=True).get(pk=account_id)
    if balance is not None:
        return balance
    entries = Entry.objects.filter(account_id=account_id)
    return int(entries.aggregate(total=Sum("amount_minor", default=0))["total"])


def balance_after_debit(transaction_id: UUID) -> int | None:
    """Return what the account that paid held right after; None when it is out of sight.

    See ``balances_after_debits``.
    """
    return balances_after_debits([transaction_id]).get(transaction_id)


def balances_after_debits(transaction_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return what the accounts that paid held right after; those out of sight are left out.

    What a capture consumes was paid by its hold. A split account's entries know their slots only:
    there it is what the account holds now.
    """
    paid = Entry.objects.filter(amount_minor__lt=0).exclude(account__level=Account.Level.PLATFORM)
    at_once = paid.filter(transaction_id__in=transaction_ids)
    by_hold = paid.filter(
        transaction__settled_by__in=transaction_ids, transaction__kind=Transaction.Kind.HOLD
    )
    fields = ("number", "account_id", "slot", "balance_after_minor")
    entries = sorted(
        [
            *at_once.annotate(paid_by=F("transaction_id")).values_list(*fields, "paid_by"),
            *by_hold.annotate(paid_by=F("transaction__settled_by")).values_list(*fields, "paid_by"),
        ],
        reverse=True,
    )
    # The first entry of each transaction, since the later ones come before it.
    first = {paid_by: (account, slot, after) for _, account, slot, after, paid_by in entries}
    split = {account for account, slot, _ in first.values() if slot is not None}
    now = balances_of(split) if split else {}
    after_each = {
        paid_by: after if slot is None else now.get(account)
        for paid_by, (account, slot, after) in first.items()
    }
    return {paid_by: after for paid_by, after in after_each.items() if after is not None}


@seeing(EVERYTHING)
def refunds_of(transaction_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return what was given back of debits and captures, in minor units; 0 is left out.

    Whoever knows what was charged may know it, also where an account out of their sight paid.
    """
    given = Entry.objects.filter(
        transaction__settles_id__in=transaction_ids,
        transaction__kind=Transaction.Kind.REFUND,
        amount_minor__gt=0,
    )
    totals = given.values_list("transaction__settles_id").annotate(total=Sum("amount_minor"))
    return {transaction_id: int(total) for transaction_id, total in totals.order_by()}


def held_by_account(account_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return what is set aside of these accounts by holds that nothing has settled yet.

    Accounts with nothing set aside are left out.
    """
    settled = Transaction.objects.filter(settles=OuterRef("pk"))
    rows = (
        Transaction.objects.filter(
            ~Exists(settled),
            kind=Transaction.Kind.HOLD,
            entries__account_id__in=account_ids,
            entries__amount_minor__lt=0,
        )
        .order_by()
        .values_list("entries__account_id")
        .annotate(held=-Sum("entries__amount_minor"))
    )
    return {account_id: int(held) for account_id, held in rows}


def list_uneven_accounts() -> list[UUID]:
    """Return the split accounts whose poorest slot holds less than half of their average.

    Evening out stops all debits for a moment, so a little unevenness is left alone; and where
    there is less than one minor unit for each slot, nothing can be evened out.
    """
    return list(
        AccountSlot.objects.filter(slot__lt=F("account__slot_count"))
        .order_by()
        .values("account_id")
        .annotate(poorest=Min("balance_minor"), total=Sum("balance_minor"), slots=Count("pk"))
        .filter(total__gte=F("slots"), total__gt=F("poorest") * 2 * F("slots"))
        .values_list("account_id", flat=True)
    )
