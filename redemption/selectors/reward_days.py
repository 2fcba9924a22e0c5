"""What became of the rewards of a span of days, added up in PostgreSQL.

Note [Report days]
A report over a year must not read a year's rewards. So a day is counted once, three hours after
it is over, and kept (``RewardCount``); so is a month, as the sum of its days. Nothing may ever be
shown that is no longer true: a trigger marks the day of each reward that is issued, handed over,
taken back or given another card an hour or more after its issue, and a marked day, like one that
was not counted yet, is counted from the rewards themselves, there and then. The job
(``redemption/services/report_days.py``) counts it again within minutes. The numbers are therefore
always those of a plain SELECT over the rewards, and tests compare them with one.

What is counted: Note [Spending] says which rewards stand and when they count, Note [Profit] what
they earned. From claim to hand-over is from ``issued_at``, when the card was claimed for its
owner, to ``delivered_at``, when it was shown, returned by the API, or its message was accepted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection

from redemption.selectors.spans import ONE_DAY, days_between, midnight, runs_of

Group = Literal["pool", "brand", "client"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RewardSums:
    """Rewards of one pool, brand or client in one currency; amounts in its minor units.

    :param key: of what they are grouped by; None of pools that are not named.
    :param average_wait: seconds from claim to hand-over; None while nothing was handed over.
    :param p95_wait: the seconds within which 95 of 100 were handed over, rounded up: to whole
        seconds, from 100 on to two digits.
    :param cost_known: how many of them have a known cost; ``cost_minor``,
        ``platform_margin_minor`` and ``profit_minor`` are of these alone.
    """

    key: UUID | None
    currency: str
    issued: int
    delivered: int
    average_wait: float | None
    p95_wait: int | None
    face_value_minor: int
    charged_minor: int
    agency_margin_minor: int
    cost_known: int
    cost_minor: int
    platform_margin_minor: int
    profit_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Whose rewards are asked for.

    :param ids: the clients; all there are where ``are_all``, which makes the question cheaper.
    """

    ids: Collection[UUID]
    are_all: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Spans:
    """How the days from the first to the last are put together."""

    months: list[date]
    days: list[date]
    uncounted: list[tuple[date, date]]


_COUNTED: Final = """
    SELECT 'month', month FROM redemption_reportmonth m
    WHERE month >= %(start)s AND month <= %(end)s AND NOT EXISTS (
        SELECT 1 FROM redemption_reportchange c
        WHERE c.day >= m.month AND c.day < m.month + interval '1 month')
    UNION ALL
    SELECT 'day', day FROM redemption_reportday d
    WHERE day >= %(start)s AND day <= %(end)s AND NOT EXISTS (
        SELECT 1 FROM redemption_reportchange c WHERE c.day = d.day)
"""
_KEPT: Final = """
    SELECT {columns} FROM redemption_rewardcount
    WHERE span = %(span_{n})s AND level = %(level)s AND first_day = ANY (%(first_days_{n})s)
"""
_LIVE: Final = """
    SELECT {columns} FROM redemption_count_rewards(%(clients)s, %(start_{n})s, %(end_{n})s)
    WHERE level = %(level)s
"""
_COLUMNS: Final = (
    "{first_day} AS first_day, client_id, pool_id, brand_id, currency, issued, delivered,"
    " wait_total, waits, wait_counts, face_value_minor, charged_minor, agency_margin_minor,"
    " cost_known, cost_minor, platform_margin_minor, profit_minor"
)
_SUMS: Final = """
    WITH counted AS MATERIALIZED ({counted}
    ), summed AS (
        SELECT {key} AS key, currency, sum(issued) AS issued, sum(delivered) AS delivered,
            sum(wait_total) AS wait_total, sum(face_value_minor) AS face_value,
            sum(charged_minor) AS charged, sum(agency_margin_minor) AS agency_margin,
            sum(cost_known) AS cost_known, sum(cost_minor) AS cost,
            sum(platform_margin_minor) AS platform_margin, sum(profit_minor) AS profit
        FROM counted GROUP BY {key}, currency
    ), waited AS (
        SELECT {key} AS key, currency, w.wait, sum(w.times) AS times
        FROM counted, unnest(waits, wait_counts) w (wait, times)
        GROUP BY {key}, currency, w.wait
    ), ranked AS (
        SELECT key, currency, wait,
            sum(times) OVER (PARTITION BY key, currency ORDER BY wait) AS until_here,
            sum(times) OVER (PARTITION BY key, currency) AS total
        FROM waited
    ), percentile AS (
        SELECT key, currency, min(wait) AS p95 FROM ranked
        WHERE until_here * 100 >= total * 95 GROUP BY key, currency
    )
    SELECT key, summed.currency, issued, delivered, wait_total, p95, face_value, charged,
        agency_margin, cost_known, cost, platform_margin, profit
    FROM summed LEFT JOIN percentile USING (key, currency)
"""
_PER_DAY: Final = """
    WITH counted AS ({counted}
    ) SELECT date_trunc(%(bar)s, first_day)::date, sum(issued) FROM counted GROUP BY 1
"""
_PER_POOL_AND_DAY: Final = """
    WITH counted AS ({counted}
    ) SELECT pool_id, first_day, sum(issued) FROM counted
    WHERE pool_id = ANY (%(pools)s) GROUP BY pool_id, first_day
"""
_PER_BRAND_AND_DAY: Final = """
    WITH counted AS ({counted}
    ) SELECT brand_id, first_day, sum(issued) FROM counted GROUP BY brand_id, first_day
"""
_WAITS: Final = """
    WITH counted AS MATERIALIZED ({counted}
    ) SELECT NULL, coalesce(sum(issued), 0) FROM counted
    UNION ALL
    SELECT w.wait, sum(w.times) FROM counted, unnest(waits, wait_counts) w (wait, times)
    GROUP BY w.wait
"""
# From so many days on nobody asks for each day.
_MANY_DAYS: Final = 92
# What stands for "another pool": NULLs would not find each other in a join.
_OTHER: Final = UUID(int=0)
_NAMED_POOL: Final = "CASE WHEN pool_id = ANY (%(pools)s) THEN pool_id ELSE %(other)s END"


