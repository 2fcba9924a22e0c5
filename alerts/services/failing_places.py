"""A place that notices do not reach is trouble of its own, told to the places that they do."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerts.models import Alert, Notice
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert, resolve_alert

KIND: Final = "notices_failing"
# A hiccup is none: after so many tries of one notice, some four minutes, it is.
TRIES_BEFORE_ALERT: Final = 5


@seeing(EVERYTHING)
def note_failure(*, notice: Notice, is_given_up: bool, reason: str, now: datetime) -> None:
    """Raise an alert where a place takes nothing for minutes, or refuses for good.

    That place itself is not told of it. Of a test somebody sees the outcome already.
    """
    if notice.event == Notice.Event.TEST:
        return
    if not is_given_up and notice.tries < TRIES_BEFORE_ALERT:
        return
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.WARNING,
        subject=f"{notice.get_channel_display()} takes no notices: {place_words(notice)}",
        message=f"{reason}. Until it does, whoever reads only there hears of nothing.",
        dedupe_key=_key(notice),
        not_told=(notice.channel, notice.target),
        now=now,
    )


@seeing(EVERYTHING)
def note_success(*, notice: Notice, now: datetime) -> None:
    """Resolve the alert of a place that takes notices again."""
    resolve_alert(dedupe_key=_key(notice), now=now)


def place_words(notice: Notice) -> str:
    """Return what people call the place of a notice."""
    if notice.route is not None:
        return f"the route “{notice.route.name}”"
    return "the settings' own" if notice.target == "settings" else notice.target


def _key(notice: Notice) -> str:
    return f"{KIND}:{notice.channel}:{notice.target}"[:200]
