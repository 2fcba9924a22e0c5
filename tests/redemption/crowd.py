"""A year of a programme in seconds: redemptions with all that hangs on them, by one seed.

Organisations are made by the services; the rest is written by ``crowd.sql`` as the superuser, no
trigger fires, and what comes out is what a year of use leaves behind, except that the ledger has
transactions without entries, that no sealed code can be opened and that a request's other records
(idempotency, audit) are missing. 200,000 took 138 s
while ten processes shared two cores; the kept days another 30 s.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from alerts.transactions import transaction
from credit.models import Account, Agency, Client, Membership, User
from credit.services.accounts import open_client_account, open_platform_accounts
from giftcards.models import Brand, Denomination, Pool
from redemption.models import Campaign, Condition
from redemption.services.message_days import count_message_days
from redemption.services.report_days import count_report_days
from tests.cluster import SUPERUSER
from tests.database import housekeeping, is_superuser

# How many `make test` lets redeem; `make report-proof` asks for 200,000.
REDEMPTIONS: Final = int(os.environ.get("REPORT_REDEMPTIONS", "2000"))

# Over how many days: a small crowd has lived shorter, so that counting its days is quick.
DAYS: Final = 365 if REDEMPTIONS >= 100_000 else 120

needs_crowd = pytest.mark.skipif(
    not is_superuser(), reason="a crowd is written past the triggers, on a server of our own"
)

_STATEMENTS: Final = Path(__file__).with_suffix(".sql")
# From here on the tables are vacuumed as well, as they would have been in a year.
_MANY: Final = 50_000
_BRANDS: Final = ("Acorn", "Birch", "Cedar", "Doveworks", "Elm & Oak", "Fern")
_CLIENTS: Final = ("Ash", "Brook", "Cliff", "Dale", "Edge", "Field", "Glen", "Hill")
# An agency keeps its accounts in one currency: the last one is for the client that pays in EUR.
_AGENCIES: Final = ("North", "South", "West", "East")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Whom the redemptions are of.

    :param until: the moment up to which they have lived.
    """

    count: int
    until: datetime
    agencies: tuple[Agency, ...]
    clients: tuple[Client, ...]
    campaigns: tuple[Campaign, ...]
    pools: tuple[Pool, ...]
    brands: tuple[Brand, ...]
    agents: tuple[User, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Offer:
    """A condition with its pool, as a row of what ``crowd.sql`` chooses from."""

    condition: Condition
    pool: Pool
    agents: list[UUID]


def crowd(
    count: int = REDEMPTIONS,
    *,
    until: datetime | None = None,
    seed: int = 1,
    days: int = 365,
    counted: bool = False,
) -> Crowd:
    """Let ``count`` people redeem in the ``days`` before ``until``, one in a hundred in its last
    hour.

    8 clients of 4 agencies (the last of each pays in EUR), 3 campaigns of 2 conditions each, 6
    brands, 14 pools (6 of the platform) and 16 agents. The same seed gives the same people, doors,
    times and fates, relative to ``until``; organisations have ids of their own.

    :param until: now where None; pages ask up to now.
    :param counted: have the days that are over counted and kept too, as the jobs do.
    """
    until = until or datetime.now(UTC)
    made, offers = _make_organisations(count, until)
    with housekeeping() as connection:
        _write_offers(connection, offers)
        for statement in _read_statements(until, count=count, seed=seed, days=days):
            connection.execute(statement)
    if counted:
        count_report_days(now=until, limit=10 * days)
        count_message_days(now=until, limit=10 * days)
    _gather_statistics(count)
    return made


def _make_organisations(count: int, until: datetime) -> tuple[Crowd, list[_Offer]]:
    began = until - timedelta(days=400)
    with transaction():
        open_platform_accounts(currency="USD")
        open_platform_accounts(currency="EUR")
        agencies = [
            Agency.objects.create(name=f"{name} Agency", slug=f"{name.lower()}-{_tail()}")
            for name in _AGENCIES
        ]
        brands = [
            Brand.objects.create(name=name, slug=f"brand-{number}-{_tail()}")
            for number, name in enumerate(_BRANDS)
        ]
        masters = [_make_pool(brand, "USD", None) for brand in brands]
        clients, campaigns, pools, agents, offers = [], [], list(masters), [], []
        for number, name in enumerate(_CLIENTS):
            currency = "EUR" if number == len(_CLIENTS) - 1 else "USD"
            agency = agencies[-1] if currency == "EUR" else agencies[number % (len(agencies) - 1)]
            client = Client.objects.create(
                agency=agency, name=f"{name} Ltd", slug=f"{name.lower()}-{_tail()}"
            )
            account = open_client_account(client=client, currency=currency)
            own = _make_pool(brands[number % len(brands)], currency, client)
            second = masters[(number + 1) % len(masters)] if currency == "USD" else own
            here = [_make_agent(client, f"{name} agent {one}") for one in (1, 2)]
            for season in ("Spring", "Summer", "Winter"):
                campaign = _make_campaign(client, account, f"{name} {season}", began)
                campaigns.append(campaign)
                for place, pool in enumerate((own, second), start=1):
                    condition = _make_condition(campaign, place, pool)
                    offers.append(_Offer(condition, pool, [agent.pk for agent in here]))
            clients.append(client)
            pools.append(own)
            agents += here
    made = Crowd(
        count=count,
        until=until,
        agencies=tuple(agencies),
        clients=tuple(clients),
        campaigns=tuple(campaigns),
        pools=tuple(pools),
        brands=tuple(brands),
        agents=tuple(agents),
    )
    return made, offers


def _make_pool(brand: Brand, currency: str, client: Client | None) -> Pool:
    denomination, _ = Denomination.objects.get_or_create(
        brand=brand, value_minor=2500, currency=currency
    )
    return Pool.objects.create(
        name=f"{client.name if client else 'Stock'} {brand.name} {currency}",
        brand=brand,
        denomination=denomination,
        kind=Pool.Kind.CLIENT if client else Pool.Kind.MASTER,
        client=client,
        cost_per_card_minor=2350,
    )


def _make_agent(client: Client, name: str) -> User:
    first, _, last = name.partition(" ")
    agent = User.objects.create(
        username=f"{name.lower().replace(' ', '-')}-{_tail()}", first_name=first, last_name=last
    )
    Membership.objects.create(user=agent, role=Membership.Role.AGENT, client=client)
    return agent


def _make_campaign(client: Client, account: Account, name: str, began: datetime) -> Campaign:
    return Campaign.objects.create(
        client=client,
        name=name,
        status=Campaign.Status.ACTIVE,
        account=account,
        starts_at=began,
    )


def _make_condition(campaign: Campaign, number: int, pool: Pool) -> Condition:
    return Condition.objects.create(
        campaign=campaign,
        number=number,
        name=f"Condition {number}",
        brand=pool.brand,
        card_value_minor=pool.denomination.value_minor,
        currency=pool.denomination.currency,
        pool=pool,
    )


def _write_offers(connection: psycopg.Connection[Any], offers: list[_Offer]) -> None:
    connection.execute(
        "CREATE TEMP TABLE crowd_offer (number int, client_id uuid, campaign_id uuid,"
        " condition_id uuid, pool_id uuid, pool_client_id uuid, brand_id uuid, value_minor bigint,"
        " currency text, charge_minor bigint, agents uuid[]) ON COMMIT DROP"
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crowd_offer VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    number,
                    offer.condition.campaign.client_id,
                    offer.condition.campaign_id,
                    offer.condition.pk,
                    offer.pool.pk,
                    offer.pool.client_id,
                    offer.pool.brand_id,
                    offer.pool.denomination.value_minor,
                    offer.condition.currency,
                    # 4 % on top, so that an agency earns something.
                    offer.pool.denomination.value_minor * 104 // 100,
                    offer.agents,
                )
                for number, offer in enumerate(offers, start=1)
            ],
        )


def _read_statements(until: datetime, **numbers: int) -> Iterator[sql.SQL]:
    text = _STATEMENTS.read_text().replace("{until}", f"timestamptz '{until.isoformat()}'")
    for name, number in numbers.items():
        text = text.replace(f"{{{name}}}", str(number))
    for statement in text.split(";\n"):
        if statement.strip():
            # A file of ours, of which numbers alone were filled in.
            yield sql.SQL(statement)


def _gather_statistics(count: int) -> None:
    """Tell the planner what there is, as autovacuum does within a minute."""
    parts = urlsplit(os.environ[SUPERUSER])
    here = urlunsplit(parts._replace(path=f"/{settings.DATABASES['default']['NAME']}"))
    with psycopg.connect(here, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE" if count >= _MANY else "ANALYZE")


def _tail() -> str:
    return uuid4().hex[:8]
