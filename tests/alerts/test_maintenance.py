"""Cleaning up the busy tables, by whoever may."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections

from alerts.models import Alert
from alerts.services.maintenance import KEY, Maintenance, vacuum_tables
from tests.guards.raw import as_owner

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.two_roles,
]

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
ALL = len(settings.BUSY_TABLES)


@pytest.fixture
def no_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker be given the runtime role alone."""
    role = connection.settings_dict["USER"]
    monkeypatch.setitem(connections["owner"].settings_dict, "USER", role)


def counted(column: str) -> dict[str, int]:
    """Return how often each busy table was vacuumed or analyzed by hand."""
    with as_owner() as database:
        database.execute("SELECT pg_stat_force_next_flush()")
        rows = database.execute(
            f"SELECT relname, {column} FROM pg_stat_user_tables WHERE relname = ANY (%s)",
            [list(settings.BUSY_TABLES)],
        )
        return dict(rows.fetchall())


def gained(before: dict[str, int], after: dict[str, int]) -> set[int]:
    return {after[table] - before[table] for table in before}


class TestVacuumTables:
    def test_cleans_up_every_busy_table_as_the_owner(self) -> None:
        before = counted("vacuum_count")
        assert len(before) == ALL
        assert vacuum_tables(now=NOW) == Maintenance(vacuumed=ALL)
        assert gained(before, counted("vacuum_count")) == {1}
        assert not Alert.objects.exists()

    @pytest.mark.usefixtures("no_owner")
    def test_measures_them_and_says_so_where_it_may_not(self) -> None:
        before, cleaned = counted("analyze_count"), counted("vacuum_count")
        assert vacuum_tables(now=NOW) == Maintenance(analyzed=ALL)
        assert gained(before, counted("analyze_count")) == {1}
        assert gained(cleaned, counted("vacuum_count")) == {0}
        assert list(Alert.objects.values_list("dedupe_key", "severity", "state")) == [
            (KEY, "info", "open")
        ]

    def test_takes_that_back_once_it_may(self, no_owner: None, monkeypatch: Any) -> None:
        vacuum_tables(now=NOW)
        monkeypatch.undo()
        vacuum_tables(now=NOW)
        assert Alert.objects.get().state == "resolved"

    def test_the_role_may_not_by_itself(self) -> None:
        """The control: what the owner's connection is for."""
        before = counted("vacuum_count")
        with connection.cursor() as cursor:
            cursor.execute(f'VACUUM "{settings.BUSY_TABLES[0]}"')
        assert gained(before, counted("vacuum_count")) == {0}
