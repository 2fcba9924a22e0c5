"""The status page: what everybody may know, also while the database is away."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Browser

from alerts.models import Alert
from alerts.runbook import Component, Grade
from alerts.selectors.status import KEPT, Health, KeptStatus, read_status
from alerts.services.alerts import resolve_alert
from alerts.services.incidents import describe_incident, mitigate_incident, resolve_incident
from tests.alerts.incidents import make_alert, make_incident, make_operator
from tests.staff import make_platform_admin, sign_in
from tests.world import NOW, build_world

pytestmark = pytest.mark.django_db(transaction=True)
WELL = dict.fromkeys(Component, Health.OPERATIONAL)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    KEPT.forget()
    yield
    KEPT.forget()


def parts() -> dict[Component, Health]:
    return read_status(now=NOW).parts


class TestReadStatus:
    def test_is_well_with_nothing_wrong(self) -> None:
        assert parts() == WELL

    def test_follows_critical_alerts(self) -> None:
        make_alert()
        assert parts() == {**WELL, Component.STOCK: Health.DEGRADED}
        make_alert(kind="all_pools_empty")
        assert parts() == {**WELL, Component.STOCK: Health.DOWN}
        for key in ("out_of_stock:1", "all_pools_empty:1"):
            resolve_alert(dedupe_key=key, now=NOW)
        assert parts() == WELL

    def test_is_not_troubled_by_warnings_and_by_what_touches_nobody(self) -> None:
        make_alert(severity=Alert.Severity.WARNING)
        make_alert(kind="ledger_audit")
        make_alert(kind="weather")
        assert parts() == WELL

    @pytest.mark.parametrize(
        ("severity", "health"),
        [("P0", "down"), ("P1", "degraded"), ("P2", "degraded"), ("P3", "operational")],
    )
    def test_follows_incidents(self, severity: str, health: str) -> None:
        incident = make_incident(
            severity=Grade(severity), components=[Component.DESK, Component.API]
        )
        touched = {Component.DESK: Health(health), Component.API: Health(health)}
        assert parts() == {**WELL, **touched}
        given: dict[str, Any] = {
            "incident_id": incident.pk, "user_id": make_operator().pk, "words": "", "now": NOW,
        }  # fmt: skip
        mitigate_incident(**given)
        expected = Health.OPERATIONAL if severity == "P3" else Health.DEGRADED
        assert parts()[Component.DESK] == expected
        resolve_incident(**given)
        assert parts() == WELL


class TestStatusPage:
    def test_is_open_to_everybody_and_names_no_tenant(self) -> None:
        world = build_world()
        make_alert(client_id=world.client.pk, subject=f"Out of cards: {world.client.name}")
        told = make_incident(title=f"{world.client.name} has no cards", client_id=world.client.pk)
        describe_incident(
            incident_id=told.pk,
            user_id=make_operator().pk,
            changes={"public_title": "Some gift cards are <late>"},
            now=NOW,
        )
        page = Browser().get("/status/")
        assert page.status_code == 200
        assert page["Cache-Control"] == "public, max-age=10"
        # Whoever keeps it for others keeps one for each choice of a language.
        assert {"Accept-Language", "Cookie"} <= set(page["Vary"].split(", "))
        assert "Some gift cards are &lt;late&gt;" in page.text
        assert "Some things are slower than usual" in page.text
        for secret in (world.client.name, told.number, str(world.client.pk), "Out of cards"):
            assert secret not in page.text, secret

    def test_says_nothing_of_what_is_not_public_or_long_over(self) -> None:
        operator = make_operator()
        make_incident(title="Never told")
        old = make_incident(title="x", now=NOW - timedelta(days=20))
        describe_incident(
            incident_id=old.pk, user_id=operator.pk, changes={"public_title": "Old"}, now=NOW
        )
        resolve_incident(
            incident_id=old.pk, user_id=operator.pk, words="", now=NOW - timedelta(days=15)
        )
        assert read_status(now=NOW).news == ()
        assert "Never told" not in Browser().get("/status/").text

    def test_asks_the_database_once_in_ten_seconds(self) -> None:
        browser = Browser()
        assert "Everything is working." in browser.get("/status/").text
        make_alert()
        # Not one statement: the same page once more.
        with connection.execute_wrapper(_refuse):
            assert "Everything is working." in browser.get("/status/").text
        KEPT.forget()
        assert "Some things are slower" in browser.get("/status/").text

    @pytest.mark.parametrize("is_signed_in", [False, True])
    def test_says_so_when_the_database_is_away(self, is_signed_in: bool) -> None:
        browser = sign_in(make_platform_admin()) if is_signed_in else Browser()
        with _database_away():
            page = browser.get("/status/")
        assert page.status_code == 503
        assert page["Cache-Control"] == "no-store"
        assert "No code is lost" in page.text
        for detail in ("psycopg", "connection", "Errno", "postgres"):
            assert detail not in page.text
        KEPT.forget()
        assert browser.get("/status/").status_code == 200

    def test_reads_in_spanish_too(self) -> None:
        assert Browser(headers={"accept-language": "es"}).get("/status/").status_code == 200


class TestKeptStatus:
    def test_is_asked_anew_after_ten_seconds(self) -> None:
        seconds = [0.0]
        kept = KeptStatus(clock=lambda: seconds[0])
        first = kept.look(now=NOW)
        make_alert()
        seconds[0] = 9.9
        assert kept.look(now=NOW) is first
        seconds[0] = 10.0
        assert kept.look(now=NOW).parts[Component.STOCK] == Health.DEGRADED


def _refuse(*_: Any) -> Any:
    raise AssertionError("the database was asked")


@dataclasses.dataclass
class _database_away:  # noqa: N801  reads as what it makes
    """Point the connection at a port where nobody listens."""

    def __enter__(self) -> None:
        connection.close()
        self.kept = dict(connection.settings_dict)
        self.options = dict(connection.settings_dict["OPTIONS"])
        connection.settings_dict["PORT"] = "1"
        connection.settings_dict["HOST"] = "127.0.0.1"
        connection.settings_dict["OPTIONS"].pop("pool", None)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=1, user=settings.DATABASES["default"]["USER"])

    def __exit__(self, *_: object) -> None:
        connection.close()
        connection.settings_dict.update(self.kept)
        connection.settings_dict["OPTIONS"] = self.options
