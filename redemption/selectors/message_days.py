"""What became of the messages of a span of days, added up in PostgreSQL.

Note [Message days]
As Note [Report days] for rewards: a day's messages are counted once, three hours after the day is
over, and kept by client, campaign and channel (``MessageCount``). A trigger marks the day of every
message that moves an hour or more after it was promised: a phone that is switched on at night, a
resend's cancelled predecessor, a price that is told late. A marked day, like one that was not
counted yet, is counted from the messages themselves. So the numbers are always those of a plain
SELECT, and tests compare them with one.

A message belongs to the day on which it was promised (``created_at``), and so do its attempts,
whenever they were made: otherwise shares of one by the other would mean nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection

from redemption.selectors.reward_days import Clients
from redemption.selectors.spans import ONE_DAY, days_between, midnight, runs_of

MessageGroup = Literal["day", "campaign", "channel"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageSums:
    """Messages of one day, campaign or channel, or all of them.

    :param attempts: how often one of them was handed to a provider.
    :param accepted: those a provider has taken, whatever became of them.
    :param tried: the texts that were taken, or were given up, or are in doubt; of an e-mail
        nobody confirms that it has arrived.
    :param in_doubt: those of which no provider has said whether it has them.
    :param segments: of those whose number is known.
    :param price: what the provider asked for ``priced`` attempts, in its own currency.
    :param median_wait: seconds from the card's claim to the text's arrival, rounded up; of the
        first messages about a reward that were confirmed. None while there are none.
    """

    messages: int
    attempts: int
    accepted: int
    tried: int
    delivered: int
    undelivered: int
    failed: int
    suppressed: int
    cancelled: int
    by_hand: int
    in_doubt: int
    segments: int
    price: Decimal
    priced: int
    median_wait: int | None
    p95_wait: int | None

    @property
    def under_way(self) -> int:
        """Those that wait for a try, or were taken and are neither confirmed nor given up."""
        ended = self.delivered + self.undelivered + self.failed + self.suppressed
        return self.messages - ended - self.cancelled - self.by_hand - self.in_doubt

    @property
    def delivery_rate(self) -> float | None:
        """The share of the tried texts that have arrived; None of nothing."""
        return self.delivered / self.tried if self.tried else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSums:
    """One of the providers' error codes: the attempts it met, the messages that ended by it."""

    code: str
    attempts: int
    ends: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageTotals:
    """All that a report about messages says.

    :param rows: by what they are grouped by; the key of a day is ISO's, of a message about no
        reward's campaign ``""``.
    """

    everything: MessageSums
    rows: Mapping[str, MessageSums]
    per_day: Mapping[date, int]
    errors: tuple[ErrorSums, ...]


_NUMBERS: Final = (
    "messages", "attempts", "accepted", "tried", "delivered", "undelivered", "failed",
    "suppressed", "cancelled", "by_hand", "in_doubt", "segments", "priced",
)  # fmt: skip
_COLUMNS: Final = (
    "day, campaign_id, channel, price, waits, wait_counts, error_codes, error_attempts,"
    f" error_ends, {', '.join(_NUMBERS)}"
)
_COUNTED: Final = """
    SELECT day FROM redemption_messageday d
    WHERE day >= %(first)s AND day <= %(last)s AND NOT EXISTS (
        SELECT 1 FROM redemption_messagechange c WHERE c.day = d.day)
"""
_KEPT: Final = "SELECT {columns} FROM redemption_messagecount WHERE day = ANY (%(days)s)"
_LIVE: Final = """
    SELECT {columns} FROM redemption_count_messages(%(clients)s, %(start_{n})s, %(end_{n})s)
    WHERE true
"""
_KEYS: Final[dict[MessageGroup, str]] = {
    "day": "day::text",
    "campaign": "coalesce(campaign_id::text, '')",
    "channel": "channel",
}
_PART: Final = "CASE grouping({key}) WHEN 1 THEN 'all' ELSE 'group' END"
# Everything, and by what was asked for, in one statement: what is not kept is counted once.
_TOTALS: Final = """
    WITH counted AS MATERIALIZED ({counted}
    ), summed AS (
        SELECT {part} AS part, coalesce({key}, '') AS key, {sums}, sum(price) AS price
        FROM counted GROUP BY GROUPING SETS (({key}), ()) HAVING count(*) > 0
    ), waited AS (
        SELECT {part} AS part, coalesce({key}, '') AS key, w.wait, sum(w.times) AS times
        FROM counted, unnest(waits, wait_counts) w (wait, times)
        GROUP BY GROUPING SETS (({key}, w.wait), (w.wait))
    ), ranked AS (
        SELECT part, key, wait,
            sum(times) OVER (PARTITION BY part, key ORDER BY wait) AS until_here,
            sum(times) OVER (PARTITION BY part, key) AS total
        FROM waited
    ), percentile AS (
        SELECT part, key, min(wait) FILTER (WHERE until_here * 2 >= total) AS median_wait,
            min(wait) FILTER (WHERE until_here * 100 >= total * 95) AS p95_wait
        FROM ranked GROUP BY part, key
    )
    SELECT part, key, to_jsonb(summed) || jsonb_build_object(
        'price', price::text, 'median_wait', median_wait, 'p95_wait', p95_wait)
    FROM summed LEFT JOIN percentile USING (part, key)
    UNION ALL
    SELECT 'day', day::text, jsonb_build_object('messages', sum(messages))
    FROM counted GROUP BY day
    UNION ALL
    SELECT 'error', e.code, jsonb_build_object('attempts', sum(e.attempts), 'ends', sum(e.ends))
    FROM counted c, unnest(c.error_codes, c.error_attempts, c.error_ends) e (code, attempts, ends)
    GROUP BY e.code
"""
_TEXTS: Final = """
    WITH counted AS ({counted}
    ) SELECT coalesce(sum(tried), 0), coalesce(sum(delivered), 0) FROM counted
"""


