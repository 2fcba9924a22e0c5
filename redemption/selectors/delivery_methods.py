"""Rewards by the way people chose to get them: a text, an e-mail, or neither."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from datetime import date
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection

from redemption.selectors.histograms import percentile_of
from redemption.selectors.message_days import MessageSums, total_messages
from redemption.selectors.reward_days import Clients
from redemption.selectors.spans import ONE_DAY, midnight

DeliveryMethod = Literal["sms", "email", "none"]

METHODS: Final[tuple[DeliveryMethod, ...]] = ("sms", "email", "none")
_STATEMENT: Final = """
    SELECT r.contact_method, redemption_wait_seconds(r.delivered_at - r.issued_at), count(*)
    FROM redemption_redemption r
    WHERE r.client_id = ANY (%(clients)s) {campaign}
        AND r.issued_at >= %(start)s AND r.issued_at < %(end)s
        AND r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
    GROUP BY 1, 2
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MethodSums:
    """The rewards of one way.

    :param chosen: rewards that were issued this way and stand.
    :param delivered: those of them that were handed over.
    :param median_wait: seconds from claim to hand-over, rounded up, and ``p95_wait`` the seconds
        within which 95 of 100 were handed over. None while nothing was.
    :param messages: what became of the messages of this channel; None where there are none.
    """

    method: DeliveryMethod
    chosen: int
    delivered: int
    median_wait: int | None
    p95_wait: int | None
    messages: MessageSums | None


def sum_methods(
    *, clients: Clients, campaign_id: UUID | None, first: date, last: date
) -> list[MethodSums]:
    """Return what became of each way in the days from the first to the last (UTC).

    Whoever asks has made sure that the clients and the campaign are theirs to see.
    """
    campaign = "" if campaign_id is None else "AND r.campaign_id = %(campaign)s"
    waits: dict[str, dict[int | None, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            _STATEMENT.format(campaign=campaign),
            {
                "clients": list(clients.ids),
                "campaign": campaign_id,
                "start": midnight(first),
                "end": midnight(last + ONE_DAY),
            },
        )
        rows: list[Any] = cursor.fetchall()
    for method, wait, count in rows:
        waits[method][wait] = count
    messages = total_messages(
        clients=clients, group="channel", first=first, last=last, campaign_id=campaign_id
    ).rows
    return [_sum(method, waits[method], messages.get(method)) for method in METHODS]


def _sum(
    method: DeliveryMethod, waits: dict[int | None, int], messages: MessageSums | None
) -> MethodSums:
    known = {wait: count for wait, count in waits.items() if wait is not None}
    return MethodSums(
        method=method,
        chosen=sum(waits.values()),
        delivered=sum(known.values()),
        median_wait=percentile_of(known, 50),
        p95_wait=percentile_of(known, 95),
        messages=messages,
    )
