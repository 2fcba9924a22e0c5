"""Opening the accounts that are missing, and giving each its opening balance, once.

The way in from another system. An opening balance is issued to the agency and handed down level
by level to the account it is for, so that the ledger is in balance from its first line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db.models import Case, Sum, When

from alerts.csvfiles import ByteSource, RowProblem
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Account, Agency, Client, Entry
from credit.money import display_amount
from credit.services.accounts import (
    open_agency_account,
    open_campaign_account,
    open_client_account,
    open_platform_accounts,
)
from credit.services.events import tell_account_changed
from credit.services.ledger import allocate
from redemption.models import Campaign
from redemption.selectors.account_holders import Holder, list_holders
from redemption.services.opening_lines import OpeningBalance, read_opening_balances

log = structlog.get_logger()

_ACTOR: Final = "system"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAccount:
    """What became of one account, or would; amounts in minor units.

    :param is_new: whether it was missing.
    :param given_minor: the opening balance that it gets now.
    :param given_before_minor: the one that an earlier run gave it.
    """

    level: str
    name: str
    currency: str
    is_new: bool
    given_minor: int
    given_before_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpeningReport:
    """What a run came to; with problems it has written nothing."""

    accounts: tuple[OpenedAccount, ...]
    problems: tuple[RowProblem, ...]


@durable
def open_accounts(
    *, source: ByteSource | None, currency: str, dry_run: bool, now: datetime
) -> OpeningReport:
    """Open what is missing and give the opening balances of a file; all of it or nothing.

    Safe to repeat, also with the same file: an account gets its opening balance once.

    :param currency: of the accounts of agencies that have none yet; below an agency it is hers.
    :param dry_run: check and tell, write nothing.
    :raises FileProblem: the file as a whole can't be read.
    """
    with seeing(EVERYTHING):
        holders = list_holders()
        currencies = _currencies_of(holders, currency)
        balances: list[OpeningBalance] = []
        problems: list[RowProblem] = []
        if source is not None:
            balances, problems = read_opening_balances(
                source, holders=holders, currencies=currencies
            )
        given = _given_before(holders)
        problems += _find_other_amounts(balances, given, currencies)
        report = _report(holders, currencies, balances, given, problems)
        if problems or dry_run:
            return report
        with transaction():
            accounts = {holder.id: _open_account(holder, currencies) for holder in holders}
            touched = _give(balances, accounts, now=now)
        tell_account_changed(account_ids=touched, now=now)
    log.info("[CREDIT] Accounts opened", accounts=len(holders), balances=len(balances))
    return report


def _currencies_of(holders: Sequence[Holder], default: str) -> dict[UUID, str]:
    # From the top down, so that whoever is above has been looked at.
    found: dict[UUID, str] = {}
    for holder in holders:
        above = found[holder.above.id] if holder.above else default
        found[holder.id] = holder.account.currency if holder.account else above
    return found


def _given_before(holders: Sequence[Holder]) -> dict[UUID, int]:
    """Return the opening balances that accounts got from earlier runs, by account."""
    keys = {
        _key_of(holder.account, holder.level): holder.account.pk
        for holder in holders
        if holder.account
    }
    rows = (
        Entry.objects.filter(transaction__idempotency_key__in=keys, amount_minor__gt=0)
        .order_by()
        .values_list("transaction__idempotency_key")
        .annotate(total=Sum("amount_minor"))
    )
    return {keys[key]: int(total) for key, total in rows}


def _find_other_amounts(
    balances: Sequence[OpeningBalance], given: dict[UUID, int], currencies: dict[UUID, str]
) -> list[RowProblem]:
    problems = []
    for balance in balances:
        account = balance.holder.account
        before = given.get(account.pk) if account else None
        if before is not None and before != balance.amount_minor:
            said = display_amount(before, currencies[balance.holder.id])
            problems.append(
                RowProblem(
                    balance.line,
                    "amount",
                    f"This account was opened with {said} before. Allocate or adjust instead.",
                )
            )
    return problems


def _report(
    holders: Sequence[Holder],
    currencies: dict[UUID, str],
    balances: Sequence[OpeningBalance],
    given: dict[UUID, int],
    problems: Sequence[RowProblem],
) -> OpeningReport:
    wanted = {balance.holder.id: balance.amount_minor for balance in balances}
    before = {
        holder.id: given.get(holder.account.pk, 0) if holder.account else 0 for holder in holders
    }
    return OpeningReport(
        accounts=tuple(
            OpenedAccount(
                level=holder.level,
                name=holder.name,
                currency=currencies[holder.id],
                is_new=holder.account is None,
                given_minor=0 if before[holder.id] else wanted.get(holder.id, 0),
                given_before_minor=before[holder.id],
            )
            for holder in holders
        ),
        problems=tuple(sorted(problems)),
    )


@transaction_required
def _open_account(holder: Holder, currencies: dict[UUID, str]) -> Account:
    """Open the holder's account, or return the one that has come meanwhile."""
    organisation, currency = holder.organisation, currencies[holder.id]
    if holder.account is not None:
        return holder.account
    if isinstance(organisation, Agency):
        return open_agency_account(agency=organisation, currency=currency)
    if isinstance(organisation, Client):
        return open_client_account(client=organisation, currency=currency)
    campaign = Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=holder.id)
    if campaign.account is None:
        campaign.account = campaign.own_account = open_campaign_account(
            client=campaign.client, name=campaign.name, currency=currency
        )
        campaign.save(update_fields=["account", "own_account"])
    return campaign.account


@transaction_required
def _give(
    balances: Sequence[OpeningBalance], accounts: dict[UUID, Account], *, now: datetime
) -> list[UUID]:
    """Hand the opening balances down; return the accounts that have got one."""
    given = [balance for balance in balances if balance.amount_minor]
    paths = {b.holder.id: [accounts[above.id] for above in b.holder.path()] for b in given}
    _lock({account.pk for path in paths.values() for account in path})
    for balance in given:
        path = paths[balance.holder.id]
        payer = open_platform_accounts(currency=path[0].currency)
        for account in path:
            allocate(
                from_account=payer,
                to_account=account,
                amount_minor=balance.amount_minor,
                actor=_ACTOR,
                key=_key_of(path[-1], account.level),
                now=now,
                note="Opening balance",
            )
            payer = account
    return [paths[balance.holder.id][-1].pk for balance in given]


def _lock(account_ids: set[UUID]) -> None:
    # From the lowest level up, as everywhere: see Note [Lock order]; the money goes down.
    levels = (Account.Level.CAMPAIGN, Account.Level.CLIENT, Account.Level.AGENCY)
    ranks = (When(level=level, then=rank) for rank, level in enumerate(levels))
    list(
        Account.objects.select_for_update(no_key=True)
        .filter(pk__in=account_ids)
        .order_by(Case(*ranks), "pk")
        .values_list("pk")
    )


def _key_of(account: Account, level: str) -> str:
    return f"opening:{account.pk}:{level}"
