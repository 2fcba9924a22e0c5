"""Agencies and clients of the demo, with accounts and the credit they begin with."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.transactions import transaction, transaction_required
from config.demo_data.plan import AGENCIES, CLIENTS, CURRENCY, HISTORY_DAYS, Calendar
from credit.models import Account, Agency, Client, Transaction
from credit.services.accounts import (
    open_agency_account,
    open_client_account,
    open_platform_accounts,
)
from credit.services.ledger import allocate


def seed_organisations(*, now: datetime) -> Calendar:
    """Make what is missing of agencies, clients, accounts and credit; return the demo's days."""
    with transaction():
        begins_at = _seed_agencies(begins_at=now - timedelta(days=HISTORY_DAYS))
        for planned in CLIENTS:
            client, _ = Client.objects.get_or_create(
                agency=Agency.objects.get(slug=planned.agency),
                slug=planned.slug,
                defaults={
                    "name": planned.name,
                    "support_phone": "+1 202 555 0199",
                    "support_email": f"help@{planned.slug}.example.com",
                    "created_at": begins_at,
                },
            )
            account = open_client_account(client=client, currency=CURRENCY)
            allocate_once(
                account=account,
                amount_minor=planned.credit_minor,
                key=f"demo:start:{planned.slug}",
                now=begins_at,
            )
    return Calendar(begins_at)


@transaction_required
def allocate_once(*, account: Account, amount_minor: int, key: str, now: datetime) -> None:
    """Move credit down to an account from its parent, unless that was done before."""
    if not Transaction.objects.filter(idempotency_key=key).exists():
        allocate(
            from_account=Account.objects.get(children=account),
            to_account=account,
            amount_minor=amount_minor,
            actor="system",
            key=key,
            now=now,
        )


@transaction_required
def _seed_agencies(*, begins_at: datetime) -> datetime:
    """Make the agencies; return when the demo began, which the first of them remembers."""
    open_platform_accounts(currency=CURRENCY)
    for planned in AGENCIES:
        agency, _ = Agency.objects.get_or_create(
            slug=planned.slug, defaults={"name": planned.name, "created_at": begins_at}
        )
        begins_at = min(begins_at, agency.created_at)
        allocate_once(
            account=open_agency_account(agency=agency, currency=CURRENCY),
            amount_minor=planned.credit_minor,
            key=f"demo:start:{planned.slug}",
            now=begins_at,
        )
    return begins_at