def total_messages(
    *,
    clients: Clients,
    group: MessageGroup,
    first: date,
    last: date,
    campaign_id: UUID | None = None,
) -> MessageTotals:
    """Sum the messages that were promised from the first to the last day (UTC), both included.

    Messages about test rewards are left out. Whoever asks has made sure that the clients are
    theirs to see.
    """
    statement, parameters = _counted(clients, first, last, campaign_id)
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in _NUMBERS)
    key = _KEYS[group]
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            _TOTALS.format(counted=statement, part=_PART.format(key=key), key=key, sums=sums),
            parameters,
        )
        for part, name, numbers in cursor.fetchall():
            found[part][name] = json.loads(numbers)
    return MessageTotals(
        everything=_to_sums(found["all"].get("")),
        rows={name: _to_sums(numbers) for name, numbers in sorted(found["group"].items())},
        per_day={
            date.fromisoformat(day): int(numbers["messages"])
            for day, numbers in found["day"].items()
        },
        errors=_sort_errors(found["error"]),
    )


def count_texts(
    *, clients: Clients, first: date, last: date, campaign_id: UUID | None = None
) -> tuple[int, int]:
    """Return how many texts of the days were tried and how many of them have arrived.

    The same as ``total_messages`` says, without all that it says besides.
    """
    statement, parameters = _counted(clients, first, last, campaign_id)
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS.format(counted=statement), parameters)
        tried, delivered = cursor.fetchone()
    return int(tried), int(delivered)


def _counted(
    clients: Clients, first: date, last: date, campaign_id: UUID | None
) -> tuple[str, dict[str, Any]]:
    """Return the statement of all that is counted in the days, and its parameters."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, {"first": first, "last": last})
        kept = {day for (day,) in cursor.fetchall()}
    missing = [day for day in days_between(first, last) if day not in kept]
    parameters: dict[str, Any] = {
        "clients": list(clients.ids),
        "campaign": campaign_id,
        "days": sorted(kept),
    }
    parts = [_KEPT.format(columns=_COLUMNS)]
    if not clients.are_all:
        parts[0] += " AND client_id = ANY (%(clients)s)"
    for number, (start, end) in enumerate(runs_of(missing)):
        parts.append(_LIVE.format(n=number, columns=_COLUMNS))
        parameters |= {f"start_{number}": midnight(start), f"end_{number}": midnight(end + ONE_DAY)}
    if campaign_id is not None:
        parts = [f"{part} AND campaign_id = %(campaign)s" for part in parts]
    return " UNION ALL ".join(parts), parameters


def _to_sums(numbers: Mapping[str, Any] | None) -> MessageSums:
    if numbers is None:
        numbers = {**dict.fromkeys(_NUMBERS, 0), "price": 0, "median_wait": None, "p95_wait": None}
    return MessageSums(
        price=Decimal(numbers["price"]).normalize(),
        median_wait=numbers["median_wait"],
        p95_wait=numbers["p95_wait"],
        **{name: int(numbers[name]) for name in _NUMBERS},
    )


def _sort_errors(found: Mapping[str, Mapping[str, Any]]) -> tuple[ErrorSums, ...]:
    """Return the codes by how many messages they cost, then by how often they were met."""
    errors: Iterable[ErrorSums] = (
        ErrorSums(code=code, attempts=int(numbers["attempts"]), ends=int(numbers["ends"]))
        for code, numbers in found.items()
    )
    return tuple(sorted(errors, key=lambda one: (-one.ends, -one.attempts, one.code)))