def sum_rewards(
    *,
    clients: Clients,
    group: Group,
    first: date,
    last: date,
    brand_id: UUID | None = None,
    pool_ids: Collection[UUID] | None = None,
) -> list[RewardSums]:
    """Sum the rewards that were issued from the first to the last day (UTC), both included.

    Whoever asks has made sure that the clients are theirs to see.

    :param brand_id: only cards of this brand.
    :param pool_ids: those to name; the others are one group without a key. All where None.
    """
    statement, parameters = _counted(
        clients=clients,
        group=group,
        spans=_spans_of(first, last, with_months=True),
        brand_id=brand_id,
    )
    key = f"{group}_id"
    if group == "pool" and pool_ids is not None:
        key = _NAMED_POOL
        parameters |= {"pools": list(pool_ids), "other": _OTHER}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS.format(counted=statement, key=key), parameters)
        return [read_sums(row) for row in cursor.fetchall()]


def count_per_day(
    *,
    clients: Clients,
    first: date,
    last: date,
    brand_id: UUID | None = None,
    by_month: bool = False,
) -> dict[date, int]:
    """Return how many rewards were given on each day; quiet days are left out.

    The same rewards as ``sum_rewards`` adds up.

    :param by_month: add the days of a month up under its first day.
    """
    statement, parameters = _counted(
        clients=clients,
        group="client",
        spans=_spans_of(first, last, with_months=by_month),
        brand_id=brand_id,
    )
    parameters["bar"] = "month" if by_month else "day"
    with connection.cursor() as cursor:
        cursor.execute(_PER_DAY.format(counted=statement), parameters)
        return {day: int(issued) for day, issued in cursor.fetchall()}


