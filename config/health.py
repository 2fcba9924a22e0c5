"""How the system is today: the runbook's questions, each with its figure and what it means.

Nothing is found out here that is not known elsewhere: the figures come from the selectors that
the monitors, the jobs' page and the reports read, and turn red where an alert would be raised.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from alerts.admin.cells import AMBER, BLUE, GREEN, GREY, RED
from alerts.models import Alert, Incident, Verification, WebhookEndpoint
from alerts.runbook import Chapter, chapter_url
from alerts.selectors.alerts import list_unresolved
from alerts.selectors.database import read_connections, read_database_size
from alerts.selectors.jobs import Condition, list_jobs, read_activity
from alerts.selectors.notices import list_failing_places
from giftcards.models import ProviderCircuit
from giftcards.selectors.inventory import count_stuck
from giftcards.selectors.orders import count_unknown_orders
from redemption.selectors.figures import count_waiting
from redemption.services.monitors.pools import watch_pools
from redemption.services.stuck import MANY
from sms.selectors.figures import count_arrivals, count_handovers

DAY: Final = timedelta(days=1)
_GIGABYTE: Final = 1_000_000_000
_VERIFY_EVERY: Final = timedelta(hours=26)
# How urgent a colour is.
_RANK: Final = {RED: 0, AMBER: 1, BLUE: 2, GREY: 3, GREEN: 4}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question, its answer, and where to look and what to do."""

    question: str
    value: str
    words: str
    colour: str
    state: str
    url: str
    chapter_url: str

    @property
    def rank(self) -> int:
        return _RANK[self.colour]


_STATES: Final = {RED: "act", AMBER: "look", BLUE: "know", GREY: "no data", GREEN: "well"}


def run_checks(*, now: datetime) -> list[Check]:
    """Answer every question; call it in a snapshot, so that all are of one moment."""
    return [
        *_messages(now),
        *_cards(now),
        *_providers(),
        *_jobs(now),
        *_channels(now),
        *_database(),
        *_proof(now),
        *_troubles(),
    ]


def _check(
    question: str,
    value: object,
    words: str,
    colour: str,
    url: str,
    chapter: Chapter,
) -> Check:
    return Check(
        question=question,
        value=f"{value:,}" if isinstance(value, int) else str(value),
        words=words,
        colour=colour,
        state=_STATES[colour],
        url=url,
        chapter_url=chapter_url(chapter),
    )


def _messages(now: datetime) -> Iterator[Check]:
    thresholds = settings.THRESHOLDS
    taken = count_handovers(since=now - DAY)
    ended = count_arrivals(since=now - DAY)

    def colour_of(good: int, all_of_them: int) -> str:
        if not all_of_them:
            return GREY
        if all_of_them < thresholds.delivery_at_least:
            return GREEN if good == all_of_them else BLUE
        if good * 100 < thresholds.delivery_critical_percent * all_of_them:
            return RED
        is_low = good * 100 < thresholds.delivery_warning_percent * all_of_them
        return AMBER if is_low else GREEN

    tried = taken.accepted + taken.refused
    yield _check(
        "Messages accepted by the carriers",
        _percent(taken.accepted, tried),
        f"{taken.accepted:,} of {tried:,} in 24 hours",
        colour_of(taken.accepted, tried),
        _list("sms_message", state__in="undelivered,failed"),
        Chapter.TEXT_NOT_DELIVERED,
    )
    yield _check(
        "Messages delivered",
        _percent(ended.arrived, ended.ended),
        f"{ended.arrived:,} of {ended.ended:,} whose end is known, in 24 hours",
        colour_of(ended.arrived, ended.ended),
        reverse("report-delivery"),
        Chapter.TEXT_NOT_DELIVERED,
    )


def _cards(now: datetime) -> Iterator[Check]:
    stuck = count_stuck(now=now, after=timedelta(seconds=settings.STUCK_AFTER))
    before = (now - timedelta(seconds=settings.STUCK_AFTER)).isoformat()
    yield _check(
        "Stuck cards",
        stuck,
        "claimed and delivered to nobody" if stuck else "every card is on its way",
        RED if stuck > MANY else AMBER if stuck else GREEN,
        _list("giftcards_giftcard", status="claimed", claimed_at__lt=before),
        Chapter.STUCK_CARD,
    )
    found = list(watch_pools(now=now))
    empty = sum(one.severity == Alert.Severity.CRITICAL for one in found)
    low = sum(one.severity == Alert.Severity.WARNING for one in found)
    yield _check(
        "Low pools",
        empty + low,
        f"{empty:,} empty, {low:,} under their threshold" if empty + low else "all have cards",
        RED if empty else AMBER if low else GREEN,
        reverse("report-inventory"),
        Chapter.EMPTY_POOL,
    )
    waiting = count_waiting()
    yield _check(
        "People who wait for a card",
        waiting,
        "served by themselves when cards come" if waiting else "nobody waits",
        AMBER if waiting else GREEN,
        _list("redemption_pendingreward", served="no"),
        Chapter.EMPTY_POOL,
    )


