"""What became of notices: of one alert, and where they do not arrive."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from alerts.models import Channel, Notice, NoticeRoute

# A notice that was given up is worth a banner for so long, unless its place has taken another.
_SHOWN_FOR: Final = timedelta(days=7)
_FAILING: Final = """
    SELECT channel, target, count(*) FILTER (WHERE state = 'queued'),
        count(*) FILTER (WHERE state = 'failed'), min(created_at),
        (array_agg(last_error ORDER BY id DESC))[1]
    FROM alerts_notice notice
    WHERE state <> 'sent' AND last_error <> '' AND created_at > %s
        AND NOT EXISTS (
            SELECT 1 FROM alerts_notice later
            WHERE later.channel = notice.channel AND later.target = notice.target
                AND later.state = 'sent' AND later.id > notice.id)
    GROUP BY channel, target ORDER BY min(created_at), channel, target
"""
_ROUTE: Final = "route:"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FailingPlace:
    """A place that does not take what it is told, and has taken nothing since."""

    channel: str
    place: str
    waiting: int
    given_up: int
    since: datetime
    last_error: str


def list_failing_places(*, now: datetime) -> list[FailingPlace]:
    """Return the places that notices do not reach, the one that fails longest first."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILING, [now - _SHOWN_FOR])
        rows = cursor.fetchall()
    names = name_places(target for _, target, *_ in rows)
    return [
        FailingPlace(
            channel=str(Channel(channel).label),
            place=names[target],
            waiting=waiting,
            given_up=given_up,
            since=since,
            last_error=last_error,
        )
        for channel, target, waiting, given_up, since, last_error in rows
    ]


def name_places(targets: Iterable[str]) -> dict[str, str]:
    """Return what people call places, by their targets."""
    wanted = set(targets)
    ids = [UUID(target.removeprefix(_ROUTE)) for target in wanted if target.startswith(_ROUTE)]
    routes = NoticeRoute.objects.in_bulk(ids)
    names = {f"{_ROUTE}{key}": route.name for key, route in routes.items()}
    names["settings"] = "the settings"
    return {target: names.get(target, target) for target in wanted}


def list_notices_of(*, alert_id: UUID) -> list[Notice]:
    """Return the notices of an alert, oldest first."""
    return list(Notice.objects.filter(alert_id=alert_id).select_related("route").order_by("pk"))
