"""What endpoints are told of, promised in the transaction of its cause.

Note [Told once]
An event is a row for each endpoint that wants it, written with the change that it tells of:
either both are there after the commit or neither is, and no address is called before. The row's
key is the event's type, its subject and which occurrence it is, unique for each endpoint. So what
happened once is promised once, however many saw it happen. It is sent at least once: a sender
that dies between the call and its record has it sent again, under the same ``webhook-id``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from alerts.models import WebhookLevel
from alerts.scope import EVERYTHING, seeing
from alerts.tracing import current_request_id
from alerts.transactions import transaction_required

# What may be subscribed to, and what it says.
EVENTS: Final[dict[str, str]] = {
    "redemption.issued": "A reward has its card, or its link.",
    "redemption.delivered": "A reward has reached its person.",
    "redemption.failed": "A reward has failed for good.",
    "redemption.waiting": "A reward waits: for stock, an opt-in or an approval.",
    "pool.low": "A pool has come to its low-stock threshold.",
    "pool.empty": "A pool has no card left.",
    "credit.low": "An account has fallen below its threshold.",
    "campaign.depleted": "A campaign can pay for no reward any more.",
}
# Sent to one endpoint on demand, whatever it has subscribed to.
TEST_EVENT: Final = "webhook.test"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A change of level: from what, and the how manyeth of its subject."""

    before: str
    number: int


@transaction_required
def emit_webhook(
    *,
    event_type: str,
    subject: UUID,
    occurrence: str | None,
    client_id: UUID | None,
    agency_id: UUID | None,
    data: Mapping[str, str | int | None],
    now: datetime,
) -> int:
    """Promise an event to all endpoints that want it; return to how many it was new.

    :param occurrence: tells apart what may happen to a subject more than once; None: it happens
        once in this very transaction, by a change that only one can make.
    :param client_id: whose it is; of an agency's own None, of the platform's neither.
    """
    with seeing(EVERYTHING), connection.cursor() as cursor:
        cursor.execute(
            "SELECT alerts_emit_webhook(%s, %s || coalesce(%s, pg_current_xact_id()::text), %s, %s,"
            " %s, %s, %s)",
            [
                event_type,
                f"{event_type}:{subject}:",
                occurrence,
                client_id,
                agency_id,
                json.dumps(data),
                now,
                current_request_id(),
            ],
        )
        (count,) = cursor.fetchone()
    return int(count)


@seeing(EVERYTHING)
@transaction_required
def cross_level(*, key: str, level: str, calm: str, now: datetime) -> Crossing | None:
    """Keep the level that something has now; return the crossing if it had another one.

    Of two that see the same crossing one gets it: the other waits for the row and finds it told.

    :param key: what it is the level of: ``"pool:<id>"``.
    :param calm: the level it had before anybody looked.
    """
    WebhookLevel.objects.bulk_create(
        [WebhookLevel(key=key, level=calm, number=0, changed_at=now)], ignore_conflicts=True
    )
    kept = WebhookLevel.objects.select_for_update().get(pk=key)
    if kept.level == level:
        return None
    crossing = Crossing(before=kept.level, number=kept.number + 1)
    kept.level, kept.number, kept.changed_at = level, crossing.number, now
    kept.save(update_fields=["level", "number", "changed_at"])
    return crossing


def level_of(key: str, *, calm: str) -> str:
    """Return the level that was kept last."""
    with seeing(EVERYTHING):
        kept = WebhookLevel.objects.filter(pk=key).values_list("level", flat=True)
        return next(iter(kept), calm)
