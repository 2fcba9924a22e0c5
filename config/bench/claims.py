"""Claims of single cards, from a large pool and from small ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import psycopg
from django.db import connections

from config.bench.course import Course
from config.bench.database import database_url
from config.bench.limit import repeat_pgbench, run_pgbench
from config.bench.measure import Sample
from giftcards.models import Pool

_CARDS: Final = """
    INSERT INTO giftcards_giftcard
        (pool_id, brand_id, client_id, code_encrypted, code_digest, last4, pin_encrypted,
         value_minor, currency, source, claim_key)
    SELECT p.id, p.brand_id, p.client_id, s.code,
        sha256(uuid_send(p.id) || int8send(n)), s.last4, s.pin, 2500, 'USD', 'upload',
        floor(random() * 2147483647)::integer
    FROM giftcards_pool p CROSS JOIN generate_series(1, %(each)s::bigint) n
    JOIN bench.sealed s ON s.number = n %% %(sealed)s
    WHERE p.id = ANY (%(pools)s)
"""
_FUNCTION: Final = """
    CREATE FUNCTION bench.pool_id(p_number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT ('bbbbbbbb-0000-4000-8000-' || lpad(to_hex(p_number), 12, '0'))::uuid
    $$
"""
# The same work around the claim for every pool. A claim that finds no card divides by zero: that
# is seen, where an empty answer would count as a quick claim.
_CLAIM: Final = """
SELECT 1 / (id IS NOT NULL)::integer FROM giftcards_claim_card(
    bench.pool_id({first} + nextval('bench.claims') / {each}), 'bench', gen_random_uuid(), now());
"""
_NEVER: Final = 10**12


class Claims:
    """Pools of both sizes.

    A small pool is used from full to half empty, then the next one's turn comes: so it never
    runs dry, and its size stays what the comparison says.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self._pools = 0
        # The first small pool that is still full; its maker sets it.
        self.next_small = 0
        with connections["owner"].cursor() as cursor:
            cursor.execute(_FUNCTION)
            cursor.execute("CREATE SEQUENCE bench.claims MINVALUE 0")
            role = connections["default"].settings_dict["USER"]
            cursor.execute(f'GRANT USAGE ON SEQUENCE bench.claims TO "{role}"')

    def make_pools(self, *, count: int, each: int) -> int:
        """Make full pools and return the number of the first."""
        model = Pool.objects.select_related("denomination").order_by("created_at", "pk")[0]
        first = self._pools
        self._pools += count
        pools = [
            Pool(
                id=UUID(f"bbbbbbbb-0000-4000-8000-{number:012x}"),
                name=f"Claims {number}",
                brand_id=model.brand_id,
                denomination=model.denomination,
                kind=Pool.Kind.MASTER,
                reserved=True,
            )
            for number in range(first, self._pools)
        ]
        Pool.objects.bulk_create(pools)
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                _CARDS,
                {
                    "each": each,
                    "sealed": self.course.sealed,
                    "pools": [pool.pk for pool in pools],
                },
            )
            cursor.execute("VACUUM ANALYZE giftcards_giftcard")
        return first

    def run_large(self, pool: int) -> Sample:
        """Claim from one pool only."""
        return run_pgbench(
            self._script(first=pool, each=_NEVER), clients=self.course.crowd, course=self.course
        )

    def run_small(self) -> Sample:
        """Claim from small pools, one after the other, each down to its half."""
        each = self.course.small_pool // 2
        script = self._script(first=self.next_small, each=each)
        result = run_pgbench(script, clients=self.course.crowd, course=self.course)
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT last_value FROM bench.claims")
            self.next_small += cursor.fetchone()[0] // each + 1
        return result

    def claim(self, pool: int, *, times: int) -> float:
        """Claim so often from a pool; return how many were claimed a second."""
        return repeat_pgbench(
            self._script(first=pool, each=_NEVER), clients=self.course.crowd, times=times
        )

    def _script(self, *, first: int, each: int) -> str:
        with connections["owner"].cursor() as cursor:
            cursor.execute("ALTER SEQUENCE bench.claims RESTART WITH 0")
        return _CLAIM.format(first=first, each=each)


@contextlib.contextmanager
def open_snapshot() -> Iterator[None]:
    """Hold a snapshot open, as a long report or a backup does: nothing dead can be cleared."""
    with psycopg.connect(database_url("owner")) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT count(*) FROM giftcards_pool")
        yield
        other.rollback()
