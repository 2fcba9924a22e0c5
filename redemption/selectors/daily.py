"""One day of the programme, as the daily report tells it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from redemption.selectors.flow import Flow, Waiting, list_waiting, read_flow
from redemption.selectors.message_days import MessageSums
from redemption.selectors.message_report import MessageScope, read_message_report
from redemption.selectors.reward_days import Clients
from redemption.selectors.spans import ONE_DAY, midnight

HOUR: Final = timedelta(hours=1)
_WEEK: Final = timedelta(days=7)
_ASKED: Final = """
    SELECT count(*) FROM redemption_redemption
    WHERE client_id = ANY (%(clients)s) AND created_at >= %(start)s AND created_at < %(end)s
        AND NOT is_test {campaign}
"""
_ISSUED: Final = """
    SELECT currency, count(*), sum(charged_minor)
    FROM redemption_redemption
    WHERE client_id = ANY (%(clients)s) AND issued_at >= %(start)s AND issued_at < %(end)s
        AND state IN ('issued', 'delivered', 'confirmed') AND NOT is_test {campaign}
    GROUP BY currency ORDER BY currency
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """The rewards that were issued on a day and stand, in one currency; amounts in minor units."""

    currency: str
    rewards: int
    charged_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DailyReport:
    """One day (UTC).

    :param asked_week_before: redemptions asked for on the same day of the week before.
    :param waiting: who waits now, whatever the day.
    """

    day: date
    flow: Flow
    asked_week_before: int
    issued: tuple[Issued, ...]
    messages: MessageSums
    waiting: tuple[Waiting, ...]
    campaign_names: Mapping[UUID, str]


def last_full_day(now: datetime) -> date:
    """Return the last day (UTC) that is over."""
    return now.astimezone(UTC).date() - ONE_DAY


def read_daily_report(*, scope: MessageScope, day: date) -> DailyReport:
    """Return the report of a day about the clients and the campaign of a scope."""
    start, end = midnight(day), midnight(day + ONE_DAY)
    clients, campaign_id = scope.clients, scope.campaign_id
    return DailyReport(
        day=day,
        flow=read_flow(clients=clients, campaign_id=campaign_id, start=start, end=end, part=HOUR),
        asked_week_before=count_asked(
            clients=clients, campaign_id=campaign_id, start=start - _WEEK, end=end - _WEEK
        ),
        issued=_issued(clients, campaign_id, start, end),
        messages=read_message_report(scope=scope, group="channel", first=day, last=day).everything,
        waiting=tuple(list_waiting(clients=clients, campaign_id=campaign_id)),
        campaign_names=scope.campaign_names,
    )


def count_asked(
    *, clients: Clients, start: datetime, end: datetime, campaign_id: UUID | None = None
) -> int:
    """Count the redemptions that were asked for in a span, tests left out."""
    narrowed = "" if campaign_id is None else "AND campaign_id = %(campaign)s"
    with connection.cursor() as cursor:
        cursor.execute(
            _ASKED.format(campaign=narrowed),
            {"clients": list(clients.ids), "start": start, "end": end, "campaign": campaign_id},
        )
        return int(cursor.fetchone()[0])


def _issued(
    clients: Clients, campaign_id: UUID | None, start: datetime, end: datetime
) -> tuple[Issued, ...]:
    narrowed = "" if campaign_id is None else "AND campaign_id = %(campaign)s"
    with connection.cursor() as cursor:
        cursor.execute(
            _ISSUED.format(campaign=narrowed),
            {"clients": list(clients.ids), "start": start, "end": end, "campaign": campaign_id},
        )
        return tuple(
            Issued(currency=currency, rewards=rewards, charged_minor=int(charged))
            for currency, rewards, charged in cursor.fetchall()
        )
