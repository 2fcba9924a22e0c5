"""Codes that two people hold: imported twice under two brands, or a provider's fault."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from alerts.scope import EVERYTHING, seeing

# A void card keeps its holder as history only. Who was first holds the code; everybody after them
# has one that may be empty by now.
_FIND: Final = """
    WITH held AS (
        SELECT id, code_digest, provider_reference, claimed_at, holder_id
        FROM giftcards_giftcard
        WHERE holder_kind = 'redemption' AND status IN ('claimed', 'delivered', 'redeemed')
    ), twice AS (
        SELECT 'code' AS why, encode(code_digest, 'hex') AS what, array_agg(id) AS ids
        FROM held GROUP BY code_digest HAVING count(*) > 1
        UNION ALL
        SELECT 'reference', provider_reference, array_agg(id)
        FROM held WHERE provider_reference <> '' GROUP BY provider_reference HAVING count(*) > 1
    ), ranked AS (
        SELECT t.why, h.id, h.holder_id,
            first_value(h.id) OVER w AS first_card, first_value(h.holder_id) OVER w AS first_holder,
            row_number() OVER w AS place
        FROM twice t JOIN held h ON h.id = ANY (t.ids)
        WINDOW w AS (PARTITION BY t.why, t.what ORDER BY h.claimed_at, h.id)
    )
    SELECT DISTINCT ON (r.id) r.why, r.first_card, r.first_holder, r.id, r.holder_id
    FROM ranked r WHERE r.place > 1 ORDER BY r.id, r.why
"""
_DESCRIBE: Final = """
    SELECT g.id, b.name, g.last4, g.claimed_at, g.disclosed_at, r.id, r.client_id, cl.name,
        r.recipient_id, p.first_name, p.last_name, p.phone
    FROM giftcards_giftcard g JOIN giftcards_brand b ON b.id = g.brand_id
    JOIN redemption_redemption r ON r.id = g.holder_id
    JOIN redemption_recipient p ON p.id = r.recipient_id
    JOIN credit_client cl ON cl.id = r.client_id
    WHERE g.id = ANY (%s)
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CodeHolder:
    """Somebody who holds a card, and since when."""

    card_id: UUID
    brand: str
    last4: str
    claimed_at: datetime
    disclosed_at: datetime | None
    redemption_id: UUID
    client_id: UUID
    client: str
    recipient_id: UUID
    first_name: str = dataclasses.field(repr=False)
    last_name: str = dataclasses.field(repr=False)
    phone: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateClaim:
    """A code that somebody had before somebody else got it too.

    :param why: ``code``: both cards have the same one; ``reference``: the provider gave both
        under the same reference.
    """

    why: str
    first: CodeHolder
    second: CodeHolder


@seeing(EVERYTHING)
def list_duplicates() -> list[DuplicateClaim]:
    """Return all duplicate claims, the latest first; only for who sees all clients.

    It reads every card that is held: once a day, and when an operator asks.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FIND)
        pairs = cursor.fetchall()
        if not pairs:
            return []
        cursor.execute(_DESCRIBE, [[card for row in pairs for card in (row[1], row[3])]])
        holders = {row[0]: _holder(row) for row in cursor.fetchall()}
    found = [
        DuplicateClaim(why=why, first=holders[first], second=holders[second])
        for why, first, _, second, _ in pairs
        if first in holders and second in holders
    ]
    return sorted(found, key=lambda one: (one.second.claimed_at, one.second.card_id), reverse=True)


def _holder(row: tuple[Any, ...]) -> CodeHolder:
    names = [field.name for field in dataclasses.fields(CodeHolder)]
    return CodeHolder(**dict(zip(names, row, strict=True)))
