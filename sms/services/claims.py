"""Which messages are whose to work on now.

Note [Lease]
A worker takes due messages by moving their ``next_attempt_at`` to the end of its lease, in one
committed statement that also writes the attempts. While the lease runs nobody else finds them
due; a worker that dies needs no clean-up, because its messages become due again by themselves.
Found in state ``sending`` they are looked up at the provider first: nobody knows how far the
dead worker came.
"""

import dataclasses
import enum
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from alerts.transactions import durable


class Task(enum.Enum):
    """What a due message needs."""

    SEND = "send"
    LOOK_UP = "look up"  # did the provider get it?
    ASK = "ask"  # the provider has it: what became of it?


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A message that is ours to work on until the lease ends, and the attempt that is meant."""

    message_id: UUID
    client_id: UUID
    purpose: str
    channel: str
    to: str = dataclasses.field(repr=False)
    locale: str
    values: Mapping[str, Any] = dataclasses.field(repr=False)
    reference_kind: str
    reference_id: UUID
    task: Task
    due_at: datetime
    number: int
    requested_at: datetime
    provider_id: str
    request_id: str
    is_opted_out: bool


_COLUMNS: Final = (
    "message_id", "client_id", "purpose", "channel", "to", "locale", "values", "reference_kind",
    "reference_id", "task", "due_at", "number", "requested_at", "provider_id", "request_id",
    "is_opted_out",
)  # fmt: skip

# One statement, so one commit for a whole batch. The values are written into the text by the
# driver, LIMIT too: as a parameter it would let the planner take the whole table for due.
_CLAIM: Final = """
    WITH due AS (
        SELECT id, state, next_attempt_at FROM sms_message
        WHERE channel = %(channel)s AND next_attempt_at <= %(now)s
            AND (state = 'queued' OR NOT %(only_queued)s)
        ORDER BY next_attempt_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE sms_message m
            SET next_attempt_at = %(leased_until)s,
                state = CASE WHEN due.state IN ('queued', 'undelivered', 'failed')
                    THEN 'sending' ELSE due.state END
            FROM due WHERE m.id = due.id
            RETURNING m.id, m.client_id, m.purpose, m.channel, m."to", m.locale, m."values",
                m.reference_kind, m.reference_id, m.provider_id, m.request_id,
                due.next_attempt_at AS due_at,
                CASE WHEN due.state IN ('queued', 'undelivered', 'failed') THEN 'send'
                    WHEN due.state IN ('accepted', 'sent') THEN 'ask' ELSE 'look up' END AS task
    ), numbered AS (
        SELECT leased.*, coalesce(last.number, 0) AS last_number, last.requested_at
        FROM leased LEFT JOIN LATERAL (
            SELECT number, requested_at FROM sms_deliveryattempt
            WHERE message_id = leased.id ORDER BY number DESC LIMIT 1
        ) AS last ON true
    ), begun AS (
        INSERT INTO sms_deliveryattempt (message_id, number, status, requested_at)
        SELECT id, last_number + 1, 'sending', %(now)s FROM numbered WHERE task = 'send'
    )
    SELECT id, client_id, purpose, channel, "to", locale, "values", reference_kind, reference_id,
        task, due_at, last_number + (task = 'send')::integer,
        CASE WHEN task = 'send' OR requested_at IS NULL THEN %(now)s ELSE requested_at END,
        coalesce(provider_id, ''), request_id,
        EXISTS (SELECT 1 FROM sms_optin o WHERE o.client_id = numbered.client_id
            AND o.phone = numbered."to" AND o.state = 'revoked')
    FROM numbered ORDER BY due_at
"""


@durable
def claim_due(
    *, channel: str, limit: int, now: datetime, leased_until: datetime, only_queued: bool = False
) -> list[Claim]:
    """Take up to ``limit`` due messages of a channel, the longest due first.

    Committed when it returns, with an attempt for each that is to be sent. Two callers never
    get the same message.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "channel": channel,
                "limit": limit,
                "now": now,
                "leased_until": leased_until,
                "only_queued": only_queued,
            },
        )
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    return [
        Claim(**{**row, "values": json.loads(row["values"]), "task": Task(row["task"])})
        for row in rows
    ]


def has_due(*, channel: str, now: datetime) -> bool:
    """Whether a channel has anything to do."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM sms_message"
            " WHERE channel = %s AND next_attempt_at <= %s)",
            [channel, now],
        )
        (found,) = cursor.fetchone()
    return bool(found)
