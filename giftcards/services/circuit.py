"""Whether a provider is asked at all.

Note [Circuit]
A provider that keeps failing is left alone for a while, each time for longer; then one order is
let through to find out. What speaks of our own set-up opens the circuit at once, and so does an
empty float, which nothing but money closes again. Orders of which nothing was sold yet end when it
opens, so that nobody waits for a provider that is not asked; those that may have sold wait for it.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection
from django.db.models import Q

from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import resolve_alert
from alerts.services.monitors import Finding, raise_finding
from alerts.transactions import durable, transaction
from credit.services.audit import record_event
from giftcards.models import ProviderCircuit
from giftcards.providers.outcomes import NoMoney, SetUpWrong, TryAgain, Unknown
from giftcards.providers.tillo_codes import BUSY
from giftcards.services.order_calls import Outcome

log = structlog.get_logger()

FAILURES_TO_OPEN: Final = 5
FIRST_PAUSE: Final = timedelta(seconds=60)
LONGEST_PAUSE: Final = timedelta(minutes=15)
# How often an answer that shows nothing new is noted.
_NOTED_EVERY: Final = timedelta(seconds=60)

Reason = ProviderCircuit.Reason


class Gate(enum.Enum):
    """Which orders may be worked on."""

    OPEN_TO_ALL = "all"
    ONE_PROBE = "one"
    # Our money there is used up: what was sold before can still be asked for.
    ONLY_DOUBTFUL = "doubtful"
    SHUT = "none"


@durable
def pass_circuit(*, provider: str, now: datetime, probing_until: datetime) -> Gate:
    """Return which orders of a provider may be worked on now.

    Of several that ask when the pause is over, one gets the probe.

    :param probing_until: until then a probe has come back, or counts as lost.
    """
    circuit = ProviderCircuit.objects.filter(pk=provider).order_by("pk").first()
    if circuit is None or circuit.opened_at is None:
        return Gate.OPEN_TO_ALL
    if circuit.reason == Reason.NO_MONEY:
        return Gate.ONLY_DOUBTFUL
    if circuit.open_until is None or circuit.open_until > now:
        return Gate.SHUT
    taken = (
        ProviderCircuit.objects.filter(pk=provider, opened_at=circuit.opened_at)
        .filter(Q(open_until__lte=now), Q(probing_until=None) | Q(probing_until__lte=now))
        .update(probing_until=probing_until)
    )
    return Gate.ONE_PROBE if taken else Gate.SHUT


@durable
def give_probe_back(*, provider: str) -> None:
    """There was no order to try it with: let the next one be the probe."""
    ProviderCircuit.objects.filter(pk=provider).update(probing_until=None)


@durable
def note_outcome(*, provider: str, outcome: Outcome, asked_at: datetime, now: datetime) -> bool:
    """Draw the conclusions from an answer; return whether the circuit has opened by it.

    :param asked_at: when the question was asked: an answer from before the circuit opened does
        not close it.
    """
    match outcome:
        case SetUpWrong(code):
            return shut(
                provider=provider,
                reason=Reason.SET_UP,
                code=code,
                now=now,
                open_until=now + LONGEST_PAUSE,
            )
        case NoMoney(code):
            return shut(
                provider=provider, reason=Reason.NO_MONEY, code=code, now=now, open_until=None
            )
        case TryAgain(code) if code in BUSY:
            return False  # neither for nor against it: it works, and has much to do
        case TryAgain(code) | Unknown(reason=code):
            return _note_failure(provider, code, now)
    _note_success(provider, asked_at, now)
    return False


@durable
def shut(
    *,
    provider: str,
    reason: ProviderCircuit.Reason,
    code: str,
    now: datetime,
    open_until: datetime | None,
) -> bool:
    """Open the circuit at once; return whether it was closed, or about to be tried."""
    facts = {
        "open_until": open_until,
        "reason": reason,
        "error_code": code[:64],
        "probing_until": None,
        "last_failed_at": now,
    }
    with transaction():
        circuit, _ = ProviderCircuit.objects.select_for_update().get_or_create(pk=provider)
        was_asked = circuit.opened_at is None or (
            circuit.open_until is not None and circuit.open_until <= now
        )
        ProviderCircuit.objects.filter(pk=provider).update(
            **facts, opened_at=now if was_asked else circuit.opened_at
        )
    _alert(provider, reason, code, now)
    return was_asked


@durable
def resume_when_funded(*, provider: str, now: datetime) -> bool:
    """Ask the provider again: our money there was seen to have grown. Else nothing happens.

    :returns: whether the circuit was open for the lack of it.
    """
    return _close(Q(pk=provider, reason=Reason.NO_MONEY), provider, now)


@durable
def switch_off(*, provider: str, actor: str, reason: str, now: datetime) -> None:
    """Leave a provider alone until somebody switches it on again."""
    with seeing(EVERYTHING), transaction():
        circuit, _ = ProviderCircuit.objects.select_for_update().get_or_create(pk=provider)
        circuit.opened_at = circuit.opened_at or now
        circuit.open_until = None
        circuit.reason = Reason.BY_HAND
        circuit.probing_until = None
        circuit.save()
        record_event(
            actor=actor,
            action="provider.switched_off",
            object_kind="provider",
            object_id=provider,
            reason=reason,
            now=now,
        )


@durable
def switch_on(*, provider: str, actor: str, reason: str, now: datetime) -> bool:
    """Ask a provider again at once, whatever the circuit had opened for.

    :returns: whether it was open.
    """
    with seeing(EVERYTHING):
        closed = _close(Q(pk=provider), provider, now)
        if closed:
            with transaction():
                record_event(
                    actor=actor,
                    action="provider.switched_on",
                    object_kind="provider",
                    object_id=provider,
                    reason=reason,
                    now=now,
                )
    return closed


# One statement, for many workers fail at once. It opens at the fifth failure in a row, or when the
# one order that was let through has failed.
_FAIL: Final = """
    INSERT INTO giftcards_providercircuit AS c
        (provider, failures, openings, error_code, last_failed_at)
    VALUES (%(provider)s, 1, 0, %(code)s, %(now)s)
    ON CONFLICT (provider) DO UPDATE SET
        failures = c.failures + 1, last_failed_at = %(now)s, error_code = %(code)s,
        (opened_at, open_until, openings, reason, probing_until) = (
            SELECT CASE WHEN opens THEN %(now)s ELSE c.opened_at END,
                CASE WHEN opens THEN %(now)s + make_interval(secs => least(
                    %(first)s * power(2, least(c.openings, 10)), %(longest)s))
                    ELSE c.open_until END,
                CASE WHEN opens THEN c.openings + 1 ELSE c.openings END,
                CASE WHEN opens THEN 'failures' ELSE c.reason END,
                CASE WHEN opens THEN NULL ELSE c.probing_until END
            FROM (SELECT c.opened_at IS NULL AND c.failures + 1 >= %(enough)s
                OR c.opened_at IS NOT NULL AND c.open_until <= %(now)s AS opens) AS decided)
    RETURNING opened_at = %(now)s
