"""Everybody who has an account, or should have one: agencies, clients, isolated campaigns."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias
from uuid import UUID

from credit.models import Account, Agency, Client
from redemption.models import Campaign

Organisation: TypeAlias = Agency | Client | Campaign


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody with an account, or without one yet.

    :param level: of the account: agency, client or campaign.
    :param account: None where it is to be opened.
    :param above: whose account stands above it; None for an agency, which the platform's does.
    """

    level: str
    organisation: Organisation
    account: Account | None
    above: Holder | None

    @property
    def id(self) -> UUID:
        """The organisation's."""
        return self.organisation.pk

    @property
    def name(self) -> str:
        """The organisation's, which others may have too."""
        return self.organisation.name

    def path(self) -> tuple[Holder, ...]:
        """Return those whose accounts credit comes down through, from the agency to this one."""
        return (*(self.above.path() if self.above else ()), self)


def list_holders() -> list[Holder]:
    """Return all holders from the top down, each level by name."""
    accounts = Account.objects.exclude(level=Account.Level.PLATFORM)
    of_agency = {row.agency_id: row for row in accounts.filter(level=Account.Level.AGENCY)}
    of_client = {row.client_id: row for row in accounts.filter(level=Account.Level.CLIENT)}
    agencies = {
        agency.pk: Holder(
            level=Account.Level.AGENCY,
            organisation=agency,
            account=of_agency.get(agency.pk),
            above=None,
        )
        for agency in Agency.objects.order_by("name", "pk")
    }
    clients = {
        client.pk: Holder(
            level=Account.Level.CLIENT,
            organisation=client,
            account=of_client.get(client.pk),
            above=agencies[client.agency_id],
        )
        for client in Client.objects.select_related("agency").order_by("name", "pk")
    }
    isolated = Campaign.objects.filter(budget_mode=Campaign.BudgetMode.ISOLATED)
    campaigns = [
        Holder(
            level=Account.Level.CAMPAIGN,
            organisation=campaign,
            account=campaign.account,
            above=clients[campaign.client_id],
        )
        for campaign in isolated.select_related("account", "client__agency").order_by("name", "pk")
    ]
    return [*agencies.values(), *clients.values(), *campaigns]
