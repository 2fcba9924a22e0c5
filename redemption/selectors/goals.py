"""What the programme has set itself, beside what it did: Note [Goals].

Note [Goals]
Each goal has one number that says whether it is met, and the numbers that it is made of; each is
read from records that are kept for other reasons, and from nothing that was written for the goal.

- *Texts that arrive*: of the texts tried in the period, those whose arrival is confirmed.
- *Empty pools*: alerts that somebody found no card, or that a pool had none left.
- *Stuck rewards*: of the rewards issued, those that were not handed over within ``STUCK_AFTER``;
  one that is younger than that is not stuck yet.
- *Speed*: from the card's claim to its hand-over. This is more than the answer takes that a
  customer waits for: a text's way to its provider is in it, and so is whoever opens their card on
  the page later. A programme that keeps it has answered in time as well.
- *Successful guesses*: rewards given on the form to an address from which, in the 24 hours before,
  at least ``GUESSES`` different codes had been tried that nobody has. A person who mistypes that
  often and then finds the letter counts too: it is the most that can have been guessed. Tries are
  kept for ``ATTEMPTS_KEPT``, so a longer period says no more than that.
- *Friendly words*: of the refusals in the period, those whose code has words for customers in our
  catalogue. ``GC-015``, a failure that nobody foresaw, counts as unfriendly: its words can't say
  what happened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection

from alerts.codes import ErrorCode
from alerts.models import Alert
from redemption.selectors.flow import count_refusals
from redemption.selectors.message_days import count_texts
from redemption.selectors.message_report import MessageScope
from redemption.selectors.reward_days import read_waits
from redemption.selectors.spans import ONE_DAY, midnight

DELIVERY_TARGET: Final = 0.98
STUCK_TARGET: Final = 0.01
SECONDS_TARGET: Final = 2
GUESSES: Final = 5
EMPTY_POOLS: Final = ("out_of_stock", "pool_empty", "all_pools_empty")
_UNFORESEEN: Final = ErrorCode.UNEXPECTED.code
_FRIENDLY: Final = frozenset(
    one.code for one in ErrorCode if one.customer and one.code != _UNFORESEEN
)
_WAITS_OF_CAMPAIGN: Final = """
    SELECT redemption_wait_seconds(delivered_at - issued_at), count(*)
    FROM redemption_redemption
    WHERE client_id = ANY (%(clients)s) AND campaign_id = %(campaign)s
        AND issued_at >= %(start)s AND issued_at < %(end)s
        AND state IN ('issued', 'delivered', 'confirmed') AND NOT is_test
    GROUP BY 1
"""
_YOUNG: Final = """
    SELECT count(*) FROM redemption_redemption
    WHERE client_id = ANY (%(clients)s) AND issued_at >= %(since)s AND issued_at >= %(start)s
        AND issued_at < %(end)s AND delivered_at IS NULL
        AND state IN ('issued', 'delivered', 'confirmed') AND NOT is_test {campaign}
