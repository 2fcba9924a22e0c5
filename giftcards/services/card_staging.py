"""Cards on their way through the staging table: the statements of an upload.

All run in the caller's transaction. The staging table is unlogged and belongs to nobody: what a
statement sees of it is what its batch has put there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from alerts.csvfiles import RowProblem
from alerts.services.imports import PROBLEMS_KEPT
from alerts.transactions import transaction_required
from giftcards.models import GiftCard, Pool, StagedCard
from giftcards.services.card_rows import COLUMNS

_BLOCK_LINES: Final = 1000

_COPY: Final = f"COPY giftcards_stagedcard ({', '.join(COLUMNS)}) FROM STDIN"

# Larger uploads are moved and compared in parts, so that somebody can be told how far it is. Each
# part reads the staged rows anew, so there are not many.
_PART_ROWS: Final = 10_000
_MOST_PARTS: Final = 16

_MOVE: Final = "SELECT giftcards_stock_staged(%s, %s, %s, %s, %s, %s)"

_FIND_DUPLICATES: Final = """
    SELECT line, pool_id, first_line, count(*) OVER () FROM (
        SELECT s.line, c.pool_id, min(s.line) OVER (PARTITION BY s.code_digest) AS first_line
        FROM giftcards_stagedcard s
        LEFT JOIN giftcards_giftcard c ON c.brand_id = %(brand)s
            AND c.code_digest = s.code_digest AND c.batch_id IS DISTINCT FROM s.batch_id
        WHERE s.batch_id = %(batch)s AND s.code_digest >= %(from)s AND s.code_digest < %(to)s
    ) staged
    WHERE pool_id IS NOT NULL OR line > first_line
    ORDER BY line LIMIT %(limit)s
"""

# Is told how many of the rows are done.
Tell = Callable[[int], None]


def tell_nobody(_rows: int) -> None:
    """Keep to oneself how far it is."""


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
def check_keys_at_once() -> None:
    """Have foreign keys checked by each statement from here on, not all of them by the commit.

    Of a million cards that takes half of the time, in which nobody could be told how far it is.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@transaction_required
def move_into_pool(
    *,
    batch_id: UUID,
    pool: Pool,
    source: GiftCard.Source,
    now: datetime,
    rows: int,
    tell: Tell = tell_nobody,
) -> int:
    """Make cards of what is staged; return how many, fewer where a code is a duplicate.

    :param rows: how many rows are staged.
    """
    written = 0
    with connection.cursor() as cursor:
        for begin, end, share in parts_of(rows):
            cursor.execute(_MOVE, [batch_id, pool.pk, source, begin, end, now])
            written += int(cursor.fetchone()[0])
            tell(round(share * rows))
    return written


@transaction_required
def find_duplicates(
    *, batch_id: UUID, pool: Pool, rows: int, tell: Tell = tell_nobody
) -> tuple[list[RowProblem], int]:
    """Find staged rows whose code is on an earlier line or is a card of the brand already.

    :param rows: how many rows are staged.
    :returns: the first of them by line, and how many there are.
    """
    count = 0
    first: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for begin, end, share in parts_of(rows):
            cursor.execute(
                _FIND_DUPLICATES,
                {
                    "batch": batch_id,
                    "brand": pool.brand_id,
                    "from": begin,
                    "to": end,
                    "limit": PROBLEMS_KEPT,
                },
            )
            found = cursor.fetchall()
            count += found[0][-1] if found else 0
            first = sorted([*first, *found])[:PROBLEMS_KEPT]
            tell(round(share * rows))
    return [_explain(row, pool=pool) for row in first], count


def parts_of(rows: int) -> Iterator[tuple[bytes, bytes, float]]:
    """Yield where each part of so many rows begins and ends among the digests, and its share.

    The share is of all rows up to the part's end: digests are as evenly spread as dice.
    """
    parts = min(max(rows // _PART_ROWS, 1), _MOST_PARTS)
    for number in range(1, parts + 1):
        begin, end = (256 * bound // parts for bound in (number - 1, number))
        yield bytes([begin]), bytes([end]) if end < 256 else b"\xff" * 33, number / parts


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


@transaction_required
def count_staged_cards(*, batch_id: UUID) -> int:
    """Return how many rows are staged of a batch."""
    return StagedCard.objects.filter(batch_id=batch_id).count()
