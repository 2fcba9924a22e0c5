"""What agents did at the desk: their calls, how these ended, how long they took, the rewards."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import connection

from alerts.scope import EVERYTHING, seeing
from credit.models import User
from redemption.models import CallSession
from redemption.selectors.histograms import percentile_of
from redemption.selectors.reward_days import Clients
from redemption.selectors.spans import ONE_DAY, midnight

Outcome = CallSession.Outcome
SUCCESSES: Final = frozenset({Outcome.REWARDED, Outcome.HELPED})
# A call that was ended by mistake goes on in another row: the two are one call, which ends as the
# last one ended and took as long as both. Nobody's calls are the platform's alone.
_CALLS: Final = """
    SELECT c.agent_id, CASE WHEN later.id IS NULL THEN c.outcome ELSE '' END AS ended_as,
        ceil(extract(epoch FROM c.ended_at - c.started_at))::integer AS seconds,
        count(*)
    FROM redemption_callsession c
    LEFT JOIN redemption_callsession later ON later.continues_id = c.id
    {recipient}
    WHERE (c.client_id = ANY (%(clients)s) {nobody}) {campaign}
        AND c.started_at >= %(start)s AND c.started_at < %(end)s AND c.ended_at IS NOT NULL
    GROUP BY 1, 2, 3
"""
_REWARDS: Final = """
    SELECT r.actor, count(*) FROM redemption_redemption r
    WHERE r.client_id = ANY (%(clients)s) {campaign} AND r.door = 'desk'
        AND r.issued_at >= %(start)s AND r.issued_at < %(end)s
        AND r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
    GROUP BY 1
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentSums:
    """An agent's ended calls and the rewards that they gave.

    :param by_outcome: the calls by how they ended.
    :param average_seconds: of all that they were at the telephone, for one call;
        ``median_seconds`` of one sitting. None without calls.
    """

    user_id: UUID
    name: str
    calls: int
    by_outcome: Mapping[str, int]
    rewards: int
    average_seconds: float | None
    median_seconds: int | None

    @property
    def successes(self) -> int:
        return sum(self.by_outcome.get(outcome, 0) for outcome in SUCCESSES)

    @property
    def success(self) -> float | None:
        """The share of the calls that ended with a reward or with help; None without calls."""
        return self.successes / self.calls if self.calls else None


def sum_agents(
    *, clients: Clients, campaign_id: UUID | None, is_one_client: bool, first: date, last: date
) -> list[AgentSums]:
    """Return what each agent did from the first to the last day (UTC), the busiest first.

    Whoever asks has made sure that the clients and the campaign are theirs to see. With a campaign
    only those calls are counted whose caller was found and is one of its people.

    :param is_one_client: one client was chosen, to whom nobody's calls don't belong.
    """
    of_nobody = clients.are_all and not is_one_client and campaign_id is None
    calls = _CALLS.format(
        nobody="OR c.client_id IS NULL" if of_nobody else "",
        recipient=""
        if campaign_id is None
        else "JOIN redemption_recipient p ON p.id = c.recipient_id",
        campaign="" if campaign_id is None else "AND p.campaign_id = %(campaign)s",
    )
    rewards = _REWARDS.format(
        campaign="" if campaign_id is None else "AND r.campaign_id = %(campaign)s"
    )
    parameters = {
        "clients": list(clients.ids),
        "campaign": campaign_id,
        "start": midnight(first),
        "end": midnight(last + ONE_DAY),
    }
    rows: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    given: dict[UUID, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(calls, parameters)
        for agent_id, *row in cursor.fetchall():
            rows[agent_id].append(tuple(row))
        cursor.execute(rewards, parameters)
        for actor, count in cursor.fetchall():
            if actor.startswith("user:"):
                given[UUID(actor.removeprefix("user:"))] = int(count)
    names = _names({**rows, **given})
    sums = [_sum(key, names.get(key, ""), rows[key], given.get(key, 0)) for key in names]
    return sorted(sums, key=lambda row: (-row.calls, -row.rewards, row.name, str(row.user_id)))


def _sum(user_id: UUID, name: str, rows: list[tuple[Any, ...]], rewards: int) -> AgentSums:
    outcomes: dict[str, int] = defaultdict(int)
    sittings: dict[int, int] = defaultdict(int)
    for ended_as, seconds, count in rows:
        if ended_as:
            outcomes[ended_as] += count
        sittings[seconds] += count
    calls = sum(outcomes.values())
    total = sum(seconds * count for seconds, count in sittings.items())
    return AgentSums(
        user_id=user_id,
        name=name,
        calls=calls,
        by_outcome=dict(outcomes),
        rewards=rewards,
        average_seconds=total / calls if calls else None,
        median_seconds=percentile_of(sittings, 50),
    )


def _names(user_ids: Mapping[UUID, object]) -> dict[UUID, str]:
    # People are nobody's rows; who may read of their calls may read who they are.
    with seeing(EVERYTHING):
        users = User.objects.filter(pk__in=list(user_ids)).order_by("pk")
        return {user.pk: user.get_full_name() or user.username for user in users}
