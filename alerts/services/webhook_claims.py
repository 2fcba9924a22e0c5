"""Which promised events are whose to send now; leases as for messages (Note [Lease] in sms)."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from alerts.transactions import durable

# Of one endpoint at a time. One that has been failing is tried with one.
PER_ENDPOINT: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DueEndpoint:
    """Where to call, with the secrets still sealed."""

    endpoint_id: UUID
    url: str
    secret_encrypted: str = dataclasses.field(repr=False)
    previous_secret_encrypted: str = dataclasses.field(repr=False)
    previous_secret_until: datetime | None
    is_failing: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """An event that is ours to send until the lease ends; ``attempt`` counts from 1."""

    delivery_id: UUID
    event_id: UUID
    body: str
    request_id: str
    attempt: int
    endpoint: DueEndpoint


# Endpoint by endpoint, each with a few: a thousand events for one that is slow leave the others
# their turn. Those that work come first, and among them who has waited longest.
_CLAIM: Final = """
    WITH waiting AS (
        SELECT e.id, e.url, e.secret_encrypted, e.previous_secret_encrypted,
            e.previous_secret_until, e.failing_since IS NOT NULL AS is_failing, first.due_at
        FROM alerts_webhookendpoint e CROSS JOIN LATERAL (
            SELECT d.next_attempt_at AS due_at FROM alerts_webhookdelivery d
            WHERE d.endpoint_id = e.id AND d.next_attempt_at <= %(now)s
            ORDER BY d.next_attempt_at LIMIT 1) first
        WHERE e.state = 'active' AND e.id <> ALL (%(busy)s)
            AND coalesce(e.resting_until <= %(now)s, true)
        ORDER BY is_failing, first.due_at LIMIT %(endpoints)s
    ), due AS (
        SELECT d.id AS delivery_id, waiting.* FROM waiting CROSS JOIN LATERAL (
            SELECT id FROM alerts_webhookdelivery
            WHERE endpoint_id = waiting.id AND next_attempt_at <= %(now)s
            ORDER BY next_attempt_at
            LIMIT CASE WHEN waiting.is_failing THEN 1 ELSE %(each)s END
            FOR NO KEY UPDATE SKIP LOCKED) d
    )
    UPDATE alerts_webhookdelivery w
        SET next_attempt_at = %(leased_until)s, attempts = w.attempts + 1
        FROM due WHERE w.id = due.delivery_id
        RETURNING w.id, w.event_id, w.body, w.request_id, w.attempts, due.id, due.url,
            due.secret_encrypted, due.previous_secret_encrypted, due.previous_secret_until,
            due.is_failing
"""
_GIVE_BACK: Final = """
    UPDATE alerts_webhookdelivery SET next_attempt_at = %s, attempts = attempts - 1
    WHERE id = %s AND attempts = %s AND state = 'pending'
"""


@durable
def claim_webhooks(
    *, busy: Collection[UUID], endpoints: int, now: datetime, leased_until: datetime
) -> list[DueDelivery]:
    """Take what is due for up to so many endpoints, none of which is ``busy``.

    Committed when it returns. Two callers never get the same.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "busy": list(busy),
                "endpoints": endpoints,
                "each": PER_ENDPOINT,
                "now": now,
                "leased_until": leased_until,
            },
        )
        rows = cursor.fetchall()
    return [
        DueDelivery(
            delivery_id=delivery_id,
            event_id=event_id,
            body=body,
            request_id=request_id,
            attempt=attempt,
            endpoint=DueEndpoint(
                endpoint_id=endpoint_id,
                url=url,
                secret_encrypted=secret,
                previous_secret_encrypted=previous,
                previous_secret_until=until,
                is_failing=is_failing,
            ),
        )
        for (
            delivery_id, event_id, body, request_id, attempt,
            endpoint_id, url, secret, previous, until, is_failing,
        ) in rows
    ]  # fmt: skip


@durable
def give_webhooks_back(*, deliveries: Collection[DueDelivery], now: datetime) -> None:
    """Undo the claim of what was not called after all: it is due again at once."""
    with connection.cursor() as cursor:
        # One by one: nobody who locks several of them is met in another order.
        for one in deliveries:
            cursor.execute(_GIVE_BACK, [now, one.delivery_id, one.attempt])
