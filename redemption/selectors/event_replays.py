"""How far the replay of many events is."""

from __future__ import annotations

import dataclasses
from uuid import UUID

from django.db.models import Count, Q

from redemption.models import InboundEvent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayProgress:
    """How many of its events were tried, and what became of those."""

    replay_id: UUID
    total: int
    done: int
    outcomes: tuple[tuple[str, int], ...]

    @property
    def is_over(self) -> bool:
        return self.done == self.total


def find_replay(replay_id: UUID) -> ReplayProgress | None:
    """Return how far a replay is, None when there is none of this id."""
    # An event whose card is being bought was tried; it is only looked after.
    tried = Q(next_attempt_at=None) | Q(outcome=InboundEvent.Outcome.PROVISIONING)
    rows = list(
        InboundEvent.objects.filter(replay_id=replay_id)
        .values("outcome")
        .annotate(events=Count("pk"), tried=Count("pk", filter=tried))
        .order_by("outcome")
    )
    if not rows:
        return None
    return ReplayProgress(
        replay_id=replay_id,
        total=sum(row["events"] for row in rows),
        done=sum(row["tried"] for row in rows),
        outcomes=tuple(
            (str(InboundEvent.Outcome(row["outcome"]).label), row["tried"])
            for row in rows
            if row["tried"]
        ),
    )