"""
_GUESSED: Final = """
    WITH wrong AS MATERIALIZED (
        SELECT network, at, code_digest FROM redemption_attemptlog
        WHERE result = 'unknown_code' AND counts_address AND network IS NOT NULL
            AND at >= %(start)s - interval '1 day' AND at < %(end)s
    ), suspects AS MATERIALIZED (
        SELECT network FROM wrong GROUP BY network
        HAVING count(DISTINCT code_digest) >= %(guesses)s
    )
    SELECT count(DISTINCT r.id)
    FROM suspects s
    JOIN redemption_attemptlog a ON a.network = s.network AND a.counts_address
        AND a.result IN ('tried', 'unknown_code', 'wrong_factor')
        AND a.at >= %(start)s AND a.at < %(end)s
    JOIN redemption_recipient p ON p.code_digest = a.code_digest
    JOIN redemption_redemption r ON r.recipient_id = p.id AND r.request_id = a.request_id
    WHERE a.result = 'tried' AND r.door = 'web' AND NOT r.is_test AND (
        SELECT count(DISTINCT w.code_digest) FROM wrong w
        WHERE w.network = a.network AND w.at < a.at AND w.at >= a.at - interval '1 day'
    ) >= %(guesses)s
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What a period's numbers say about each goal; what is not the viewer's to know is None.

    :param tried: texts, of which ``arrived`` are confirmed.
    :param issued: rewards, of which ``stuck`` were not handed over in time.
    :param waits: how often each wait from claim to hand-over occurred, in seconds rounded up.
    :param refusals: attempts that were refused, by code.
    """

    tried: int
    arrived: int
    empty_pools: int
    issued: int
    stuck: int
    waits: Mapping[int, int]
    guessed: int | None
    refusals: Mapping[str, int] | None

    @property
    def delivery(self) -> float | None:
        return self.arrived / self.tried if self.tried else None

    @property
    def stuck_share(self) -> float | None:
        return self.stuck / self.issued if self.issued else None

    @property
    def friendly(self) -> float | None:
        """The share of the refusals that had words for customers; None of none."""
        if not self.refusals:
            return None
        total = sum(self.refusals.values())
        return sum(n for code, n in self.refusals.items() if code in _FRIENDLY) / total

    def seconds_of(self, percent: int) -> int | None:
        """Return the seconds within which so many of 100 were handed over, rounded up."""
        total, until_here = sum(self.waits.values()), 0
        for wait in sorted(self.waits):
            until_here += self.waits[wait]
            if until_here * 100 >= total * percent:
                return wait
        return None


def read_goals(
    *,
    scope: MessageScope,
    first: date,
    last: date,
    now: datetime,
    stuck_after: timedelta,
    tries_kept: timedelta,
) -> Goals:
    """Return the goals' numbers for the days from the first to the last (UTC), both included.

    Guesses and words belong to no client: they are there for who asks about everybody.

    :param tries_kept: how long tries are kept; nobody looks for guesses among those before.
    """
    start, end = midnight(first), midnight(last + ONE_DAY)
    tried, arrived = count_texts(
        clients=scope.clients, first=first, last=last, campaign_id=scope.campaign_id
    )
    issued, waits = _waits(scope, first, last)
    in_time = sum(n for wait, n in waits.items() if wait <= stuck_after.total_seconds())
    young = _ask(
        _YOUNG.format(campaign="AND campaign_id = %(campaign)s" if scope.campaign_id else ""),
        clients=list(scope.clients.ids),
        campaign=scope.campaign_id,
        since=now - stuck_after,
        start=start,
        end=end,
    )[0][0]
    return Goals(
        tried=tried,
        arrived=arrived,
        empty_pools=_count_empty_pools(scope, start, end),
        issued=issued,
        stuck=issued - in_time - young,
        waits=waits,
        guessed=_ask(_GUESSED, start=max(start, now - tries_kept), end=end, guesses=GUESSES)[0][0]
        if scope.is_everything
        else None,
        refusals=count_refusals(clients=scope.clients, start=start, end=end)
        if scope.is_everything
        else None,
    )


def _waits(scope: MessageScope, first: date, last: date) -> tuple[int, dict[int, int]]:
    if scope.campaign_id is None:
        return read_waits(clients=scope.clients, first=first, last=last)
    rows = _ask(
        _WAITS_OF_CAMPAIGN,
        clients=list(scope.clients.ids),
        campaign=scope.campaign_id,
        start=midnight(first),
        end=midnight(last + ONE_DAY),
    )
    return sum(n for _, n in rows), {wait: n for wait, n in rows if wait is not None}


def _count_empty_pools(scope: MessageScope, start: datetime, end: datetime) -> int:
    alerts = Alert.objects.filter(
        kind__in=EMPTY_POOLS, first_seen_at__gte=start, first_seen_at__lt=end
    )
    if scope.campaign_id is not None:
        alerts = alerts.filter(data__campaign_id=str(scope.campaign_id))
    elif not scope.clients.are_all:
        alerts = alerts.filter(client_id__in=list(scope.clients.ids))
    return alerts.count()


def _ask(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
