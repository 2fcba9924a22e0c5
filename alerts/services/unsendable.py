"""A notice that a mistake of ours keeps from being sent: told to people, whichever it is."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerts.models import Alert, Notice
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.services.failing_places import TRIES_BEFORE_ALERT

KIND: Final = "notice_unsendable"
# How the last error of such a notice begins.
UNFORESEEN: Final = "A mistake of ours"


@seeing(EVERYTHING)
def note_unsendable(*, notice: Notice, is_given_up: bool, reason: str, now: datetime) -> None:
    """Raise an alert where it stays so for minutes, or for good.

    One for all of them, so that notices of the alert itself that can't be sent raise no other.
    Of a test somebody sees the outcome already.
    """
    if notice.event == Notice.Event.TEST:
        return
    if not is_given_up and notice.tries < TRIES_BEFORE_ALERT:
        return
    until = f"It is tried until {notice.give_up_at:%Y-%m-%d %H:%M} UTC"
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.WARNING,
        subject="A notice can’t be sent, through a mistake of ours",
        message=f"{reason}. {'It was given up' if is_given_up else until}: #{notice.pk} to"
        f" {notice.get_channel_display()}. The list of notices has all of them; once the mistake"
        " is mended, send again what was given up.",
        data={"notice_id": notice.pk},
        dedupe_key=KIND,
        now=now,
    )


@seeing(EVERYTHING)
def note_mended(*, notice: Notice, now: datetime) -> None:
    """Resolve the alert with the last of them that went out after all."""
    if not notice.last_error.startswith(UNFORESEEN):
        return
    left = Notice.objects.exclude(state=Notice.State.SENT)
    if not left.filter(last_error__startswith=UNFORESEEN).exists():
        resolve_alert(dedupe_key=KIND, now=now)
