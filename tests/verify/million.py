"""Rewards in such numbers as a national programme has, that keep every promise there is.

Organisations are made by the services and codes are sealed as always; the rest is written by
``million.sql`` as the superuser, set by set.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from psycopg import sql

from alerts.transactions import transaction
from credit.models import Account, Agency, Client
from credit.services.accounts import open_client_account, open_platform_accounts
from credit.services.ledger import allocate
from giftcards.models import Brand, Denomination, Pool
from giftcards.services.secrets import code_sealer
from redemption.codes import generate_code
from redemption.models import Campaign, Condition
from redemption.services.message_days import count_message_days
from redemption.services.recipients import seal_redemption_code
from redemption.services.report_days import count_report_days
from tests.cluster import SUPERUSER
from tests.database import housekeeping

# How many `make test` proves; `make verify-proof` asks for a million.
REDEMPTIONS: Final = int(os.environ.get("VERIFY_REDEMPTIONS", "1000"))
_CLIENTS: Final = 10
_CREDIT: Final = 10**11
_STATEMENTS: Final = Path(__file__).with_suffix(".sql")


def build_million(count: int = REDEMPTIONS) -> datetime:
    """Write ``count`` rewards of the last 200 days, and have the days counted; return the moment
    as of which they are.
    """
    now = datetime.now(UTC)
    clients = _make_clients(now)
    seal = code_sealer()
    with housekeeping() as connection:
        connection.execute(
            "CREATE TEMP TABLE million_client (number integer, client_id uuid, campaign_id uuid,"
            " condition_id uuid, pool_id uuid, brand_id uuid, account_id uuid) ON COMMIT DROP"
        )
        for row in clients:
            connection.execute(
                "INSERT INTO million_client VALUES (%s, %s, %s, %s, %s, %s, %s)", row
            )
        connection.execute(
            "CREATE TEMP TABLE sealed (n bigint, code text, code_digest bytea, last4 text,"
            " redemption_code text, redemption_digest bytea, redemption_last4 text) ON COMMIT DROP"
        )
        with connection.cursor().copy("COPY sealed FROM STDIN") as copy:
            for n in range(1, count + 1):
                card = seal(f"GIFT-{secrets.token_hex(8).upper()}")
                code = seal_redemption_code(generate_code())
                copy.write_row(
                    (n, card.encrypted, card.digest, card.last4,
                     code.encrypted, code.digest, code.last4)
                )  # fmt: skip
        values = {"count": count, "credit": _CREDIT, "now": now}
        for statement in _read_statements(values):
            connection.execute(statement)
    count_report_days(now=now, limit=400)
    count_message_days(now=now, limit=400)
    _measure()
    return now


def _read_statements(values: dict[str, object]) -> list[sql.Composed]:
    lines = [line for line in _STATEMENTS.read_text().splitlines() if not line.startswith("--")]
    parts = "\n".join(lines).split(";\n")
    literals = {name: sql.Literal(value) for name, value in values.items()}
    return [sql.SQL(part).format(**literals) for part in parts if part.strip()]


def _make_clients(now: datetime) -> list[tuple[object, ...]]:
    made: list[tuple[object, ...]] = []
    with transaction():
        platform = open_platform_accounts(currency="USD")
        for number in range(_CLIENTS):
            agency = Agency.objects.create(name=f"Agency {number}", slug=f"agency-{number}")
            client = Client.objects.create(agency=agency, name="Client", slug=f"client-{number}")
            account = open_client_account(client=client, currency="USD")
            assert account.parent is not None
            for payer, payee in ((platform, account.parent), (account.parent, account)):
                _allocate(payer, payee, now)
            brand = Brand.objects.create(name=f"Shop {number}", slug=f"shop-{number}")
            value = Denomination.objects.create(brand=brand, value_minor=2500, currency="USD")
            pool = Pool.objects.create(
                name="Pool", brand=brand, denomination=value, kind=Pool.Kind.CLIENT, client=client
            )
            campaign = Campaign.objects.create(
                client=client, name="Campaign", status=Campaign.Status.ACTIVE, account=account
            )
            condition = Condition.objects.create(
                campaign=campaign, number=1, name="Came", brand=brand, card_value_minor=2500,
                pool=pool,
            )  # fmt: skip
            made.append(
                (number, client.pk, campaign.pk, condition.pk, pool.pk, brand.pk, account.pk)
            )
    return made


def _allocate(payer: Account, payee: Account, now: datetime) -> None:
    allocate(
        from_account=payer,
        to_account=payee,
        amount_minor=_CREDIT,
        actor="system",
        key=f"test:{payee.pk}",
        now=now,
    )


def _measure() -> None:
    """Bring the tables to where autovacuum would have brought them."""
    name = settings.DATABASES["default"]["NAME"]
    address = urlunsplit(urlsplit(os.environ[SUPERUSER])._replace(path=f"/{name}"))
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
