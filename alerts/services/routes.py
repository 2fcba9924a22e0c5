"""Routes of notices: what of them is secret, a test of one, and trying again what was given up."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import structlog

from alerts.keyring import encrypt
from alerts.models import Alert, Channel, Notice, NoticeRoute
from alerts.scope import EVERYTHING, seeing
from alerts.services.notices import give_up_at, ring_after_commit
from alerts.services.telling import SIGNATURE_CONTEXT, URL_CONTEXT

log = structlog.get_logger()

TEST_SUBJECT: Final = "This is a test"
_TEST_TEXT: Final = "Somebody tries this route. Nothing is wrong, and there is nothing to do."


def seal_url(url: str) -> str:
    """Return a route's address as it is kept."""
    return encrypt(url, context=URL_CONTEXT)


def seal_signing_secret(secret: str) -> str:
    """Return a webhook's signing secret as it is kept."""
    return encrypt(secret, context=SIGNATURE_CONTEXT)


@seeing(EVERYTHING)
def try_route(*, route_id: UUID, path: str, now: datetime) -> Notice:
    """Promise a test to one route alone; what becomes of it stands on the notice's page.

    It goes the way of all notices, so that it also shows that the job runs. Each call is one more.

    :param path: where the message leads to, below PUBLIC_BASE_URL.
    """
    route = NoticeRoute.objects.get(pk=route_id)
    is_mail = route.channel == Channel.EMAIL
    notice = Notice.objects.create(
        reference=f"test:{uuid4()}",
        event=Notice.Event.TEST,
        channel=route.channel,
        target=route.email.lower() if is_mail else f"route:{route.pk}",
        route=route,
        severity=Alert.Severity.INFO,
        subject=TEST_SUBJECT,
        text=_TEST_TEXT,
        path=path,
        next_attempt_at=now,
        give_up_at=give_up_at(now),
        created_at=now,
    )
    ring_after_commit()
    log.info("[NOTICE] Test of a route", route_id=str(route_id), notice_id=notice.pk)
    return notice


@seeing(EVERYTHING)
def send_again(*, notice_id: int, now: datetime) -> bool:
    """Have a notice tried now that was given up or waits; return whether there is something to try.

    One that was sent stays sent, and one that a worker has in hand is left to it. A notice that
    was given up has its full time again, and keeps the id that receivers know it by.
    """
    waiting = Notice.objects.filter(pk=notice_id, leased_until=None)
    found = waiting.filter(state=Notice.State.FAILED).update(
        state=Notice.State.QUEUED, next_attempt_at=now, give_up_at=give_up_at(now)
    ) or waiting.filter(state=Notice.State.QUEUED).update(next_attempt_at=now)
    if found:
        ring_after_commit()
        log.info("[NOTICE] To be sent again", notice_id=notice_id)
    return bool(found)
