"""Cards on their way through the staging table: the statements of an upload.

All run in the transaction of the import. The staging table is unlogged and belongs to nobody:
what a statement sees of it is what its batch has put there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from alerts.csvfiles import RowProblem
from alerts.services.imports import PROBLEMS_KEPT
from alerts.transactions import transaction_required
from giftcards.models import GiftCard, Pool
from giftcards.services.card_rows import COLUMNS

_BLOCK_LINES: Final = 1000

_COPY: Final = f"COPY giftcards_stagedcard ({', '.join(COLUMNS)}) FROM STDIN"

# In the order of the digests, so that the two largest indexes grow at one end: at a million rows
# that halves the time. A code that is there already, or is just being written by somebody else,
# is left out, and the count tells. Of two lines with one code the first goes in.
_INSERT: Final = """
    INSERT INTO giftcards_giftcard
        (pool_id, brand_id, client_id, batch_id, code_encrypted, code_digest, last4,
         pin_encrypted, number_encrypted, value_minor, currency, cost_minor, source, expires_on,
         expiry_bucket, claim_key, created_at)
    SELECT p.id, p.brand_id, p.client_id, s.batch_id, s.code_encrypted, s.code_digest, s.last4,
        s.pin_encrypted, s.number_encrypted, d.value_minor, d.currency, p.cost_per_card_minor,
        %(source)s, s.expires_on, s.expiry_bucket, s.claim_key, %(now)s
    FROM giftcards_stagedcard s, giftcards_pool p, giftcards_denomination d
    WHERE s.batch_id = %(batch)s AND p.id = %(pool)s AND d.id = p.denomination_id
    ORDER BY s.code_digest, s.line
    ON CONFLICT (brand_id, code_digest) DO NOTHING
"""

_FIND_DUPLICATES: Final = """
    SELECT line, pool_id, first_line, count(*) OVER () FROM (
        SELECT s.line, c.pool_id, min(s.line) OVER (PARTITION BY s.code_digest) AS first_line
        FROM giftcards_stagedcard s
        LEFT JOIN giftcards_giftcard c ON c.brand_id = %(brand)s
            AND c.code_digest = s.code_digest AND c.batch_id IS DISTINCT FROM s.batch_id
        WHERE s.batch_id = %(batch)s
    ) staged
    WHERE pool_id IS NOT NULL OR line > first_line
    ORDER BY line LIMIT %(limit)s
"""


@transaction_required
def stage_cards(lines: Iterable[str], *, after_block: Callable[[int], None]) -> int:
    """Write lines of COPY's text format into the staging table; return how many there were.

    :param after_block: is told after each thousand how many there are so far.
    """
    count = 0
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        waiting = iter(lines)
        while block := list(itertools.islice(waiting, _BLOCK_LINES)):
            copy.write("".join(block))
            count += len(block)
            after_block(count)
    return count


@transaction_required
def move_into_pool(*, batch_id: UUID, pool: Pool, source: GiftCard.Source, now: datetime) -> int:
    """Make cards of what is staged; return how many, fewer where a code is a duplicate."""
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {"batch": batch_id, "pool": pool.pk, "source": source, "now": now},
        )
        return int(cursor.rowcount)


@transaction_required
def find_duplicates(*, batch_id: UUID, pool: Pool) -> tuple[list[RowProblem], int]:
    """Find staged rows whose code is on an earlier line or is a card of the brand already.

    :returns: the first of them by line, and how many there are.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _FIND_DUPLICATES,
            {"batch": batch_id, "brand": pool.brand_id, "limit": PROBLEMS_KEPT},
        )
        found = cursor.fetchall()
    return [_explain(row, pool=pool) for row in found], found[0][-1] if found else 0


@transaction_required
def clear_staged_cards(*, batch_id: UUID) -> None:
    """Remove what is staged of a batch."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM giftcards_stagedcard WHERE batch_id = %s", [batch_id])


def _explain(row: tuple[Any, ...], *, pool: Pool) -> RowProblem:
    line, pool_id, first_line, _ = row
    if pool_id is None:
        message = f"The same code is on line {first_line}."
    elif pool_id == pool.pk:
        message = "This code is in this pool already."
    else:
        # Not which: it may be another client's.
        message = "This code is in another pool of this brand already."
    return RowProblem(line, "code", message)
