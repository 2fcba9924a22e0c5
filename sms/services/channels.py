"""Stopping a channel while our own set-up is broken, and finding out when it is mended."""

import enum
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest

from alerts.models import Alert
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.services.monitors import Finding, raise_finding
from alerts.transactions import durable
from sms.models import ChannelStop, DeliveryAttempt, Message
from sms.policies import NOT_CONFIGURED, PROBE_WAIT_SECONDS, UNREACHABLE, Reaction
from sms.selectors.policies import load_policies
from sms.services.standing import Rules

log = structlog.get_logger()

# From so many an hour on, and so many times the usual.
_FILTERED_AT_LEAST: Final = 5
_FILTERED_RISE: Final = 3
FILTERED_KEY: Final = "texts_filtered"
STOP_KIND: Final = "channel_stopped"
_SERVICES: Final = {"sms": "SMS", "email": "E-mail"}


class Gate(enum.Enum):
    """Whether a channel's messages may be tried."""

    OPEN = "open"
    PROBE = "probe"  # one of them, to see whether it is mended
    CLOSED = "closed"


@durable
def pass_gate(*, channel: str, now: datetime) -> Gate:
    """Tell whether a channel may be used; a stopped one is probed by the first to ask a minute."""
    if not ChannelStop.objects.filter(channel=channel).exists():
        return Gate.OPEN
    is_ours = ChannelStop.objects.filter(channel=channel, probe_at__lte=now).update(
        probe_at=_next_probe(now)
    )
    return Gate.PROBE if is_ours else Gate.CLOSED


@durable
def stop_channel(*, channel: str, error_code: str, detail: str, now: datetime) -> None:
    """Let a channel's messages wait, and tell the operators why. Safe to repeat."""
    ChannelStop.objects.bulk_create(
        [
            ChannelStop(
                channel=channel, error_code=error_code, stopped_at=now, probe_at=_next_probe(now)
            )
        ],
        ignore_conflicts=True,
    )
    ChannelStop.objects.filter(channel=channel).update(
        error_code=error_code, probe_at=Greatest(F("probe_at"), _next_probe(now))
    )
    finding = describe_stop(channel=channel, error_code=error_code, detail=detail)
    if error_code == NOT_CONFIGURED:
        log.error(finding.subject, code=error_code, detail=detail)
    elif error_code == UNREACHABLE:
        log.error(finding.subject, code=error_code)
    else:
        log.error(f"{_SERVICES[channel]} channel stopped", code=error_code)
    raise_finding(finding=finding, now=now)


def describe_stop(*, channel: str, error_code: str, detail: str = "") -> Finding:
    """Say that a channel is stopped."""
    service = _SERVICES[channel]
    if error_code == NOT_CONFIGURED:
        subject = f"{service} service not configured"
    elif error_code == UNREACHABLE:
        subject = f"{service} provider can't be reached"
    else:
        subject = f"{service} channel stopped by error {error_code}"
    return Finding(
        kind=STOP_KIND,
        severity=Alert.Severity.CRITICAL,
        subject=subject,
        message=f"{detail} Messages wait and go out by themselves once it is mended.".strip(),
        data={"channel": channel, "error_code": error_code},
        dedupe_key=_stop_key(channel),
    )


@durable
def resume_channel(*, channel: str, now: datetime) -> None:
    """Let a channel's messages go again, the oldest first: a probe got through.

    What has waited for a provider that was away is due at once, and not when its own wait ends.
    """
    Message.objects.filter(
        channel=channel,
        state=Message.State.QUEUED,
        error_code=UNREACHABLE,
        next_attempt_at__isnull=False,
    ).update(next_attempt_at=F("created_at"))
    ChannelStop.objects.filter(channel=channel).delete()
    resolve_alert(dedupe_key=_stop_key(channel), now=now)
    log.info("channel resumed", channel=channel)


@durable
def report_destination(*, channel: str, error_code: str, now: datetime) -> None:
    """Tell the operators that our set-up keeps us from texting some destination."""
    raise_alert(
        kind="destination_refused",
        severity=Alert.Severity.CRITICAL,
        subject=f"Texts to some numbers wait for our set-up: error {error_code}",
        message="The provider's account may not text them. They are tried again by themselves.",
        data={"channel": channel, "error_code": error_code},
        dedupe_key=f"destination_refused:{channel}:{error_code}",
        now=now,
    )


@durable
def report_filtering(*, rules: Rules, now: datetime) -> None:
    """Tell the operators when carriers filter more of our texts than they used to."""
    finding = find_filtering(rules=rules, now=now)
    if finding is not None:
        raise_finding(finding=finding, now=now)


def find_filtering(*, rules: Rules, now: datetime) -> Finding | None:
    """Say that carriers filter more of our texts than they used to; None where they do not."""
    hour_ago, day_before = now - timedelta(hours=1), now - timedelta(hours=25)
    lately = _count_filtered(rules, hour_ago, now)
    usual = _count_filtered(rules, day_before, hour_ago) / 24
    if lately < _FILTERED_AT_LEAST or lately <= _FILTERED_RISE * usual:
        return None
    return Finding(
        kind=FILTERED_KEY,
        severity=Alert.Severity.WARNING,
        subject=f"Carriers filter our texts: {lately} in the last hour",
        message="They take the words for unwanted mail. Look at the templates in use: shortened "
        "links, capitals and words of money are what they mind. The rewards go out by e-mail "
        "where an address is known.",
        data={"last_hour": lately, "usual_per_hour": round(usual, 1)},
        dedupe_key=FILTERED_KEY,
    )


def is_filtering_over(*, usual_per_hour: float, rules: Rules, now: datetime) -> bool:
    """Tell whether few texts are filtered again.

    What was usual is what the alert says, not the day before: that has the rise in it, which
    would make it usual after some hours.
    """
    lately = _count_filtered(rules, now - timedelta(hours=1), now)
    return lately < _FILTERED_AT_LEAST or lately <= _FILTERED_RISE * usual_per_hour


def load_rules() -> Rules:
    """Return what is done about each error, as the operators have set it."""
    return Rules(load_policies(), settings.SMS_RETRY_SCHEDULE)


@durable
def review_filtering(*, now: datetime) -> bool:
    """End the alert about filtered texts once there are few again; return whether it did."""
    alert = (
        Alert.objects.filter(dedupe_key=FILTERED_KEY)
        .exclude(state=Alert.State.RESOLVED)
        .order_by("pk")
        .first()
    )
    if alert is None or not is_filtering_over(
        usual_per_hour=alert.data["usual_per_hour"], rules=load_rules(), now=now
    ):
        return False
    return resolve_alert(dedupe_key=FILTERED_KEY, now=now)


def _count_filtered(rules: Rules, after: datetime, until: datetime) -> int:
    """Count the attempts that a carrier has filtered."""
    codes = [
        code for code, policy in rules.policies.items() if policy.reaction is Reaction.FILTERED
    ]
    return DeliveryAttempt.objects.filter(
        error_code__in=codes, requested_at__gt=after, requested_at__lte=until
    ).count()


def _next_probe(now: datetime) -> datetime:
    return now + timedelta(seconds=PROBE_WAIT_SECONDS)


def _stop_key(channel: str) -> str:
    return f"channel_stopped:{channel}"