"""


def _note_failure(provider: str, code: str, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            _FAIL,
            {
                "provider": provider,
                "code": code[:64],
                "now": now,
                "first": FIRST_PAUSE.total_seconds(),
                "longest": LONGEST_PAUSE.total_seconds(),
                "enough": FAILURES_TO_OPEN,
            },
        )
        opened = bool(cursor.fetchone()[0])
    if opened:
        _alert(provider, Reason.FAILURES, code, now)
    return opened


def _note_success(provider: str, asked_at: datetime, now: datetime) -> None:
    circuit, _ = ProviderCircuit.objects.get_or_create(pk=provider, defaults={"last_ok_at": now})
    if circuit.opened_at is not None:
        # By our set-up or by failures: whoever came through has shown that it works again.
        proven = Q(pk=provider, opened_at__lt=asked_at) | Q(pk=provider, opened_at=None)
        _close(
            proven & Q(reason__in=[Reason.SET_UP, Reason.FAILURES]), provider, now, last_ok_at=now
        )
    elif circuit.failures or (circuit.last_ok_at or now) <= now - _NOTED_EVERY:
        ProviderCircuit.objects.filter(pk=provider, opened_at=None).update(
            failures=0, last_ok_at=now
        )


def _close(which: Q, provider: str, now: datetime, **facts: datetime) -> bool:
    closed = ProviderCircuit.objects.filter(which, opened_at__isnull=False).update(
        failures=0,
        opened_at=None,
        open_until=None,
        openings=0,
        reason="",
        error_code="",
        probing_until=None,
        **facts,
    )
    if closed:
        log.info("[PROVIDER] Asked again", provider=provider)
        for reason in Reason.values:
            resolve_alert(dedupe_key=f"provider_circuit:{provider}:{reason}", now=now)
    return bool(closed)


_WORDS: Final[dict[ProviderCircuit.Reason, tuple[str, str]]] = {
    Reason.FAILURES: (
        "{provider} keeps failing",
        "It is left alone for a while, then tried with one order; rewards wait for cards.",
    ),
    Reason.SET_UP: (
        "{provider} refuses us: code {code}",
        "Set right what is wrong there (keys, address, sector, brand), then switch it on.",
    ),
    Reason.NO_MONEY: (
        "Our money at {provider} is used up",
        "Top up the float. Nothing is bought there until it is seen to have grown.",
    ),
}


def _alert(provider: str, reason: ProviderCircuit.Reason, code: str, now: datetime) -> None:
    finding = describe_open(provider, reason, code)
    if finding is not None:
        raise_finding(finding=finding, now=now)


def describe_open(provider: str, reason: ProviderCircuit.Reason, code: str) -> Finding | None:
    """Say why a provider is not asked; None where a person wanted it so."""
    if reason not in _WORDS:
        return None
    subject, message = _WORDS[reason]
    return Finding(
        kind="provider_circuit",
        severity=Alert.Severity.CRITICAL,
        subject=subject.format(provider=provider, code=code),
        message=message,
        data={"provider": provider, "reason": reason.value, "code": code},
        dedupe_key=f"provider_circuit:{provider}:{reason.value}",
    )


def is_open(*, provider: str, now: datetime) -> bool:
    """Tell whether a provider is not asked now."""
    return (
        ProviderCircuit.objects.filter(pk=provider, opened_at__isnull=False)
        .filter(Q(open_until=None) | Q(open_until__gt=now))
        .exists()
    )
