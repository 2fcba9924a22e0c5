"""Running the monitors: alerts opened, kept, made graver or milder, and resolved."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from pytest_django import Settings

from alerts.models import Alert, MonitorRun, Notice
from alerts.services.alerts import acknowledge_alert, raise_alert, resolve_alert
from alerts.services.monitor_runs import MonitorsRunningError, run_monitors
from alerts.services.monitors import Finding
from tests.alerts import watching
from tests.alerts.watching import TIDES, WEATHER
from tests.races import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
SEVERITY = Alert.Severity


@pytest.fixture(autouse=True)
def two_monitors(settings: Settings) -> Iterator[None]:
    settings.MONITORS = (
        "tests.alerts.watching.watch_weather",
        "tests.alerts.watching.watch_tides",
    )
    settings.ALERT_SLACK_WEBHOOK_URL = "http://127.0.0.1:9/unused"
    yield
    WEATHER.clear()
    TIDES.clear()


def storm(**changes: Any) -> Finding:
    given: dict[str, Any] = {
        "kind": "storm",
        "severity": SEVERITY.WARNING,
        "subject": "A storm comes",
        "dedupe_key": "storm:1",
    }
    return Finding(**{**given, **changes})


def standing() -> list[tuple[str, str, str, int]]:
    alerts = Alert.objects.exclude(state="resolved").order_by("dedupe_key")
    return list(alerts.values_list("dedupe_key", "monitor", "severity", "count"))


def told() -> list[tuple[str, str]]:
    return list(Notice.objects.order_by("pk").values_list("event", "severity"))


class TestRunMonitors:
    def test_finds_nothing_where_nothing_is_wrong(self) -> None:
        result = run_monitors(now=NOW)
        assert (result.alerts_generated, result.alerts) == (0, [])
        assert result.breakdown == {"weather": 0, "tides": 0}
        assert not Alert.objects.exists()
        assert not Notice.objects.exists()

    def test_opens_one_alert_and_tells_of_it_once_however_often_it_runs(self) -> None:
        client_id = uuid4()
        WEATHER.append(storm(client_id=client_id, data={"wind": 9}, message="Stay in."))
        first = run_monitors(now=NOW)
        second = run_monitors(now=LATER)
        assert (first.alerts_generated, second.alerts_generated) == (1, 0)
        assert first.breakdown == second.breakdown == {"weather": 1, "tides": 0}
        assert standing() == [("storm:1", "weather", "warning", 2)]
        assert told() == [("opened", "warning")]
        alert = Alert.objects.get()
        assert (alert.client_id, alert.data, alert.message) == (client_id, {"wind": 9}, "Stay in.")
        assert first.alerts == [
            {
                "id": str(alert.pk),
                "kind": "storm",
                "severity": "warning",
                "subject": "A storm comes",
                "message": "Stay in.",
                "data": {"wind": 9},
                "dedupe_key": "storm:1",
                "state": "open",
                "count": 1,
                "first_seen_at": "2026-03-02T15:30:00Z",
                "last_seen_at": "2026-03-02T15:30:00Z",
            }
        ]

    def test_keeps_no_copy_of_the_alerts_where_nobody_asks_again(self) -> None:
        WEATHER.append(storm())
        assert len(run_monitors(now=NOW).alerts) == 1
        kept = MonitorRun.objects.get()
        assert (kept.breakdown, kept.alerts) == ({"weather": 1, "tides": 0}, [])

    def test_resolves_what_is_over_and_says_so_once(self) -> None:
        WEATHER.append(storm())
        run_monitors(now=NOW)
        WEATHER.clear()
        run_monitors(now=LATER)
        run_monitors(now=LATER)
        assert standing() == []
        assert Alert.objects.get().resolved_at == LATER
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_tells_again_when_it_gets_graver_even_of_what_was_acknowledged(self) -> None:
        WEATHER.append(storm())
        run_monitors(now=NOW)
        acknowledge_alert(alert_id=Alert.objects.get().pk, user_id=uuid4(), now=NOW)
        WEATHER[:] = [storm(severity=SEVERITY.CRITICAL)]
        run_monitors(now=LATER)
        assert standing() == [("storm:1", "weather", "critical", 2)]
        assert Alert.objects.get().state == "open"
        assert told() == [("opened", "warning"), ("escalated", "critical")]

    def test_says_what_is_left_when_it_gets_milder_and_tells_of_the_next_rise(self) -> None:
        WEATHER[:] = [storm(severity=SEVERITY.CRITICAL)]
        run_monitors(now=NOW)
        WEATHER[:] = [storm()]
        run_monitors(now=LATER)
        assert standing() == [("storm:1", "weather", "warning", 1)]
        assert told() == [("opened", "critical"), ("resolved", "critical"), ("opened", "warning")]
        WEATHER[:] = [storm(severity=SEVERITY.CRITICAL)]
        run_monitors(now=LATER)
        assert standing() == [("storm:1", "weather", "critical", 2)]
        assert told()[3:] == [("escalated", "critical")]

    def test_leaves_the_others_to_their_work_when_one_fails(self) -> None:
        WEATHER.append(storm())
        run_monitors(now=NOW)
        WEATHER[:] = [ValueError("the code of the storm is SECRET-1")]
        TIDES.append(storm(dedupe_key="tide:1"))
        result = run_monitors(now=LATER)
        assert result.breakdown == {"weather": 1, "tides": 1}
        # What the broken one has found before stands: nobody knows whether it is over.
        assert standing() == [
            ("monitor_failed:weather", "weather", "critical", 1),
            ("storm:1", "weather", "warning", 1),
            ("tide:1", "tides", "warning", 1),
        ]
        failure = Alert.objects.get(kind="monitor_failed")
        assert "ValueError" in failure.message
        assert "SECRET" not in f"{failure.subject} {failure.message} {failure.data}"
        WEATHER.clear()
        run_monitors(now=LATER)
        assert standing() == [("tide:1", "tides", "warning", 2)]

    def test_goes_on_after_a_statement_that_the_database_refused(self) -> None:
        WEATHER.append(DatabaseError("gone"))
        TIDES.append(storm(dedupe_key="tide:1"))
        run_monitors(now=NOW)
        assert [key for key, *_ in standing()] == ["monitor_failed:weather", "tide:1"]

    def test_takes_over_what_was_raised_as_it_happened_and_ends_it(self) -> None:
        raise_alert(
            kind="storm", severity=SEVERITY.WARNING, subject="x", dedupe_key="storm:1", now=NOW
        )
        WEATHER.append(storm())
        result = run_monitors(now=LATER)
        assert result.alerts_generated == 0
        assert standing() == [("storm:1", "weather", "warning", 2)]
        WEATHER.clear()
        run_monitors(now=LATER)
        assert standing() == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_leaves_alone_what_it_never_found(self) -> None:
        raise_alert(
            kind="storm", severity=SEVERITY.WARNING, subject="x", dedupe_key="storm:9", now=NOW
        )
        run_monitors(now=LATER)
        assert standing() == [("storm:9", "", "warning", 1)]

    def test_leaves_to_the_next_run_what_was_raised_after_it_began(self) -> None:
        WEATHER.append(storm())
        run_monitors(now=NOW)
        WEATHER.clear()
        raise_alert(
            kind="storm", severity=SEVERITY.WARNING, subject="x", dedupe_key="storm:1", now=LATER
        )
        run_monitors(now=LATER - timedelta(seconds=1))
        assert len(standing()) == 1
        run_monitors(now=LATER)
        assert standing() == []

    def test_opens_anew_what_somebody_resolved_though_it_holds(self) -> None:
        WEATHER.append(storm())
        run_monitors(now=NOW)
        resolve_alert(dedupe_key="storm:1", now=NOW)
        assert run_monitors(now=LATER).alerts_generated == 1
        assert Alert.objects.count() == 2

    def test_runs_only_those_that_are_named_and_touches_no_other_alert(self) -> None:
        WEATHER.append(storm())
        TIDES.append(storm(dedupe_key="tide:1"))
        run_monitors(now=NOW)
        WEATHER.clear()
        TIDES.clear()
        assert run_monitors(now=LATER, names=["tides"]).breakdown == {"tides": 0}
        assert [key for key, *_ in standing()] == ["storm:1"]

    def test_knows_its_monitors(self) -> None:
        with pytest.raises(KeyError):
            run_monitors(now=NOW, names=["comets"])
        assert not MonitorRun.objects.exists()

    def test_lets_no_monitor_write(self, settings: Settings) -> None:
        settings.MONITORS = ("tests.alerts.watching.watch_and_write",)
        run_monitors(now=NOW)
        assert [key for key, *_ in standing()] == ["monitor_failed:writer"]
        assert not Alert.objects.filter(kind="written").exists()

    def test_keeps_a_week_of_runs(self) -> None:
        run_monitors(now=NOW - timedelta(days=8))
        result = run_monitors(now=NOW)
        run = MonitorRun.objects.get()
        assert (run.pk, run.state, run.started_at) == (result.run_id, "done", NOW)
        assert run.duration_ms == result.duration_ms


class TestTwoRunsAtOnce:
    def test_one_waits_for_the_other_and_opens_nothing_twice(self) -> None:
        WEATHER.extend(storm(dedupe_key=f"storm:{number}") for number in range(5))
        answers = run_at_once(6, lambda: run_monitors(now=NOW, wait_seconds=20))
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert sorted(
            answer.alerts_generated for answer in answers if not isinstance(answer, Exception)
        ) == [0, 0, 0, 0, 0, 5]
        assert Alert.objects.count() == 5
        assert told() == [("opened", "warning")] * 5
        assert MonitorRun.objects.filter(state="done").count() == 6

    def test_who_does_not_wait_is_sent_away_and_has_done_nothing(self, settings: Settings) -> None:
        settings.MONITORS = ("tests.alerts.watching.watch_slowly",)
        watching.ENTERED.clear()
        watching.MAY_LEAVE.clear()
        answers: list[Any] = []

        def run() -> None:
            try:
                answers.append(run_monitors(now=NOW))
            finally:
                connection.close()

        first = threading.Thread(target=run)
        first.start()
        try:
            assert watching.ENTERED.wait(20)
            with pytest.raises(MonitorsRunningError):
                run_monitors(now=NOW)
            assert MonitorRun.objects.count() == 1
        finally:
            watching.MAY_LEAVE.set()
            first.join(20)
        assert answers[0].breakdown == {"slow": 0}

    def test_without_the_lease_there_is_still_no_second_alert(self, monkeypatch: Any) -> None:
        """Two leases at once, as after one that ran out: the alerts' own index decides."""
        from alerts.services import monitor_runs

        monkeypatch.setattr(monitor_runs, "_begin", lambda **_: uuid4())
        monkeypatch.setattr(monitor_runs, "_prolong", lambda _: None)
        WEATHER.extend(storm(dedupe_key=f"storm:{number}") for number in range(5))
        answers = run_at_once(6, lambda: run_monitors(now=NOW))
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert Alert.objects.count() == 5
        assert told() == [("opened", "warning")] * 5

    def test_the_harness_can_lose(self) -> None:
        """The control: who looks first and opens then, without the index's word, opens two."""
        looked = threading.Barrier(6)

        def look_then_open() -> None:
            assert not Alert.objects.filter(kind="storm").exists()
            looked.wait(timeout=20)
            Alert.objects.create(
                kind="storm", severity="info", subject="x", dedupe_key=f"storm:{uuid4()}"
            )

        answers = run_at_once(6, look_then_open)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert Alert.objects.count() == 6

    def test_gives_up_a_run_that_died(self) -> None:
        dead = MonitorRun.objects.create(
            state="running", started_at=NOW, leased_until=datetime.now(UTC) - timedelta(seconds=1)
        )
        run_monitors(now=NOW)
        dead.refresh_from_db()
        assert dead.state == "broken_off"
        assert MonitorRun.objects.filter(state="done").count() == 1
