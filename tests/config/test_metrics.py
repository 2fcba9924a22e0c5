from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from alerts.models import Alert, RungBy
from alerts.scope import NOTHING, seeing
from alerts.services.alerts import raise_alert
from alerts.services.jobs import run_job
from config import metrics_page
from config.metrics import READINGS, print_metrics
from credit.models import Account
from tests.alerts.jobbing import JOB, make_job, ring
from tests.redemption.asking import ask
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "a-long-token-of-the-monitoring-system"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def token(settings: Settings) -> Iterator[None]:
    settings.METRICS_TOKEN = TOKEN
    metrics_page.KEEPER.forget()
    yield
    metrics_page.KEEPER.forget()


@pytest.fixture
def world() -> World:
    return build_world()


def parse(text: str) -> Figures:
    """Read an answer as Prometheus does."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figures(*, now: datetime = NOW + timedelta(minutes=1)) -> Figures:
    return parse(print_metrics(now=now).decode())


def figure(metric: str, **labels: Any) -> float | None:
    found = {name: str(value) for name, value in labels.items()}
    return figures().get((metric, tuple(sorted(found.items()))))


class TestPrintMetrics:
    def test_tells_redemptions_by_door_and_outcome(self, world: World) -> None:
        world.stock(2)
        for code in world.invite(2):
            ask(code)
        ask(world.invite()[0])
        name = "giftline_redemptions_last_hour"
        found = {labels: value for (each, labels), value in figures().items() if each == name}
        assert sum(found.values()) == 3
        assert {dict(labels)["outcome"] for labels in found} == {"issued", "waiting_stock"}
        assert figure("giftline_queue_rows", queue="waiting_stock") == 1
        assert figure("giftline_queue_rows", queue="messages") == 3  # one is told to wait
        assert figure("giftline_messages_last_day", channel="sms", state="queued") == 3

    def test_tells_how_long_claims_take(self, world: World) -> None:
        world.stock(1)
        ask(world.invite()[0])
        seconds = figure("giftline_claim_seconds", quantile="0.95")
        assert seconds is not None
        assert 0 <= seconds < 20

    def test_tells_stock_and_balances(self, world: World) -> None:
        world.stock(3)
        ask(world.invite()[0])
        pool = world.pool
        name = "giftline_pool_cards_available"
        assert figure(name, pool=pool.pk, name=pool.name) == 2
        assert figure("giftline_accounts_under_threshold") == 0
        Account.objects.filter(pk=world.account.pk).update(low_balance_threshold_minor=10**9)
        assert figure("giftline_accounts_under_threshold") == 1

    def test_tells_open_alerts_by_severity(self) -> None:
        assert figure("giftline_alerts_open", severity="critical") == 0
        raise_alert(
            kind="x",
            severity=Alert.Severity.CRITICAL,
            subject="x",
            dedupe_key="x",
            now=datetime.now(UTC),
        )
        assert figure("giftline_alerts_open", severity="critical") == 1
        assert figure("giftline_alerts_open", severity="info") == 0

    def test_tells_when_jobs_succeeded(self) -> None:
        make_job()
        name = "giftline_job_last_success_timestamp_seconds"
        assert figure(name, job=JOB) is None
        run_job(ring=ring(RungBy.PERSON), work=lambda: 1)
        at = figure(name, job=JOB)
        assert at is not None
        assert at == pytest.approx(datetime.now(UTC).timestamp(), abs=60)
        assert figure("giftline_job_condition", job=JOB, condition="ok") == 1

    def test_does_without_redis(self, settings: Settings) -> None:
        assert figure("giftline_redis_up") == 1
        assert figure("giftline_broker_rings") is not None
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert figure("giftline_redis_up") == 0
        assert figure("giftline_broker_rings") is None

    def test_has_every_reading_and_sees_every_client(self, world: World) -> None:
        world.stock(1)
        ask(world.invite()[0])
        with seeing(NOTHING):
            text = print_metrics(now=NOW + timedelta(minutes=1)).decode()
        for reading in READINGS:
            assert f"# TYPE {reading.name} gauge" in text
        assert 'outcome="issued"' in text

    def test_names_no_person_and_no_code(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        ask(code)
        text = print_metrics(now=NOW + timedelta(minutes=1)).decode()
        assert code not in text
        assert not re.search(r"\+1206", text)

    def test_reads_no_large_table_from_end_to_end(self, world: World) -> None:
        # What the planner does with empty tables says nothing: it may not walk through them.
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            plans = {}
            for reading in READINGS:
                cursor.execute(
                    f"EXPLAIN {reading.sql}", {"since": datetime.now(UTC) - timedelta(hours=1)}
                )
                plans[reading.name] = "\n".join(row[0] for row in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
        large = (
            "redemption_redemption|redemption_provisioningtrace|sms_message|giftcards_giftcard"
            "|giftcards_providerorderevent|giftcards_providerorder|alerts_webhookdelivery"
        )
        walked = {
            name: plan
            for name, plan in plans.items()
            if re.search(rf"Seq Scan on ({large})\b", plan)
        }
        assert walked == {}, walked


class TestMetrics:
    def test_are_for_whoever_has_the_token(self) -> None:
        answer = Browser().get("/metrics", headers=BEARER)
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=")
        assert "giftline_redis_up" in {name for name, _ in parse(answer.content.decode())}

    @pytest.mark.parametrize(
        "given", ["", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}é"]
    )
    def test_are_for_nobody_else(self, given: str) -> None:
        answer = Browser().get("/metrics", headers={"Authorization": given} if given else {})
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="metrics"')
        assert b"giftline" not in answer.content

    def test_are_not_there_without_a_token(self, settings: Settings) -> None:
        settings.METRICS_TOKEN = ""
        for headers in ({}, {"Authorization": "Bearer "}, BEARER):
            assert Browser().get("/metrics", headers=headers).status_code == 404

    def test_are_read_once_for_all_who_ask_at_a_time(self) -> None:
        Browser().get("/metrics", headers=BEARER)
        with CaptureQueriesContext(connection) as asked:
            for _ in range(20):
                assert Browser().get("/metrics", headers=BEARER).status_code == 200
        assert len(asked) == 0

    def test_change_nothing(self) -> None:
        assert Browser().post("/metrics", headers=BEARER).status_code == 405
