"""What is measured on: many clients with a campaign each, a hot one, and fresh codes and cards."""

from __future__ import annotations

import contextlib
import enum
import itertools
import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from psycopg import sql

from alerts.keyring import digest
from alerts.transactions import transaction
from config.bench.course import Course
from config.progress import step
from credit.models import Account, Agency, Client
from credit.services.accounts import open_client_account, open_platform_accounts
from credit.services.api_keys import create_api_key
from credit.services.ledger import allocate
from credit.services.slots import merge_account, split_account
from giftcards.models import Brand, Denomination, Pool
from giftcards.services.secrets import seal_code, seal_field
from redemption.codes import normalise_code
from redemption.models import Campaign, Condition
from redemption.services.recipients import seal_redemption_code

_VALUE_MINOR: Final = 2_500
_CREDIT_MINOR: Final = 10**12

# The bench's own things lie in a schema of their own, out of the application's way.
_SCHEMA: Final = """
    CREATE SCHEMA bench;
    CREATE UNLOGGED TABLE bench.client (
        number integer PRIMARY KEY, client_id uuid, campaign_id uuid, pool_id uuid, brand_id uuid);
    CREATE UNLOGGED TABLE bench.sealed (
        number integer PRIMARY KEY, code text, pin text, redemption_code text, last4 text);
    CREATE UNLOGGED TABLE bench.fresh (number bigint, digest bytea);
"""
_INVITE: Final = """
    INSERT INTO redemption_recipient
        (campaign_id, client_id, first_name, last_name, code_digest, code_encrypted, code_last4)
    SELECT c.campaign_id, c.client_id, 'Ana', 'Sample', f.digest, s.redemption_code, s.last4
    FROM bench.fresh f
    JOIN bench.client c ON c.number = coalesce(%(client)s, f.number %% %(accounts)s)
    JOIN bench.sealed s ON s.number = f.number %% %(sealed)s
"""
_STOCK: Final = """
    INSERT INTO giftcards_giftcard
        (pool_id, brand_id, client_id, code_encrypted, code_digest, last4, pin_encrypted,
         value_minor, currency, source, claim_key)
    SELECT c.pool_id, c.brand_id, c.client_id, s.code, f.digest, s.last4, s.pin, %(value)s, 'USD',
        'upload', floor(random() * 2147483647)::integer
    FROM bench.fresh f
    JOIN bench.client c ON c.number = coalesce(%(client)s, f.number %% %(accounts)s)
    JOIN bench.sealed s ON s.number = f.number %% %(sealed)s
"""


class Codes(enum.StrEnum):
    """Kinds of redemption codes: who uses them up, and whose campaigns they are of.

    Those for pgbench are found by a digest that SQL can make (``sql_digest_of``), those for the
    service by the real keyed one.
    """

    LIMIT_MANY = "limit_many"
    LIMIT_HOT = "limit_hot"
    SERVICE_MANY = "service_many"
    SERVICE_HOT = "service_hot"

    @property
    def is_hot(self) -> bool:
        return self.value.endswith("hot")

    @property
    def is_for_pgbench(self) -> bool:
        return self.value.startswith("limit")


def sql_digest_of(kind: Codes, number: str) -> str:
    """Return the SQL expression of the digest of pgbench's code with a number."""
    return f"sha256(convert_to('{kind}' || {number}, 'UTF8'))"


def code_of(kind: Codes, number: int) -> str:
    """Return the service's code with a number, as a person would type it."""
    return f"{'H' if kind.is_hot else 'M'}{number:012d}"


