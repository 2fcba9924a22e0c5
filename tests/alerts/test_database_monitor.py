"""The monitor of the database: made slow, full and crowded on purpose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings

from tests.alerts.monitoring import facts, look, told, told_by_slack

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
    def test_are_told_of_before_they_are_used_up(self, settings: Settings) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('max_connections')::int"
                " - current_setting('superuser_reserved_connections')::int"
            )
            (most,) = cursor.fetchone()
        settings.THRESHOLDS = replace(settings.THRESHOLDS, connections_percent=15)
        assert look("database", now=NOW) == []
        with ExitStack() as stack:
            for _ in range(most * 15 // 100 + 1):
                stack.enter_context(connect())
            assert look("database", now=NOW) == [("database_connections", "warning")]
        for _ in range(50):
            if look("database", now=NOW) == []:
                break
            time.sleep(0.05)
        assert told() == [("opened", "warning"), ("resolved", "warning")]
