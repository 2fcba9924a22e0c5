"""The monitors in the admin and on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser

from alerts.admin.monitors import ALERTS_SHOWN
from alerts.models import Alert, MonitorRun
from alerts.scope import EVERYTHING, NOTHING, seeing
from alerts.services.alerts import raise_alert
from alerts.services.monitors import list_monitors
from alerts.tasks import run_monitors as task
from tests.staff import make_platform_admin, make_user
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    """An active campaign that draws on an empty pool."""
    return build_world()


@pytest.fixture
def browser() -> Browser:
    browser = Browser()
    browser.force_login(make_platform_admin())
    return browser


class TestPage:
    def test_names_every_monitor_before_one_has_run(self, browser: Browser) -> None:
        page = browser.get("/admin/monitors/").content.decode()
        assert "They have not run yet" in page
        for name in list_monitors():
            assert name in page

    def test_runs_them_by_the_button_and_shows_what_was_found(
        self, world: World, browser: Browser
    ) -> None:
        response = browser.post("/admin/monitors/", follow=True)
        assert response.redirect_chain == [("/admin/monitors/", 302)]
        page = response.content.decode()
        alert = Alert.objects.get(kind="pool_empty")
        assert "Acorn pool is empty" in page
        assert f"/admin/alerts/alert/{alert.pk}/change/" in page
        assert "/admin/runbook/#empty-pool" in page
        assert " new." in page
        assert MonitorRun.objects.get().state == "done"

    def test_shows_some_of_many_alerts_and_leads_to_the_rest(self, browser: Browser) -> None:
        for number in range(ALERTS_SHOWN + 2):
            raise_alert(
                kind="pool_low",
                severity=Alert.Severity.WARNING,
                subject=f"Pool {number:02} runs low",
                dedupe_key=f"pool_stock:{number}",
                monitor="csv_pools",
                now=datetime(2026, 3, 20, 9, number, tzinfo=UTC),
            )
        page = browser.get("/admin/monitors/")
        text = page.content.decode()
        # The latest first.
        assert f"Pool {ALERTS_SHOWN + 1:02} runs low" in text
        assert "Pool 02 runs low" in text
        assert "Pool 01 runs low" not in text
        assert "and 2 more" in text
        (watch,) = [one for one in page.context["watches"] if one.name == "csv_pools"]
        rest = browser.get(watch.alerts_url).content.decode()
        assert "Pool 00 runs low" in rest
        assert "Pool 21 runs low" in rest

    def test_looks_without_running_anything(self, world: World, browser: Browser) -> None:
        browser.get("/admin/monitors/")
        assert not MonitorRun.objects.exists()
        assert not Alert.objects.exists()

    def test_is_for_those_who_may_see_the_admin(self, world: World) -> None:
        stranger = Browser()
        stranger.force_login(make_user())
        for answer in (stranger.post("/admin/monitors/"), Browser().post("/admin/monitors/")):
            assert answer.status_code in (302, 403, 404)
        assert not MonitorRun.objects.exists()


class TestCommand:
    def test_prints_what_each_finds(self, world: World) -> None:
        out = StringIO()
        with seeing(NOTHING):
            call_command("run_monitors", stdout=out)
        assert "    1 csv_pools" in out.getvalue()
        assert "critical Acorn pool is empty (since " in out.getvalue()

    def test_runs_only_what_is_asked_for(self, world: World) -> None:
        out = StringIO()
        call_command("run_monitors", "--only", "ledger", "--json", stdout=out)
        printed = json.loads(out.getvalue())
        assert printed["breakdown"] == {"ledger": 0}
        assert (printed["alerts_generated"], printed["alerts"]) == (0, [])
        assert not Alert.objects.exists()

    def test_says_which_there_are(self) -> None:
        with pytest.raises(CommandError, match="no monitor moon, only: csv_pools"):
            call_command("run_monitors", "--only", "moon")


class TestTask:
    def test_runs_them_all(self, world: World) -> None:
        result = task()
        assert result is not None
        assert set(result.breakdown) == set(list_monitors())
        assert Alert.objects.filter(kind="pool_empty").exists()

    def test_leaves_it_to_whoever_runs_them_already(self, world: World) -> None:
        now = datetime.now(UTC)
        with seeing(EVERYTHING):
            MonitorRun.objects.create(
                state="running", started_at=now, leased_until=now + timedelta(minutes=1)
            )
        assert task() is None
        assert not Alert.objects.exists()
