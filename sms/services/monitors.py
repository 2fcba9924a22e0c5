"""What the monitors look for in messages: whether they arrive, are filtered, or wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from alerts.models import Alert
from alerts.services.monitors import Finding, find_standing, is_critical, register_monitor
from sms.models import ChannelStop
from sms.selectors.figures import Arrivals, count_arrivals
from sms.services.channels import (
    FILTERED_KEY,
    STOP_KIND,
    describe_stop,
    find_filtering,
    is_filtering_over,
    load_rules,
)

_RATE: Final = "delivery_rate"
# How many percentage points better than its threshold a rate has to be for its alert to end: one
# that hovers there would else be told of every few minutes.
_MARGIN: Final = 0.5


@register_monitor("messages")
def watch_messages(*, now: datetime) -> Iterable[Finding]:
    """Find a low delivery rate, texts that carriers filter and channels that are stopped."""
    yield from _delivery_rate(now)
    yield from _filtering(now)
    yield from _stopped_channels()


def _delivery_rate(now: datetime) -> Iterator[Finding]:
    """Look at the last day, and for something that broke just now at the last hour.

    Both by the index of blocks on the time of a message: a day is a few blocks.
    """
    thresholds = settings.THRESHOLDS
    standing = find_standing(kind=_RATE).get(_RATE)
    # What stands ends, or gets less grave, by more than a hair's breadth.
    better = _MARGIN if standing is not None else 0
    much_better = _MARGIN if is_critical(standing) else 0
    day = count_arrivals(since=now - timedelta(days=1))
    hour = count_arrivals(since=now - timedelta(hours=1))

    def is_under(arrivals: Arrivals, percent: float) -> bool:
        return (
            arrivals.ended >= thresholds.delivery_at_least
            and arrivals.arrived * 100 < min(percent, 100) * arrivals.ended
        )

    if is_under(hour, thresholds.delivery_critical_percent + much_better):
        severity, worst, span = Alert.Severity.CRITICAL, hour, "hour"
    elif is_under(day, thresholds.delivery_critical_percent + much_better):
        severity, worst, span = Alert.Severity.CRITICAL, day, "day"
    elif is_under(day, thresholds.delivery_warning_percent + better):
        severity, worst, span = Alert.Severity.WARNING, day, "day"
    else:
        return
    yield Finding(
        kind=_RATE,
        severity=severity,
        subject=f"{worst.arrived * 100 / worst.ended:.1f} % of messages arrived in the last {span}",
        message=f"Of {worst.ended} messages whose end is known {worst.ended - worst.arrived} did "
        "not arrive. The delivery report says by which errors, and the delivery log to whom.",
        data={
            "last_hour": {"arrived": hour.arrived, "ended": hour.ended},
            "last_day": {"arrived": day.arrived, "ended": day.ended},
        },
        dedupe_key=_RATE,
    )


def _filtering(now: datetime) -> Iterator[Finding]:
    # Raised as a text comes back, and by the index of attempts with an error counted anew here.
    rules = load_rules()
    standing = find_standing(kind=FILTERED_KEY).get(FILTERED_KEY)
    if standing is None:
        found = find_filtering(rules=rules, now=now)
        if found is not None:
            yield found
    elif not is_filtering_over(
        usual_per_hour=standing.data["usual_per_hour"], rules=rules, now=now
    ):
        yield standing


def _stopped_channels() -> Iterator[Finding]:
    # One row a channel at most; what stands says more than we could: the provider's own words.
    standing = find_standing(kind=STOP_KIND)
    for stop in ChannelStop.objects.order_by("channel"):
        found = describe_stop(channel=stop.channel, error_code=stop.error_code)
        yield standing.get(found.dedupe_key, found)
