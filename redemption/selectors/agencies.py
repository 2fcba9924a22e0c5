"""An agency at a glance: its clients, what each holds, and what their rewards have cost.

What a reward costs and when it counts: Note [Spending].
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate

from credit.models import Account, Agency, Client
from credit.selectors.balances import AccountFacts, account_facts
from credit.selectors.organisations import find_agency
from credit.selectors.viewers import Viewer
from redemption.models import Campaign, Redemption


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientStanding:
    """A client of an agency; amounts in minor units of its account's currency.

    :param account: what it pays from; None until one was opened.
    :param campaigns_minor: what the accounts of its own campaigns hold.
    :param held_minor: what is set aside of all its accounts.
    :param used_minor: what its rewards of this month were charged.
    :param depleted: the names of its campaigns that are out of credit.
    """

    client_id: UUID
    name: str
    is_active: bool
    account: AccountFacts | None
    campaigns_minor: int
    held_minor: int
    used_minor: int
    redemptions: int
    depleted: tuple[str, ...]

    @property
    def is_low(self) -> bool:
        return self.account is not None and self.account.is_low

    @property
    def is_fine(self) -> bool:
        """Whether nobody has to do anything for its credit."""
        return self.account is not None and not self.is_low and not self.depleted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SpentDay:
    """What an agency's rewards of a day (UTC) were charged, in minor units."""

    day: date
    charged_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgencyStanding:
    """An agency with its clients by name.

    :param used: this month, by currency: amounts of two currencies have no sum.
    :param days: in the currency of the agency's account, quiet days included, today last.
    """

    agency_id: UUID
    name: str
    account: AccountFacts | None
    clients: tuple[ClientStanding, ...]
    used: dict[str, int]
    redemptions: int
    days: tuple[SpentDay, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    client_id: UUID
    currency: str
    day: date
    charged_minor: int
    redemptions: int


def list_agencies(*, viewer: Viewer) -> list[tuple[UUID, str, AccountFacts | None]]:
    """Return the agencies that the viewer acts for, by name, each with its account."""
    agencies = Agency.objects.all()
    if not viewer.sees_platform:
        agencies = agencies.filter(pk__in=viewer.agency_ids)
    rows = list(agencies.order_by("name", "pk").values_list("pk", "name"))
    accounts = {
        facts.agency_id: facts
        for facts in account_facts(
            Account.objects.filter(
                level=Account.Level.AGENCY, agency_id__in=[key for key, _ in rows]
            )
        )
    }
    return [(key, name, accounts.get(key)) for key, name in rows]


def read_agency(*, viewer: Viewer, agency_id: UUID, now: datetime, days: int) -> AgencyStanding:
    """Return how an agency and its clients stand.

    :param days: how many the daily spending goes back, today included.
    :raises Agency.DoesNotExist: there is none, or not for this viewer.
    """
    agency = find_agency(viewer=viewer, agency_id=agency_id)
    accounts = account_facts(Account.objects.filter(agency=agency))
    own = next((a for a in accounts if a.level == Account.Level.AGENCY), None)
    today = now.astimezone(UTC).date()
    first_day = today - timedelta(days=days - 1)
    month = today.replace(day=1)
    clients = list(Client.objects.filter(agency=agency).order_by("name", "pk"))
    spent = _spent_since(min(first_day, month), [client.pk for client in clients])
    of_month = [row for row in spent if row.day >= month]
    depleted = _depleted_by_client(agency)
    used: dict[str, int] = defaultdict(int)
    for row in of_month:
        used[row.currency] += row.charged_minor
    by_day: dict[date, int] = defaultdict(int)
    for row in spent:
        if own is None or row.currency == own.currency:
            by_day[row.day] += row.charged_minor
    return AgencyStanding(
        agency_id=agency.pk,
        name=agency.name,
        account=own,
        clients=tuple(
            _stand(
                client,
                [account for account in accounts if account.client_id == client.pk],
                [row for row in of_month if row.client_id == client.pk],
                depleted.get(client.pk, ()),
            )
            for client in clients
        ),
        used=dict(used),
        redemptions=sum(row.redemptions for row in of_month),
        days=tuple(
            SpentDay(day=day, charged_minor=by_day[day])
            for day in (first_day + timedelta(days=number) for number in range(days))
        ),
    )


def _stand(
    client: Client,
    accounts: list[AccountFacts],
    spent: list[_Spent],
    depleted: tuple[str, ...],
) -> ClientStanding:
    own = next((a for a in accounts if a.level == Account.Level.CLIENT), None)
    # A campaign's account stands below its client's, and so is in its currency.
    of_campaigns = [a for a in accounts if a.level == Account.Level.CAMPAIGN]
    return ClientStanding(
        client_id=client.pk,
        name=client.name,
        is_active=client.is_active,
        account=own,
        campaigns_minor=sum(account.balance_minor or 0 for account in of_campaigns),
        held_minor=sum(account.held_minor for account in accounts),
        used_minor=sum(
            row.charged_minor for row in spent if own is not None and row.currency == own.currency
        ),
        redemptions=sum(row.redemptions for row in spent),
        depleted=depleted,
    )


def _spent_since(first_day: date, client_ids: Collection[UUID]) -> list[_Spent]:
    rows = (
        Redemption.objects.filter(
            client_id__in=client_ids,
            is_test=False,
            state__in=Redemption.STANDING,
            issued_at__gte=datetime.combine(first_day, time.min, tzinfo=UTC),
        )
        .order_by()
        .annotate(day=TruncDate("issued_at", tzinfo=UTC))
        .values_list("client_id", "currency", "day")
        .annotate(charged=Sum("charged_minor", default=0), redemptions=Count("*"))
    )
    return [
        _Spent(
            client_id=client_id,
            currency=currency,
            day=day,
            charged_minor=charged,
            redemptions=redemptions,
        )
        for client_id, currency, day, charged, redemptions in rows
    ]


def _depleted_by_client(agency: Agency) -> dict[UUID, tuple[str, ...]]:
    found: dict[UUID, tuple[str, ...]] = {}
    campaigns = Campaign.objects.filter(client__agency=agency, status=Campaign.Status.DEPLETED)
    for client_id, name in campaigns.order_by("name", "pk").values_list("client_id", "name"):
        found[client_id] = (*found.get(client_id, ()), name)
    return found