class Data:
    """The bench's tables: clients are made once, codes and cards as they are needed."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self._api_keys: list[str] = []
        self._made = dict.fromkeys(Codes, 0)
        self._next = {kind: itertools.count(1) for kind in Codes}

    @contextlib.contextmanager
    def world(self, *, now: datetime) -> Iterator[None]:
        """Make the clients, and in the end remove what only the bench needs beside them."""
        with connections["owner"].cursor() as cursor:
            cursor.execute(_SCHEMA)
            for kind in Codes:
                cursor.execute(f"CREATE SEQUENCE bench.{kind}")
            role = sql.Identifier(connections["default"].settings_dict["USER"])
            for grant in (
                "GRANT USAGE ON SCHEMA bench TO {}",
                "GRANT SELECT ON ALL TABLES IN SCHEMA bench TO {}",
                "GRANT USAGE ON ALL SEQUENCES IN SCHEMA bench TO {}",
            ):
                cursor.execute(sql.SQL(grant).format(role).as_string(cursor.connection))
        try:
            with step(f"{self.course.accounts} clients and {self.course.sealed:,} sealed codes"):
                self._seal()
                self._make_clients(now=now)
            yield
        finally:
            with connections["owner"].cursor() as cursor:
                cursor.execute("DROP SCHEMA bench CASCADE")

    def next_number(self, kind: Codes) -> int:
        """Return the number of a fresh code; threads may share this."""
        return next(self._next[kind])

    def api_key_of(self, number: int) -> str:
        """Return the API key of the agency whose client a code belongs to."""
        return self._api_keys[number % self.course.accounts % self.course.agencies]

    def keep_hot_account_in(self, slots: int) -> None:
        """Split the account of the hot client, or (0) make it one number again."""
        hot = Account.objects.get(client__slug=f"bench-client-{self.course.accounts}")
        now = timezone.now()
        if slots:
            split_account(account_id=hot.pk, slots=slots, actor="system", now=now)
        else:
            merge_account(account_id=hot.pk, actor="system", now=now)

    def renew(self, wanted: dict[Codes, int]) -> None:
        """Make fresh codes, and cards for them, and go on with the first of those.

        The tables are then in the state that autovacuum would bring them to.
        """
        with connections["owner"].cursor() as cursor:
            for kind, count in wanted.items():
                first = self._made[kind] + 1
                self._made[kind] += count
                self._next[kind] = itertools.count(first)
                cursor.execute(f"ALTER SEQUENCE bench.{kind} RESTART WITH {first}")
                self._write_digests(cursor, kind, range(first, first + count))
                values = {
                    "client": self.course.accounts if kind.is_hot else None,
                    "accounts": self.course.accounts,
                    "sealed": self.course.sealed,
                    "value": _VALUE_MINOR,
                }
                cursor.execute(_INVITE, values)
                cursor.execute(_STOCK, values)
                cursor.execute("TRUNCATE bench.fresh")
            cursor.execute("VACUUM ANALYZE redemption_recipient, giftcards_giftcard")

    def _write_digests(self, cursor: CursorWrapper, kind: Codes, numbers: range) -> None:
        if kind.is_for_pgbench:
            cursor.execute(
                f"INSERT INTO bench.fresh SELECT n, {sql_digest_of(kind, 'n')}"  # noqa: S608
                " FROM generate_series(%s, %s) n",
                [numbers.start, numbers.stop - 1],
            )
            return
        with cursor.copy("COPY bench.fresh (number, digest) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "bytea"])
            for number in numbers:
                code = normalise_code(code_of(kind, number))
                copy.write_row((number, digest(code, purpose="redemption_code")))

    def _seal(self) -> None:
        with (
            connections["owner"].cursor() as cursor,
            cursor.copy("COPY bench.sealed FROM STDIN") as copy,
        ):
            for number in range(self.course.sealed):
                card = seal_code(f"BENCH-{secrets.token_hex(6).upper()}")
                pin = seal_field(f"{secrets.randbelow(10_000):04d}", field="pin")
                code = seal_redemption_code(secrets.token_hex(6)).encrypted
                copy.write_row((number, card.encrypted, pin, code, card.last4))

    def _make_clients(self, *, now: datetime) -> None:
        """Make agencies with their clients in turn, and last the hot one."""
        with transaction():
            platform = open_platform_accounts(currency="USD")
            agencies = [
                Agency.objects.create(name=f"Agency {number}", slug=f"bench-agency-{number}")
                for number in range(self.course.agencies)
            ]
            for agency in agencies:
                _key, secret = create_api_key(
                    name="Bench",
                    owner=agency,
                    scopes=["redeem", "cards:reveal", "credit:read"],
                    now=now,
                )
                self._api_keys.append(secret)
            funded: set[UUID] = set()
            for number in range(self.course.accounts + 1):
                agency = agencies[number % len(agencies)]
                self._make_client(number, agency, platform, funded, now=now)

    def _make_client(
        self, number: int, agency: Agency, platform: Account, funded: set[UUID], *, now: datetime
    ) -> None:
        client = Client.objects.create(
            agency=agency, name=f"Client {number}", slug=f"bench-client-{number}"
        )
        account = open_client_account(client=client, currency="USD")
        assert account.parent is not None  # noqa: S101  a client's account has one
        steps = [(account.parent, account, _CREDIT_MINOR)]
        if account.parent.pk not in funded:
            funded.add(account.parent.pk)
            everything = _CREDIT_MINOR * (self.course.accounts + 1)
            steps.insert(0, (platform, account.parent, everything))
        for payer, payee, amount_minor in steps:
            allocate(
                from_account=payer,
                to_account=payee,
                amount_minor=amount_minor,
                actor="system",
                key=f"bench:{payee.pk}",
                now=now,
            )
        brand = Brand.objects.create(name=f"Shop {number}", slug=f"bench-shop-{number}")
        value = Denomination.objects.create(brand=brand, value_minor=_VALUE_MINOR, currency="USD")
        pool = Pool.objects.create(
            name=f"Pool {number}",
            brand=brand,
            denomination=value,
            kind=Pool.Kind.CLIENT,
            client=client,
        )
        campaign = Campaign.objects.create(
            client=client,
            name=f"Campaign {number}",
            status=Campaign.Status.ACTIVE,
            account=account,
        )
        Condition.objects.create(
            campaign=campaign,
            number=1,
            name="Came to the appointment",
            brand=brand,
            card_value_minor=_VALUE_MINOR,
            pool=pool,
        )
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "INSERT INTO bench.client VALUES (%s, %s, %s, %s, %s)",
                [number, client.pk, campaign.pk, pool.pk, brand.pk],
            )
