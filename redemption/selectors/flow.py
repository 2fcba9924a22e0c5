"""What was asked for in a span of time, and what has become of it: by minute, door, campaign.

Note [Flow]
A redemption belongs to the moment at which it was asked for (``created_at``), unlike in the
reports about rewards, where a reward belongs to the day of its issue: somebody who watches wants
to know what became of those who came. A redemption is *given* while it stands (issued, delivered,
confirmed); *success* is given ÷ asked. Who waits, is being served, failed or was taken back is
asked and not given. Test codes are in nothing. Times are from ``created_at`` to ``delivered_at``:
the card was shown, returned by the API, or its message was accepted.

What was refused (a wrong code, a closed campaign) leaves no redemption, only a trace and a try.
Such a refusal names a client only where it names a redemption (already redeemed); the others are
the platform's to see, whose question is then about everybody.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from redemption.selectors.reward_days import Clients


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FlowSums:
    """Redemptions of a span, a door, a campaign.

    :param given: those whose reward stands now.
    :param handed_over: those of them whose card has reached its owner.
    :param median_seconds: from the question to the hand-over, of ``handed_over``; so
        ``p95_seconds``, within which 95 of 100 were handed over. None of nothing.
    """

    asked: int
    given: int
    handed_over: int
    median_seconds: float | None
    p95_seconds: float | None

    @property
    def success(self) -> float | None:
        """The share of those who asked that have their reward now; None of nothing."""
        return self.given / self.asked if self.asked else None


NOTHING: Final = FlowSums(asked=0, given=0, handed_over=0, median_seconds=None, p95_seconds=None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CodeCount:
    """One code of our catalogue in a span.

    :param rewards: redemptions that wait or have failed for it.
    :param refusals: attempts that were refused with it and left no redemption.
    """

    code: str
    rewards: int
    refusals: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Redemptions of a span; quiet parts are left out."""

    everything: FlowSums
    by_part: Mapping[int, FlowSums]
    by_door: Mapping[str, FlowSums]
    by_campaign: Mapping[UUID, FlowSums]
    by_state: Mapping[str, int]
    codes: tuple[CodeCount, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Who waits now, in one state: how many, and since when the first."""

    state: str
    people: int
    since: datetime


_ASKED: Final = """
    SELECT door, campaign_id, state, created_at, delivered_at, reason_code,
        state IN ('issued', 'delivered', 'confirmed') AS is_given,
        floor(extract(epoch FROM created_at - %(start)s) / %(part)s)::int AS part
    FROM redemption_redemption
    WHERE client_id = ANY (%(clients)s) AND created_at >= %(start)s AND created_at < %(end)s
        AND NOT is_test {campaign}
"""
_FLOW: Final = """
    WITH asked AS MATERIALIZED ({asked})
    SELECT CASE WHEN grouping(part) = 0 THEN 'part' WHEN grouping(door) = 0 THEN 'door'
            WHEN grouping(campaign_id) = 0 THEN 'campaign' ELSE 'all' END,
        coalesce(part::text, door, campaign_id::text, ''),
        count(*), count(*) FILTER (WHERE is_given), count(delivered_at) FILTER (WHERE is_given),
        percentile_disc(0.5) WITHIN GROUP (ORDER BY wait), percentile_disc(0.95)
            WITHIN GROUP (ORDER BY wait)
    FROM (SELECT *, CASE WHEN is_given
            THEN extract(epoch FROM delivered_at - created_at)::float END AS wait FROM asked) a
    GROUP BY GROUPING SETS ((), (part), (door), (campaign_id))
    UNION ALL
    SELECT 'state', state, count(*), 0, 0, NULL, NULL FROM asked GROUP BY state
    UNION ALL
    SELECT 'code', reason_code, count(*), 0, 0, NULL, NULL
    FROM asked WHERE NOT is_given AND reason_code <> '' GROUP BY reason_code
"""
_ALL_REFUSALS: Final = """
    SELECT error_code, count(*) FROM redemption_provisioningtrace
    WHERE status = 'refused' AND at >= %(start)s AND at < %(end)s AND error_code <> ''
    GROUP BY error_code
    UNION ALL
    SELECT CASE result WHEN 'blocked' THEN 'GC-102' ELSE 'GC-101' END, count(*)
    FROM redemption_attemptlog
    WHERE at >= %(start)s AND at < %(end)s AND result IN ('rate_limited', 'blocked')
    GROUP BY 1
"""
_NAMED_REFUSALS: Final = """
    SELECT t.error_code, count(*) FROM redemption_provisioningtrace t
    JOIN redemption_redemption r ON r.id = t.redemption_id
    WHERE t.status = 'refused' AND t.at >= %(start)s AND t.at < %(end)s AND t.error_code <> ''
        AND r.client_id = ANY (%(clients)s) {campaign}
    GROUP BY t.error_code
"""
_WAITING: Final = """
    SELECT state, count(*), min(created_at) FROM redemption_redemption
    WHERE state IN ('waiting_stock', 'waiting_opt_in', 'waiting_approval') AND NOT is_test
        AND client_id = ANY (%(clients)s) {campaign}
    GROUP BY state ORDER BY state
"""


def read_flow(
    *,
    clients: Clients,
    start: datetime,
    end: datetime,
    part: timedelta,
    campaign_id: UUID | None = None,
) -> Flow:
    """Return what was asked for from ``start`` until before ``end``: Note [Flow].

    Whoever asks has made sure that the clients and the campaign are theirs to see.

    :param part: into how long parts the span is cut; ``by_part`` numbers them from 0.
    """
    parameters = _parameters(clients, campaign_id) | {
        "start": start,
        "end": end,
        "part": part.total_seconds(),
    }
    found: dict[str, dict[str, FlowSums]] = {}
    with connection.cursor() as cursor:
        asked = _ASKED.format(campaign=_campaign(campaign_id))
        cursor.execute(_FLOW.format(asked=asked), parameters)
        for kind, key, *numbers in cursor.fetchall():
            found.setdefault(kind, {})[key] = FlowSums(
                asked=numbers[0],
                given=numbers[1],
                handed_over=numbers[2],
                median_seconds=numbers[3],
                p95_seconds=numbers[4],
            )
    return Flow(
        everything=found["all"][""],
        by_part={int(key): sums for key, sums in found.get("part", {}).items()},
        by_door=found.get("door", {}),
        by_campaign={UUID(key): sums for key, sums in found.get("campaign", {}).items()},
        by_state={key: sums.asked for key, sums in found.get("state", {}).items()},
        codes=_codes(
            {key: sums.asked for key, sums in found.get("code", {}).items()},
            count_refusals(clients=clients, start=start, end=end, campaign_id=campaign_id),
        ),
    )


def count_refusals(
    *, clients: Clients, start: datetime, end: datetime, campaign_id: UUID | None = None
) -> dict[str, int]:
    """Return how often each code was answered to an attempt that left no redemption.

    Of all clients it is every refusal; of some, those that name a redemption of theirs.
    """
    is_everything = clients.are_all and campaign_id is None
    statement = _ALL_REFUSALS if is_everything else _NAMED_REFUSALS
    parameters = _parameters(clients, campaign_id) | {"start": start, "end": end}
    refused: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement.format(campaign=_campaign(campaign_id)), parameters)
        for code, count in cursor.fetchall():
            refused[code] = refused.get(code, 0) + count
    return refused


def list_waiting(*, clients: Clients, campaign_id: UUID | None = None) -> list[Waiting]:
    """Return who waits now, by what they wait for."""
    with connection.cursor() as cursor:
        cursor.execute(
            _WAITING.format(campaign=_campaign(campaign_id)), _parameters(clients, campaign_id)
        )
        return [
            Waiting(state=state, people=people, since=since)
            for state, people, since in cursor.fetchall()
        ]


def _parameters(clients: Clients, campaign_id: UUID | None) -> dict[str, Any]:
    return {"clients": list(clients.ids), "campaign": campaign_id}


def _campaign(campaign_id: UUID | None) -> str:
    return "" if campaign_id is None else "AND campaign_id = %(campaign)s"


def _codes(rewards: Mapping[str, int], refusals: Mapping[str, int]) -> tuple[CodeCount, ...]:
    codes = [
        CodeCount(code=code, rewards=rewards.get(code, 0), refusals=refusals.get(code, 0))
        for code in {**rewards, **refusals}
    ]
    return tuple(sorted(codes, key=lambda one: (-one.rewards - one.refusals, one.code)))
