"""What a monitoring system may know of Giftline, as Prometheus reads it.

Note [Metrics]
Everything is read when it is asked for, from PostgreSQL and from Redis, where it stands for all
processes together (docs/adr/0021). The figures are of the last hour or of now, never counted up
since some start. Each is read by an index, however much lies in the tables; nothing takes part
that names a person, a code or a card. An answer is kept for some seconds: several systems may
ask, and one that asks too often asks for nothing.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import Redis, RedisError

from alerts.scope import EVERYTHING, seeing
from alerts.selectors.jobs import list_jobs
from alerts.transactions import snapshot
from credit.models import Account
from credit.selectors.balances import account_facts

KEPT_SECONDS: Final = 10.0
_STATEMENT_SECONDS: Final = 5
_HOUR: Final = timedelta(hours=1)
_CLAIMS: Final = timedelta(minutes=15)
_DAY: Final = timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A gauge and the statement whose rows are its labels' values and, last, its own.

    :param since: how far back it looks; the statement's ``%(since)s``.
    """

    name: str
    words: str
    labels: tuple[str, ...] = ()
    sql: str
    since: timedelta = _HOUR


READINGS: Final = (
    Reading(
        name="giftline_redemptions_last_hour",
        words="Redemptions of the last hour by the door they came by and what became of them.",
        labels=("door", "outcome"),
        sql="""
            SELECT recent.door, recent.state, count(*) FROM credit_client, LATERAL (
                SELECT door, state FROM redemption_redemption
                WHERE client_id = credit_client.id AND created_at > %(since)s AND NOT is_test
            ) AS recent GROUP BY 1, 2
        """,
    ),
    Reading(
        name="giftline_refusals_last_hour",
        words="Attempts to redeem that were refused in the last hour, by error code.",
        labels=("code",),
        sql="SELECT * FROM redemption_metric_refusals(%(since)s)",
    ),
    Reading(
        name="giftline_claim_seconds",
        words="How long the claim of a card took in the last 15 minutes, waits included.",
        labels=("quantile",),
        since=_CLAIMS,
        sql="SELECT * FROM redemption_metric_claims(%(since)s)",
    ),
    Reading(
        name="giftline_queue_rows",
        words="Rows that wait for a worker, by what they are; due or not.",
        labels=("queue",),
        sql="""
            SELECT 'messages', count(*) FROM sms_message WHERE next_attempt_at IS NOT NULL
            UNION ALL SELECT 'orders', count(*) FROM giftcards_providerorder
                WHERE state = 'requested'
            UNION ALL SELECT 'orders_unknown', count(*) FROM giftcards_providerorder
                WHERE state = 'unknown'
            UNION ALL SELECT 'notices', count(*) FROM alerts_notice WHERE state = 'queued'
            UNION ALL SELECT 'webhooks', count(*) FROM alerts_webhookdelivery
                WHERE next_attempt_at IS NOT NULL
            UNION ALL SELECT waits.state, count(r.id) FROM unnest(
                ARRAY['waiting_stock', 'waiting_opt_in', 'waiting_approval']) AS waits (state)
                LEFT JOIN redemption_redemption r ON r.state = waits.state
                    AND r.state IN ('waiting_stock', 'waiting_opt_in', 'waiting_approval')
                GROUP BY 1
        """,
    ),
    Reading(
        name="giftline_oldest_due_message_seconds",
        words="How long the message that is due for longest has been due; 0: none is.",
        sql="""
            SELECT coalesce(extract(epoch FROM greatest(now() - min(next_attempt_at),
                interval '0')), 0)
            FROM sms_message WHERE next_attempt_at IS NOT NULL
        """,
    ),
    Reading(
        name="giftline_messages_last_day",
        words="Messages of the last 24 hours by channel and state.",
        labels=("channel", "state"),
        since=_DAY,
        sql="""
            SELECT channel, state, count(*) FROM sms_message
            WHERE created_at > %(since)s GROUP BY 1, 2
        """,
    ),
    Reading(
        name="giftline_provider_answers_last_hour",
        words="Answers of card providers in the last hour by what they said.",
        labels=("provider", "asked", "outcome"),
        sql="SELECT * FROM redemption_metric_provider_answers(%(since)s)",
    ),
    Reading(
        name="giftline_provider_circuit_open",
        words="1 while nothing is asked of a card provider.",
        labels=("provider",),
        sql="SELECT provider, (opened_at IS NOT NULL)::int FROM giftcards_providercircuit",
    ),
    Reading(
        name="giftline_pool_cards_available",
        words="Cards in stock by pool.",
        labels=("pool", "name"),
        sql="SELECT * FROM redemption_metric_stock()",
    ),
    Reading(
        name="giftline_alerts_open",
        words="Alerts that are not resolved, by severity.",
        labels=("severity",),
        sql="""
            SELECT severities.name, count(alert.id)
            FROM unnest(ARRAY['critical', 'warning', 'info']) AS severities (name)
                LEFT JOIN alerts_alert alert ON alert.severity = severities.name
                    AND alert.state IN ('open', 'acknowledged')
            GROUP BY 1
        """,
    ),
)


