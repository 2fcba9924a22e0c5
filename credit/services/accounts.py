"""Opening accounts: the platform's, an agency's, a client's, a campaign's."""

from alerts.transactions import transaction_required
from credit.models import Account, Agency, Client


@transaction_required
def open_platform_accounts(*, currency: str) -> Account:
    """Open the platform's accounts of a currency, where they are missing; return the issuing one.

    Credit is issued from ``credit``; ``consumed``, ``held`` and ``adjustments`` are the other
    sides of what happens to it.
    """
    for purpose in Account.Purpose:
        Account.objects.get_or_create(
            level=Account.Level.PLATFORM,
            purpose=purpose,
            currency=currency,
            defaults={"name": f"Platform {purpose.label.lower()} {currency}"},
        )
    return Account.objects.get(
        level=Account.Level.PLATFORM, purpose=Account.Purpose.CREDIT, currency=currency
    )


@transaction_required
def open_agency_account(*, agency: Agency, currency: str) -> Account:
    """Open an agency's account below the platform's, or return the one it has."""
    account, _ = Account.objects.get_or_create(
        level=Account.Level.AGENCY,
        agency=agency,
        defaults={
            "name": agency.name,
            "parent": open_platform_accounts(currency=currency),
            "currency": currency,
            "balance_minor": 0,
        },
    )
    return account


@transaction_required
def open_client_account(*, client: Client, currency: str) -> Account:
    """Open a client's account below its agency's, or return the one it has."""
    account, _ = Account.objects.get_or_create(
        level=Account.Level.CLIENT,
        client=client,
        defaults={
            "name": client.name,
            "parent": open_agency_account(agency=client.agency, currency=currency),
            "agency": client.agency,
            "currency": currency,
            "balance_minor": 0,
        },
    )
    return account


@transaction_required
def open_campaign_account(*, client: Client, name: str, currency: str) -> Account:
    """Open an account of its own for a campaign of the client."""
    return Account.objects.create(
        level=Account.Level.CAMPAIGN,
        name=name,
        parent=open_client_account(client=client, currency=currency),
        agency=client.agency,
        client=client,
        currency=currency,
        balance_minor=0,
    )
