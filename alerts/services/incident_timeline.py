"""An incident's timeline: what people do, what the alert went through, what happened to rewards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from alerts.models import Alert, Incident, Notice, TimelineEntry
from alerts.selectors.impact import list_window_events
from alerts.transactions import transaction_required

Kind = TimelineEntry.Kind
# An alert that is seen again and again is told of when it has been seen so often.
_MILESTONES: Final = (10, 100, 1_000, 10_000, 100_000)
_TOLD: Final = {
    Notice.Event.OPENED: "that it was raised",
    Notice.Event.ESCALATED: "that it is graver now",
    Notice.Event.REMINDER: "that nobody is on it",
    Notice.Event.RESOLVED: "that it is over",
    Notice.Event.STEP: "of the incident",
    Notice.Event.TEST: "as a test",
}


@transaction_required
def record_in_timeline(
    *,
    incident: Incident,
    kind: TimelineEntry.Kind,
    words: str,
    at: datetime,
    actor: str = "system",
    source: str = "",
) -> bool:
    """Write one entry, and return whether it is new.

    :param source: what it was made of; the same source comes into a timeline once, however many
        workers look at once.
    """
    entry = TimelineEntry(
        incident=incident, kind=kind, words=words, at=at, actor=actor, source=source
    )
    if not source:
        entry.save(force_insert=True)
        return True
    if TimelineEntry.objects.filter(incident=incident, source=source).exists():
        return False
    # Whoever comes here at the same time is refused by the index, and that is no error.
    TimelineEntry.objects.bulk_create([entry], ignore_conflicts=True)
    return True


@transaction_required
def pull_events(*, incident: Incident, now: datetime) -> int:
    """Write into the timeline what it lacks of the alert and of the redemptions; return how much.

    What is already there is left alone, so it may be called as often as one likes.
    """
    known = set(
        TimelineEntry.objects.filter(incident=incident)
        .exclude(source="")
        .values_list("source", flat=True)
    )
    until = min(now, incident.resolved_at or now)
    found = [entry for entry in _list_events(incident, until) if entry.source not in known]
    TimelineEntry.objects.bulk_create(found, ignore_conflicts=True)
    return len(found)


def _list_events(incident: Incident, until: datetime) -> Iterator[TimelineEntry]:
    if incident.alert is not None:
        yield from _list_of_alert(incident, incident.alert)
    yield from _list_notices(incident)
    for event in list_window_events(
        since=incident.started_at,
        until=until,
        client_id=incident.client_id,
        is_over=incident.resolved_at is not None,
    ):
        yield _entry(incident, Kind.REDEMPTIONS, event.at, event.words, event.source)


def _list_of_alert(incident: Incident, alert: Alert) -> Iterator[TimelineEntry]:
    def of_alert(at: datetime, words: str, source: str, actor: str = "system") -> TimelineEntry:
        return _entry(incident, Kind.ALERT, at, words, f"alert:{alert.pk}:{source}", actor)

    yield of_alert(alert.first_seen_at, f"Alert raised: {alert.subject}", "opened")
    if alert.severity_since and alert.severity_since > alert.first_seen_at:
        yield of_alert(
            alert.severity_since,
            f"The alert became {alert.get_severity_display().lower()}",
            f"severity:{alert.severity}",
        )
    for milestone in _MILESTONES:
        if alert.count >= milestone:
            words = f"The alert was raised {milestone:,} times by then"
            yield of_alert(alert.last_seen_at, words, f"count:{milestone}")
    if alert.acknowledged_at:
        yield of_alert(
            alert.acknowledged_at,
            "The alert was acknowledged",
            f"acknowledged:{alert.acknowledged_at:%Y%m%dT%H%M%S}",
            f"user:{alert.acknowledged_by}" if alert.acknowledged_by else "system",
        )
    if alert.resolved_at:
        times = "once" if alert.count == 1 else f"{alert.count:,} times"
        words = f"The alert was resolved; it was raised {times} in all"
        yield of_alert(alert.resolved_at, words, "resolved")


def _list_notices(incident: Incident) -> Iterator[TimelineEntry]:
    notices = Notice.objects.filter(reference=f"incident:{incident.pk}")
    if incident.alert_id is not None:
        notices = notices | Notice.objects.filter(alert_id=incident.alert_id)
    for notice in notices.exclude(state=Notice.State.QUEUED).order_by("pk"):
        # Whom it went to is in the notice; an address has no place in a record that is printed.
        channel = notice.get_channel_display()
        told = _TOLD[Notice.Event(notice.event)]
        source = f"notice:{notice.pk}:{notice.state}"
        if notice.sent_at is not None:
            words = f"Told by {channel} {told}"
            yield _entry(incident, Kind.NOTICE, notice.sent_at, words, source)
        else:
            words = f"Could not be told by {channel} {told}: {notice.last_error}"
            yield _entry(incident, Kind.NOTICE, notice.give_up_at, words, source)


def _entry(
    incident: Incident,
    kind: TimelineEntry.Kind,
    at: datetime,
    words: str,
    source: str,
    actor: str = "system",
) -> TimelineEntry:
    return TimelineEntry(
        incident=incident, kind=kind, at=at, words=words, source=source, actor=actor
    )
