"""The monitor of the database: made slow, full and crowded on purpose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings

from alerts.models import Alert
from alerts.services.database_monitor import grade_connections
from alerts.services.monitor_runs import run_monitors
from alerts.services.monitors import Finding
from tests.alerts.monitoring import facts, look, standing, told, told_by_slack

__all__ = ["told_by_slack"]

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


def connect() -> psycopg.Connection[Any]:
    """Connect as our own role, beside the pool."""
    database = django_settings.DATABASES["default"]
    return psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=connection.settings_dict["NAME"],
    )


@pytest.fixture
def forgetful() -> Iterator[psycopg.Connection[Any]]:
    """A program that began a transaction and went away."""
    held = connect()
    held.execute("SELECT 1")
    yield held
    held.close()


def test_finds_nothing_where_nothing_happens() -> None:
    assert look("database", now=NOW) == []


class TestLongTransactions:
    def test_are_found_until_they_end(
        self, settings: Settings, forgetful: psycopg.Connection[Any]
    ) -> None:
        settings.THRESHOLDS = replace(settings.THRESHOLDS, statement_seconds=0.2)
        time.sleep(0.3)
        assert look("database", now=NOW) == [("slow_statement_running", "warning")]
        assert facts("slow_statement_running") == {"transactions": 1}
        assert told() == [("opened", "warning")]
        forgetful.rollback()
        assert look("database", now=NOW) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_may_take_as_long_as_is_set(self, forgetful: psycopg.Connection[Any]) -> None:
        time.sleep(0.3)
        assert look("database", now=NOW) == []


class TestSize:
    def test_is_told_of_above_what_is_set(self, settings: Settings, monkeypatch: Any) -> None:
        from alerts.services import database_monitor

        settings.THRESHOLDS = replace(settings.THRESHOLDS, database_gigabytes=1)
        assert look("database", now=NOW) == []
        monkeypatch.setattr(database_monitor, "_GIGABYTE", 1_000_000)  # megabytes
        assert look("database", now=NOW) == [("database_size", "warning")]
        settings.THRESHOLDS = replace(settings.THRESHOLDS, database_gigabytes=0)
        assert look("database", now=NOW) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]


class TestConnections:
    # Other tests share the server: what they open and close meanwhile must not decide.

    def test_are_told_of_before_they_are_used_up(self, settings: Settings) -> None:
        def tolerate(percent: int) -> None:
            settings.THRESHOLDS = replace(settings.THRESHOLDS, connections_percent=percent)

        tolerate(100)
        with ExitStack() as stack:
            for _ in range(_most() // 2):
                stack.enter_context(connect())
            assert look("database", now=NOW) == []
            tolerate(45)
            assert look("database", now=NOW) == [("database_connections", "warning")]
        # The server takes a moment to notice that they are gone.
        for _ in range(100):
            run_monitors(now=NOW, names=["database"])
            if standing() == []:
                break
            time.sleep(0.05)
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_that_hover_are_told_of_once(self, settings: Settings) -> None:
        def tolerate(percent: float) -> None:
            settings.THRESHOLDS = replace(
                settings.THRESHOLDS, connections_percent=cast("int", percent)
            )

        with ExitStack() as stack:
            for _ in range(_most() // 2):
                stack.enter_context(connect())
            tolerate(10)
            assert look("database", now=NOW) == [("database_connections", "warning")]
            data = facts("database_connections")
            share = data["used"] * 100 / data["most"]
            # Fewer than are too many, by less than a tenth.
            tolerate(share * 1.02)
            assert look("database", now=NOW) == [("database_connections", "warning")]
            assert told() == [("opened", "warning")]
            tolerate(share * 1.25)
            assert look("database", now=NOW) == []
            # About the same number is not too many for who was not told of it.
            tolerate(share * 1.1)
            assert look("database", now=NOW) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]


def _most() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int"
        )
        (most,) = cursor.fetchone()
    return int(most)


class TestGradeConnections:
    """Of 1,000, with a warning at 80 percent; 95 percent are an emergency."""

    @pytest.mark.parametrize(
        ("standing", "used", "severity"),
        [
            (None, 799, None),
            (None, 800, "warning"),
            (None, 949, "warning"),
            (None, 950, "critical"),
            ("warning", 720, "warning"),
            ("warning", 719, None),
            ("warning", 949, "warning"),
            ("warning", 950, "critical"),
            ("critical", 855, "critical"),
            ("critical", 854, "warning"),
            ("critical", 719, None),
        ],
    )
    def test_holds_what_was_said_until_it_is_a_tenth_better(
        self, settings: Settings, standing: str | None, used: int, severity: str | None
    ) -> None:
        settings.THRESHOLDS = replace(settings.THRESHOLDS, connections_percent=80)
        before = standing and Finding(
            kind="database_connections",
            severity=Alert.Severity(standing),
            subject="",
            dedupe_key="database_connections",
        )
        assert grade_connections(used=used, most=1000, standing=before or None) == severity
