"""Which orders are whose to work on now.

Note [Order lease]
A worker takes due orders by moving their ``next_attempt_at`` to the end of its lease, in one
committed statement that also counts the attempt. While the lease runs nobody else finds them due;
a worker that dies needs no clean-up, because its orders become due again by themselves.

The same statement says that the attempt may have sold, before anything is sent: so it is also
true for a worker that dies or is held up before it can say what became of it. Only that attempt's
own recording takes it back. The attempt's number is the fence: an answer that comes after somebody
else has claimed the order may still bring its card, but may not end it without one.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from django.db import connection

from alerts.transactions import durable
from giftcards.models import ProviderOrder
from giftcards.providers import CardOrder, DeliveryMethod
from giftcards.services.order_schedule import IN_FLIGHT, order_lease_length


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrderClaim:
    """An order that is ours to ask about until the lease ends.

    :param attempt: its number, which no other claim of the order has.
    :param tries: how many there were since the order was given to the workers, with this one.
    :param trace_id: of the request that placed the order, as in the logs.
    :param in_doubt_until: until then an earlier attempt may still be on its way, whose outcome
        nobody knows; None when every earlier one is known to have sold nothing.
    :param is_accepted: the provider works on it, so it is asked and not sent.
    :param is_undone: somebody has asked for it to be taken back.
    """

    order_id: UUID
    provider: str
    request_id: str
    provider_slug: str
    value_minor: int
    currency: str
    delivery_method: str
    is_asynchronous: bool
    is_accepted: bool
    is_undone: bool
    holder_kind: str | None
    attempt: int
    tries: int
    trace_id: str
    in_doubt_until: datetime | None
    leased_until: datetime

    def card_order(self) -> CardOrder:
        """Return the order as a provider takes it.

        :raises MalformedOrderError: none would.
        """
        return CardOrder(
            request_id=self.request_id,
            brand=self.provider_slug,
            amount_minor=self.value_minor,
            currency=self.currency,
            delivery_method=cast(DeliveryMethod, self.delivery_method),
            is_asynchronous=self.is_asynchronous,
        )


_COLUMNS: Final = (
    "order_id", "provider", "request_id", "provider_slug", "value_minor", "currency",
    "delivery_method", "is_asynchronous", "is_accepted", "is_undone", "holder_kind", "attempt",
    "tries", "trace_id", "in_doubt_until", "leased_until",
)  # fmt: skip

_TAKE: Final = """
    , taken AS (
        UPDATE giftcards_providerorder o
            SET leased_until = %(leased_until)s,
                next_attempt_at = CASE WHEN o.state = 'requested' THEN %(leased_until)s END,
                attempts = o.attempts + 1, tries = o.tries + 1, last_attempt_at = %(now)s,
                first_sent_at = coalesce(o.first_sent_at, %(now)s), may_be_done = true,
                in_doubt_until = greatest(o.in_doubt_until, %(in_flight_until)s),
                undo_asked_at = CASE WHEN %(is_undoing)s THEN %(now)s ELSE o.undo_asked_at END
            FROM due WHERE o.id = due.id
            RETURNING o.id, o.provider, o.request_id, o.provider_slug, o.value_minor, o.currency,
                o.delivery_method, o.is_asynchronous,
                o.accepted_at IS NOT NULL AS is_accepted,
                o.undo_asked_at IS NOT NULL AS is_undone, o.holder_kind, o.attempts, o.tries,
                o.trace_id, due.in_doubt_until, o.leased_until, due.next_attempt_at
    )
    SELECT id, provider, request_id, provider_slug, value_minor, currency, delivery_method,
        is_asynchronous, is_accepted, is_undone, holder_kind, attempts, tries, trace_id,
        in_doubt_until, leased_until
    FROM taken ORDER BY next_attempt_at
"""

_DUE: Final = """
    WITH due AS (
        SELECT id, in_doubt_until, next_attempt_at FROM giftcards_providerorder
        WHERE state = 'requested' AND provider = %(provider)s AND next_attempt_at <= %(now)s
            AND (may_be_done OR NOT %(only_doubtful)s)
        ORDER BY holder_id IS NULL, next_attempt_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    )
"""
_ONE: Final = """
    WITH due AS (
        SELECT id, in_doubt_until, next_attempt_at FROM giftcards_providerorder
        WHERE state = 'unknown' AND id = %(order_id)s
            AND (leased_until IS NULL OR leased_until <= %(now)s)
        FOR NO KEY UPDATE SKIP LOCKED
    )
"""


@durable
def claim_due_orders(
    *, provider: str, limit: int, now: datetime, only_doubtful: bool = False
) -> list[OrderClaim]:
    """Take up to ``limit`` due orders of a provider, the longest due first.

    Those that somebody waits for go before those that fill a buffer.

    Committed when it returns (Note [Order lease]). Two callers never get the same order.

    :param only_doubtful: leave alone those of which it is known that nothing was sold yet.
    """
    return _claim(
        _DUE + _TAKE,
        now,
        {"provider": provider, "limit": limit, "only_doubtful": only_doubtful},
    )


@durable
def claim_unknown_order(
    *, order_id: UUID, now: datetime, is_undoing: bool = False
) -> OrderClaim | None:
    """Take an order of the unknown-outcome list; None when it is not there, or somebody has it.

    :param is_undoing: it is to be taken back; from here on it is never sent again.
    """
    claims = _claim(_ONE + _TAKE, now, {"order_id": order_id}, is_undoing=is_undoing)
    return claims[0] if claims else None


def _claim(
    statement: str, now: datetime, parameters: dict[str, Any], *, is_undoing: bool = False
) -> list[OrderClaim]:
    leased_until = now + order_lease_length()
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                **parameters,
                "now": now,
                "leased_until": leased_until,
                "in_flight_until": leased_until + IN_FLIGHT,
                "is_undoing": is_undoing,
            },
        )
        return [OrderClaim(**dict(zip(_COLUMNS, row, strict=True))) for row in cursor.fetchall()]


@durable
def put_back(*, claim: OrderClaim, next_attempt_at: datetime) -> None:
    """Give an order back that was not sent after all, as if it had not been claimed."""
    ProviderOrder.objects.filter(
        pk=claim.order_id, attempts=claim.attempt, state=ProviderOrder.State.REQUESTED
    ).update(
        leased_until=None,
        next_attempt_at=next_attempt_at,
        tries=claim.tries - 1,
        may_be_done=claim.in_doubt_until is not None,
        in_doubt_until=claim.in_doubt_until,
    )


def due_providers(*, now: datetime) -> list[str]:
    """Return the providers that have orders due."""
    return list(
        ProviderOrder.objects.filter(state=ProviderOrder.State.REQUESTED, next_attempt_at__lte=now)
        .order_by("provider")
        .values_list("provider", flat=True)
        .distinct()
    )