def _providers() -> Iterator[Check]:
    shut = list(ProviderCircuit.objects.filter(opened_at__isnull=False).order_by("provider"))
    by_hand = [one for one in shut if one.reason == ProviderCircuit.Reason.BY_HAND]
    yield _check(
        "Providers that are not asked",
        len(shut),
        "; ".join(f"{one.provider}: {one.get_reason_display().lower()}" for one in shut)
        or "all answer",
        GREEN if not shut else AMBER if len(by_hand) == len(shut) else RED,
        _list("giftcards_providercircuit"),
        Chapter.PROVIDER_DOWN,
    )
    unknown = count_unknown_orders()
    yield _check(
        "Orders of unknown outcome",
        unknown,
        "a person has to look at each" if unknown else "every order has its end",
        RED if unknown else GREEN,
        _list("giftcards_providerorder", state__exact="unknown"),
        Chapter.PROVIDER_DOWN,
    )


def _jobs(now: datetime) -> Iterator[Check]:
    jobs = list_jobs(now=now)
    late = sum(job.is_late for job in jobs)
    failed = sum(job.has_failed and job.is_on for job in jobs)
    off = sum(job.condition == Condition.OFF for job in jobs)
    is_silent = read_activity(now=now).is_silent
    words = f"{late:,} late, {failed:,} failed, {off:,} switched off, of {len(jobs):,}"
    yield _check(
        "Jobs in trouble",
        late + failed + off,
        "no job runs at all" if is_silent else words,
        RED if late or is_silent else AMBER if failed or off else GREEN if jobs else GREY,
        reverse("admin:jobs"),
        Chapter.JOB_NOT_RUNNING,
    )


def _channels(now: datetime) -> Iterator[Check]:
    places = list_failing_places(now=now)
    yield _check(
        "Places that notices do not reach",
        len(places),
        ", ".join(f"{one.channel} of {one.place}" for one in places) or "all take them",
        RED if places else GREEN,
        _list("alerts_notice"),
        Chapter.WEBHOOK_FAILING,
    )
    state = WebhookEndpoint.State
    failing = WebhookEndpoint.objects.filter(failing_since__isnull=False, state=state.ACTIVE)
    disabled = WebhookEndpoint.objects.filter(flagged_at__isnull=False, state=state.DISABLED)
    count = failing.count() + disabled.count()
    yield _check(
        "Webhook endpoints that fail",
        count,
        "clients do not hear of what happens" if count else "all take their events",
        AMBER if count else GREEN,
        _list("alerts_webhookendpoint"),
        Chapter.WEBHOOK_FAILING,
    )


def _database() -> Iterator[Check]:
    limit = settings.THRESHOLDS.database_gigabytes
    size = read_database_size()
    yield _check(
        "Size of the database",
        f"{size / _GIGABYTE:.2f} GB",
        f"warned of from {limit} GB on" if limit else "no limit is set",
        AMBER if limit and size >= limit * _GIGABYTE else GREEN,
        reverse("admin:monitors"),
        Chapter.SLOW_SYSTEM,
    )
    used, most = read_connections()
    is_full = used * 100 >= settings.THRESHOLDS.connections_percent * most
    yield _check(
        "Connections to the database",
        used,
        f"of {most:,} in use",
        RED if is_full else GREEN,
        reverse("admin:monitors"),
        Chapter.SLOW_SYSTEM,
    )


def _proof(now: datetime) -> Iterator[Check]:
    done = Verification.objects.filter(finished_at__isnull=False).order_by("-asked_at")[:1]
    url = reverse("admin:verify")
    for run in done:
        broken = sum(proof["count"] != 0 for proof in run.proofs)
        is_old = now - run.asked_at > _VERIFY_EVERY
        yield _check(
            "Last proof of the database",
            f"{broken:,} broken" if broken else "sound",
            f"{len(run.proofs):,} invariants on {run.asked_at:%Y-%m-%d %H:%M} UTC"
            + (", more than a day ago" if is_old else ""),
            RED if broken else AMBER if is_old else GREEN,
            url,
            Chapter.LEDGER_DRIFT,
        )
    if not done:
        yield _check(
            "Last proof of the database", "none", "it runs nightly", GREY, url, Chapter.LEDGER_DRIFT
        )


def _troubles() -> Iterator[Check]:
    severities = [alert.severity for alert in list_unresolved()]
    critical = severities.count(Alert.Severity.CRITICAL)
    yield _check(
        "Open alerts",
        len(severities),
        f"{critical:,} critical",
        RED if critical else AMBER if severities else GREEN,
        _list("alerts_alert", state__in="open,acknowledged"),
        Chapter.ROLLBACK_AND_SWITCHES,
    )
    grades = sorted(
        Incident.objects.filter(state__in=Incident.UNRESOLVED).values_list("severity", flat=True)
    )
    yield _check(
        "Open incidents",
        len(grades),
        ", ".join(grades) or "none",
        RED if grades and grades[0] in ("P0", "P1") else AMBER if grades else GREEN,
        _list("alerts_incident"),
        Chapter.ROLLBACK_AND_SWITCHES,
    )


def _percent(part: int, whole: int) -> str:
    # Rounded down: 100 % means all of them.
    return f"{part * 1000 // whole / 10:g} %" if whole else "–"


def _list(model: str, **filters: str) -> str:
    url = reverse(f"admin:{model}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url
