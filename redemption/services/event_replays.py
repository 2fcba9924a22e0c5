"""Events tried again, once what stood in their way is mended."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID, uuid4

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.transactions import durable, transaction
from credit.services.audit import record_event
from redemption.models import InboundEvent
from redemption.services.inbound_events import act_on_event

MOST_AT_ONCE: Final = 10_000


@dataclasses.dataclass(eq=False, kw_only=True)
class EventOverError(ServiceError):
    """The event has its reward, or one is on its way: there is nothing to try again."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    outcome: str


@durable
def replay_event(*, event_id: UUID, actor: str, now: datetime) -> InboundEvent:
    """Try one event again now, under the source's mapping and the campaign as they are now.

    A repeat is another try, until there is a reward.

    :raises EventOverError: GC-115.
    :raises StillRunningError: somebody else has the recipient in hand (GC-108).
    """
    with transaction():
        event = (
            InboundEvent.objects.select_for_update(of=("self",))
            .select_related("source__client")
            .get(pk=event_id)
        )
        if event.outcome not in InboundEvent.OPEN:
            raise EventOverError(outcome=event.outcome)
        record_event(
            actor=actor,
            action="inbound_event.replayed",
            object_kind="inbound_event",
            object_id=event.pk,
            before={"outcome": event.outcome, "problem": event.problem},
            owner=event.source.client,
            now=now,
        )
    return act_on_event(event=event, actor=actor, request_id=str(event.pk), now=now)


@durable
def ask_for_replays(*, event_ids: Collection[UUID], actor: str, now: datetime) -> tuple[UUID, int]:
    """Have many events tried again by a worker; return the replay's id and how many they are.

    Events that have their reward, or are part of a replay that is still under way, are left out.
    """
    replay_id = uuid4()
    with transaction():
        count = InboundEvent.objects.filter(
            pk__in=list(event_ids)[:MOST_AT_ONCE],
            outcome__in=InboundEvent.OPEN,
            next_attempt_at=None,
        ).update(replay_id=replay_id, replay_actor=actor, next_attempt_at=now)
        if count:
            record_event(
                actor=actor,
                action="inbound_events.replayed",
                object_kind="event_replay",
                object_id=replay_id,
                after={"events": count},
                now=now,
            )
    return replay_id, count
