"""From the row of a notice to what is said, and to where."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.conf import settings
from django.urls import reverse

from alerts.keyring import DecryptionError, decrypt
from alerts.models import Channel, Notice, NoticeRoute
from alerts.providers.email import EXCHANGES, send_to_mailbox
from alerts.providers.slack import send_to_slack
from alerts.providers.telling import NotTakenError, Telling
from alerts.providers.webhook import send_to_webhook
from alerts.runbook import runbook_url

URL_CONTEXT: Final = "alerts_noticeroute.url"
SIGNATURE_CONTEXT: Final = "alerts_noticeroute.secret"
# What an alert should not say in the first place: the words below it are of many hands.
_PHONE: Final = re.compile(r"\+\d[\d ().-]{6,16}\d")
_HIDDEN: Final = "(number left out)"


def describe(notice: Notice) -> Telling:
    """Return what a notice says."""
    alert = notice.alert
    headline = notice.get_event_display()
    if notice.event == Notice.Event.REMINDER:
        headline = f"Nobody is on it, reminder {notice.occurrence}"
    path = notice.path
    if alert is not None and not path:
        path = reverse("admin:alerts_alert_change", args=[alert.pk])
    kind = alert.kind if alert else notice.reference.partition(":")[0]
    return Telling(
        delivery_id=notice.delivery_id,
        event=notice.event,
        headline=headline,
        severity=notice.severity,
        kind=kind,
        subject=_harmless(notice.subject),
        text=_harmless(notice.text),
        url=settings.PUBLIC_BASE_URL + path,
        runbook_url=settings.PUBLIC_BASE_URL + runbook_url(kind) if alert else "",
        alert_id=alert.pk if alert else None,
        client_id=alert.client_id if alert else None,
        happened_at=notice.created_at,
    )


def prepare_call(notice: Notice) -> Callable[[datetime], None]:
    """Return what sends a notice; it asks nothing of the database any more.

    :raises NotTakenError: there is nowhere to send it to.
    """
    telling = describe(notice)
    timeout_seconds = settings.ALERT_TIMEOUT
    if notice.channel == Channel.EMAIL:
        if not settings.EMAIL_ENABLED:
            raise NotTakenError("E-mail is not set up (EMAIL_URL)")
        # The limit of a mail is for each exchange with the server.
        seconds = max(timeout_seconds / EXCHANGES, 1)
        return lambda _now: send_to_mailbox(telling, address=notice.target, timeout_seconds=seconds)
    if notice.channel == Channel.SLACK:
        url = _open(notice.route) or settings.ALERT_SLACK_WEBHOOK_URL
        _require(url, "ALERT_SLACK_WEBHOOK_URL")
        return lambda _now: send_to_slack(telling, url=url, timeout_seconds=timeout_seconds)
    url = _open(notice.route) or settings.ALERT_WEBHOOK_URL
    secret = _open_secret(notice.route) or settings.ALERT_WEBHOOK_SECRET
    _require(url and secret, "ALERT_WEBHOOK_URL and ALERT_WEBHOOK_SECRET")
    return lambda now: send_to_webhook(
        telling, url=url, secret=secret, now=now, timeout_seconds=timeout_seconds
    )


def _require(given: str, names: str) -> None:
    if not given:
        raise NotTakenError(f"Not set up any more ({names})")


def _open(route: NoticeRoute | None) -> str:
    if route is None:
        return ""
    if not route.is_active:
        raise NotTakenError("Its route is switched off", is_permanent=True)
    return _decrypt(route.url_encrypted, URL_CONTEXT)


def _open_secret(route: NoticeRoute | None) -> str:
    return _decrypt(route.secret_encrypted, SIGNATURE_CONTEXT) if route else ""


def _decrypt(token: str, context: str) -> str:
    try:
        return decrypt(token, context=context)
    except DecryptionError:
        # Somebody can give the key back.
        raise NotTakenError("Its address can't be decrypted") from None


def _harmless(text: str) -> str:
    return _PHONE.sub(_HIDDEN, text)