def count_per_pool_and_day(
    *, clients: Clients, pool_ids: Collection[UUID], first: date, last: date
) -> dict[UUID, dict[date, int]]:
    """Return how many rewards of each pool were given on each day; quiet days are left out."""
    statement, parameters = _counted(
        clients=clients,
        group="pool",
        spans=_spans_of(first, last, with_months=False),
        brand_id=None,
    )
    parameters["pools"] = list(pool_ids)
    found: dict[UUID, dict[date, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PER_POOL_AND_DAY.format(counted=statement), parameters)
        for pool_id, day, issued in cursor.fetchall():
            found.setdefault(pool_id, {})[day] = int(issued)
    return found


def count_per_brand_and_day(
    *, clients: Clients, first: date, last: date
) -> dict[UUID, dict[date, int]]:
    """Return how many rewards of each brand were given on each day; in what is kept as a month,
    under the month's first day. Quiet days are left out.
    """
    found: dict[UUID, dict[date, int]] = {}
    with_months = (last - first).days > _MANY_DAYS
    spans = _spans_of(first, last, with_months=with_months)
    statement, parameters = _counted(clients=clients, group="brand", spans=spans, brand_id=None)
    with connection.cursor() as cursor:
        cursor.execute(_PER_BRAND_AND_DAY.format(counted=statement), parameters)
        for brand_id, day, issued in cursor.fetchall():
            found.setdefault(brand_id, {})[day] = int(issued)
    return found


def read_waits(*, clients: Clients, first: date, last: date) -> tuple[int, dict[int, int]]:
    """Return how many rewards were issued on the days, and how often each wait occurred.

    A wait is the seconds from claim to hand-over, rounded up: to whole seconds, from 100 on to two
    digits. What was not handed over has none.
    """
    statement, parameters = _counted(
        clients=clients,
        group="client",
        spans=_spans_of(first, last, with_months=True),
        brand_id=None,
    )
    with connection.cursor() as cursor:
        cursor.execute(_WAITS.format(counted=statement), parameters)
        found = {wait: int(times) for wait, times in cursor.fetchall()}
    issued = found.pop(None)
    return issued, found


def count_taken_back(*, clients: Clients, first: date, last: date) -> int:
    """Count the rewards that were issued on these days and have failed or been cancelled since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM redemption_redemption WHERE client_id = ANY (%s)"
            " AND issued_at >= %s AND issued_at < %s AND NOT is_test"
            " AND state IN ('failed', 'cancelled')",
            [list(clients.ids), midnight(first), midnight(last + ONE_DAY)],
        )
        return int(cursor.fetchone()[0])


def _spans_of(first: date, last: date, *, with_months: bool) -> _Spans:
    """Cover the days, each once: by whole months, then by days, then by the rewards themselves."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, {"start": first, "end": last})
        counted = cursor.fetchall()
    kept = {span: {day for kind, day in counted if kind == span} for span in ("month", "day")}
    months = sorted(m for m in kept["month"] if with_months and m >= first and _end_of(m) <= last)
    covered = {month.replace(day=1) for month in months}
    others = [day for day in days_between(first, last) if day.replace(day=1) not in covered]
    days = [day for day in others if day in kept["day"]]
    missing = [day for day in others if day not in kept["day"]]
    return _Spans(months, days, list(runs_of(missing)))


def _counted(
    *, clients: Clients, group: Group, spans: _Spans, brand_id: UUID | None
) -> tuple[str, dict[str, Any]]:
    """Return the statement of all that is counted in the days, and its parameters."""
    level = _level_of(clients, group, brand_id)
    parameters: dict[str, Any] = {"clients": list(clients.ids), "level": level, "brand": brand_id}
    parts = []
    for number, (span, first_days) in enumerate((("month", spans.months), ("day", spans.days))):
        columns = _COLUMNS.format(first_day="first_day")
        parts.append(_KEPT.format(n=number, columns=columns))
        parameters |= {f"span_{number}": span, f"first_days_{number}": first_days}
        if level != "pool" and not clients.are_all:
            parts[-1] += " AND client_id = ANY (%(clients)s)"
    for number, (start, end) in enumerate(spans.uncounted):
        parts.append(_LIVE.format(n=number, columns=_COLUMNS.format(first_day="day")))
        parameters |= {
            f"start_{number}": midnight(start),
            f"end_{number}": midnight(end + ONE_DAY),
        }
    if brand_id is not None:
        parts = [f"{part} AND brand_id = %(brand)s" for part in parts]
    return " UNION ALL ".join(parts), parameters


def _level_of(clients: Clients, group: Group, brand_id: UUID | None) -> str:
    """Return the least of what is kept that answers the question."""
    if group == "client":
        return "client" if brand_id is None else "both"
    return "pool" if clients.are_all else "both"


def read_sums(row: tuple[Any, ...]) -> RewardSums:
    """Return the sums of a row: key, currency, counts and amounts, in the order of ``_SUMS``."""
    key, currency, issued, delivered, wait_total, p95, *sums = row
    face_value, charged, agency_margin, cost_known, cost, platform_margin, profit = map(int, sums)
    return RewardSums(
        key=None if key == _OTHER else key,
        currency=currency,
        issued=int(issued),
        delivered=int(delivered),
        average_wait=float(Decimal(wait_total) / int(delivered)) if delivered else None,
        p95_wait=p95,
        face_value_minor=face_value,
        charged_minor=charged,
        agency_margin_minor=agency_margin,
        cost_known=cost_known,
        cost_minor=cost,
        platform_margin_minor=platform_margin,
        profit_minor=profit,
    )


def _end_of(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1) - ONE_DAY