class DatabaseCollector(Collector):
    """Reads everything as of one moment when it is asked."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with seeing(EVERYTHING), snapshot(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [f"{_STATEMENT_SECONDS}s"]
            )
            families = [_read(cursor, reading, self._now) for reading in READINGS]
            families += [*_balances(), *_jobs(self._now)]
        yield from families
        yield from _broker()


def _read(cursor: Any, reading: Reading, now: datetime) -> GaugeMetricFamily:
    family = GaugeMetricFamily(reading.name, reading.words, labels=reading.labels)
    cursor.execute(reading.sql, {"since": now - reading.since})
    for *labels, value in cursor.fetchall():
        family.add_metric([str(each) for each in labels], float(value))
    return family


def _balances() -> Iterator[GaugeMetricFamily]:
    low = GaugeMetricFamily(
        "giftline_accounts_under_threshold", "Accounts that hold less than they should."
    )
    watched = Account.objects.filter(low_balance_threshold_minor__isnull=False)
    low.add_metric([], sum(facts.is_low for facts in account_facts(watched)))
    yield low


def _jobs(now: datetime) -> Iterator[GaugeMetricFamily]:
    succeeded = GaugeMetricFamily(
        "giftline_job_last_success_timestamp_seconds", "When a job last succeeded.", labels=["job"]
    )
    condition = GaugeMetricFamily(
        "giftline_job_condition", "1 for how a job is.", labels=["job", "condition"]
    )
    for state in list_jobs(now=now):
        if state.lease.succeeded_at is not None:
            succeeded.add_metric([state.name], state.lease.succeeded_at.timestamp())
        condition.add_metric([state.name, state.condition.replace(" ", "_")], 1)
    yield succeeded
    yield condition


def _broker() -> Iterator[GaugeMetricFamily]:
    up = GaugeMetricFamily("giftline_redis_up", "1 while Redis answers.")
    rings = GaugeMetricFamily("giftline_broker_rings", "Rings that no worker has heard yet.")
    try:
        with Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=0.3, socket_timeout=0.5
        ) as redis:
            waiting: Any = redis.llen(settings.CELERY_TASK_DEFAULT_QUEUE)
    except RedisError:
        up.add_metric([], 0)
    else:
        up.add_metric([], 1)
        rings.add_metric([], waiting)
    yield up
    yield rings


def print_metrics(*, now: datetime) -> bytes:
    """Return all figures in Prometheus' text format.

    :raises DatabaseError: PostgreSQL does not answer, or not in time.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DatabaseCollector(now=now))
    return generate_latest(registry)


class Keeper:
    """An answer that serves all who ask within some seconds; one at a time makes a new one."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made_at = float("-inf")
        self._answer = b""

    def get(self) -> bytes:
        with self._lock:
            if time.monotonic() - self._made_at > KEPT_SECONDS:
                self._answer = self._make()
                self._made_at = time.monotonic()
            return self._answer

    def forget(self) -> None:
        with self._lock:
            self._made_at = float("-inf")
