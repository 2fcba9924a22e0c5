"""Incidents: numbered once, gone through step by step, each step written down."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError

from alerts.errors import ValidationFailedError
from alerts.models import ActionItem, Incident
from alerts.runbook import Component, Grade
from alerts.selectors.impact import Affected
from alerts.selectors.incidents import (
    duration_words,
    find_response,
    grade_by_revenue,
    suggest_incident_grade,
)
from alerts.services.action_items import add_action_item, finish_action_item
from alerts.services.alerts import acknowledge_alert, resolve_alert
from alerts.services.incidents import (
    IncidentStateError,
    acknowledge_incident,
    describe_incident,
    mitigate_incident,
    note_incident,
    open_incident_from_alert,
    reopen_incident,
    resolve_incident,
)
from alerts.transactions import transaction
from tests.alerts.incidents import (
    make_alert,
    make_chain,
    make_incident,
    make_operator,
    timeline,
    told,
)
from tests.races import run_at_once
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY = Affected(
    customers=0, failed=0, waiting=0, undelivered=0, asked=0, served=0, pools=0, empty_pools=0
)


def after(**span: float) -> Any:
    return NOW + timedelta(**span)


class TestOpenIncident:
    def test_numbers_those_of_a_day_from_one(self) -> None:
        numbers = [make_incident(now=now).number for now in (NOW, NOW, after(days=1))]
        assert numbers == ["INC-20260302-001", "INC-20260302-002", "INC-20260303-001"]

    def test_gives_twenty_at_once_twenty_numbers(self) -> None:
        made = run_at_once(20, make_incident)
        assert all(isinstance(one, Incident) for one in made), made
        assert sorted(Incident.objects.values_list("number", flat=True)) == [
            f"INC-20260302-{number:03}" for number in range(1, 21)
        ]

    def test_would_lose_by_looking_how_many_there_are(self) -> None:
        # The control: counting first and writing then meets the constraint, which holds.
        counted = threading.Barrier(20)

        def make_by_counting() -> Incident:
            with transaction():
                number = f"INC-20260302-{Incident.objects.count() + 1:03}"
                counted.wait(timeout=20)
                return Incident.objects.create(
                    number=number, title="x", severity="P3", started_at=NOW, detected_at=NOW,
                    round_began_at=NOW,
                )  # fmt: skip

        made = run_at_once(20, make_by_counting)
        refused = [one for one in made if isinstance(one, IntegrityError)]
        assert refused
        assert all("alerts_incident_number_once" in str(one) for one in refused)
        assert Incident.objects.count() == 20 - len(refused)

    def test_refuses_one_without_a_title_and_spends_no_number(self) -> None:
        with pytest.raises(ValidationFailedError):
            make_incident(title="  ")
        with pytest.raises(ValidationFailedError):
            make_incident(started_at=after(seconds=1))
        assert not Incident.objects.exists()
        assert make_incident().number == "INC-20260302-001"


class TestOpenIncidentFromAlert:
    def test_takes_over_what_the_alert_says(self) -> None:
        alert = make_alert(client_id=uuid4())
        operator = make_operator()
        incident, is_new = open_incident_from_alert(
            alert_id=alert.pk, user_id=operator.pk, now=after(minutes=3)
        )
        assert is_new
        incident.refresh_from_db()
        assert incident.title == "Out of cards"
        assert (incident.severity, incident.kind) == ("P1", "out_of_stock")
        assert incident.components == [Component.STOCK]
        assert incident.client_id == alert.client_id
        assert incident.started_at == incident.detected_at == NOW
        assert timeline(incident) == [
            ("alert", "Alert raised: Out of cards"),
            ("step", "Incident opened from the alert as P1"),
        ]
        (opened,) = incident.timeline.filter(kind="step")
        assert (opened.at, opened.actor) == (after(minutes=3), f"user:{operator.pk}")
        alert.refresh_from_db()
        assert alert.state == "open"

    def test_makes_one_of_twelve_at_once(self) -> None:
        make_chain()
        alert = make_alert()
        made = run_at_once(
            12, lambda: open_incident_from_alert(alert_id=alert.pk, user_id=None, now=NOW)
        )
        assert sorted(is_new for _, is_new in made) == [False] * 11 + [True]  # type: ignore[misc]
        incident = Incident.objects.get()
        assert told(incident) == [("Ona", 1, "at_once")]
        # The numbers of the others were given back.
        assert make_incident().number == "INC-20260302-002"

    def test_brings_its_later_events_once(self) -> None:
        alert = make_alert()
        incident, _ = open_incident_from_alert(alert_id=alert.pk, user_id=None, now=NOW)
        operator = make_operator()
        for minute in range(11):
            make_alert(now=after(minutes=minute))
        acknowledge_alert(alert_id=alert.pk, user_id=operator.pk, now=after(minutes=12))
        resolve_alert(dedupe_key=alert.dedupe_key, now=after(minutes=40))
        for _ in range(2):
            incident.refresh_from_db()
            if incident.state == "resolved":
                reopen_incident(
                    incident_id=incident.pk, user_id=operator.pk, words="", now=after(hours=1)
                )
            resolve_incident(
                incident_id=incident.pk, user_id=operator.pk, words="", now=after(hours=1)
            )
        assert [words for kind, words in timeline(incident) if kind == "alert"] == [
            "Alert raised: Out of cards",
            "The alert was raised 10 times by then",
            "The alert was acknowledged",
            "The alert was resolved; it was raised 12 times in all",
        ]


class TestSteps:
    def test_are_timed_and_written_down(self) -> None:
        incident, operator = make_incident(), make_operator()
        given = {"incident_id": incident.pk, "user_id": operator.pk}
        acknowledge_incident(**given, now=after(minutes=5))
        acknowledge_incident(
            incident_id=incident.pk, user_id=make_operator().pk, now=after(hours=1)
        )
        note_incident(**given, words=" Twilio answers 500 ", now=after(minutes=8))
        mitigate_incident(**given, words="sent by e-mail", now=after(minutes=20))
        resolve_incident(**given, words="Twilio is back", now=after(minutes=95))
        incident.refresh_from_db()
        assert incident.state == "resolved"
        assert (incident.acknowledged_at, incident.acknowledged_by) == (
            after(minutes=5),
            operator.pk,
        )
        assert (incident.mitigated_at, incident.resolved_at) == (
            after(minutes=20),
            after(minutes=95),
        )
        assert incident.resolution == "Twilio is back"
        assert timeline(incident) == [
            ("step", "Incident opened as P1"),
            ("step", "Acknowledged"),
            ("note", "Twilio answers 500"),
            ("step", "Mitigated: sent by e-mail"),
            ("step", "Resolved: Twilio is back"),
        ]

    def test_are_refused_after_the_end(self) -> None:
        incident, operator = make_incident(), make_operator()
        given = {"incident_id": incident.pk, "user_id": operator.pk, "now": after(minutes=1)}
        with pytest.raises(IncidentStateError):
            reopen_incident(**given, words="")
        resolve_incident(**given, words="")
        before = timeline(incident)
        with pytest.raises(IncidentStateError):
            acknowledge_incident(**given)
        with pytest.raises(IncidentStateError):
            mitigate_incident(**given, words="")
        with pytest.raises(IncidentStateError):
            resolve_incident(**given, words="")
        assert timeline(incident) == before

    def test_reopen_for_a_new_round(self) -> None:
        make_chain()
        incident, operator = make_incident(), make_operator()
        given = {"incident_id": incident.pk, "user_id": operator.pk}
        acknowledge_incident(**given, now=after(minutes=1))
        resolve_incident(**given, words="", now=after(minutes=2))
        reopen_incident(**given, words="it came back", now=after(days=1))
        incident.refresh_from_db()
        assert (incident.state, incident.round) == ("open", 2)
        assert incident.acknowledged_at is incident.resolved_at is None
        assert told(incident) == [("Ona", 1, "at_once"), ("Ona", 2, "at_once")]

    def test_resolve_once_when_two_press_at_once(self) -> None:
        incident, operator = make_incident(), make_operator()
        ends = run_at_once(
            2,
            lambda: resolve_incident(
                incident_id=incident.pk, user_id=operator.pk, words="", now=after(minutes=1)
            ),
        )
        assert sorted(type(end).__name__ for end in ends) == ["IncidentStateError", "NoneType"]
        assert [words for _, words in timeline(incident)].count("Resolved") == 1


class TestDescribeIncident:
    def test_fills_in_and_tells_of_a_new_severity(self) -> None:
        incident, operator = make_incident(), make_operator()
        describe_incident(
            incident_id=incident.pk,
            user_id=operator.pk,
            changes={
                "severity": "P0",
                "revenue_per_hour": 12_000,
                "cause": "A certificate ran out",
                "started_at": after(minutes=-30),
            },
            now=after(minutes=1),
        )
        incident.refresh_from_db()
        assert (incident.severity, incident.revenue_per_hour) == ("P0", 12_000)
        assert incident.cause == "A certificate ran out"
        assert incident.started_at == after(minutes=-30)
        assert timeline(incident)[-1] == ("step", "Severity changed from P1 to P0")

    def test_refuses_a_beginning_after_it_was_noticed_and_columns_of_others(self) -> None:
        incident, operator = make_incident(), make_operator()
        for changes in ({"started_at": after(minutes=1)}, {"state": "resolved"}):
            with pytest.raises(ValidationFailedError):
                describe_incident(
                    incident_id=incident.pk, user_id=operator.pk, changes=changes,
                    now=after(hours=1),
                )  # fmt: skip
        incident.refresh_from_db()
        assert (incident.started_at, incident.state) == (NOW, "open")


class TestActionItems:
    def test_are_added_and_done_once(self) -> None:
        incident, operator = make_incident(), make_operator()
        given: dict[str, Any] = {"incident_id": incident.pk, "user_id": operator.pk, "now": NOW}
        item = add_action_item(
            **given, words="Watch the certificate", owner="Tilda", due_on=date(2026, 3, 9)
        )
        ends = run_at_once(4, lambda: finish_action_item(**given, item_id=item.pk))
        assert sorted(map(str, ends)) == ["False", "False", "False", "True"]
        item.refresh_from_db()
        assert (item.done_at, item.done_by) == (NOW, operator.pk)
        assert timeline(incident)[1:] == [
            ("action", "To do for Tilda, due 2026-03-09: Watch the certificate"),
            ("action", "Done: Watch the certificate"),
        ]

    def test_need_an_owner(self) -> None:
        incident = make_incident()
        with pytest.raises(ValidationFailedError) as refusal:
            add_action_item(
                incident_id=incident.pk, user_id=uuid4(), words="x", owner=" ", due_on=None, now=NOW
            )
        assert set(refusal.value.errors) == {"owner"}
        assert not ActionItem.objects.exists()


class TestGradeByRevenue:
    @pytest.mark.parametrize(
        ("per_hour", "grade"),
        [(0, "P2"), (999, "P2"), (1_000, "P1"), (10_000, "P1"), (10_001, "P0")],
    )
    def test_has_its_bounds(self, per_hour: int, grade: str) -> None:
        assert grade_by_revenue(per_hour) == grade


class TestSuggestIncidentGrade:
    def suggest(self, incident: Incident | None = None, **facts: int) -> tuple[str, str]:
        affected = Affected(**{**vars_of(NOBODY), **facts})
        found = suggest_incident_grade(incident=incident or make_incident(), affected=affected)
        return str(found.grade), "; ".join(found.reasons)

    def test_is_p0_when_nobody_is_served_or_all_pools_are_empty(self) -> None:
        assert self.suggest(asked=5) == ("P0", "none of 5 rewards asked for was given")
        assert self.suggest(asked=4)[0] == "P3"
        assert self.suggest(asked=50, served=1)[0] == "P3"
        assert self.suggest(pools=3, empty_pools=3) == ("P0", "all 3 pools are empty")

    def test_is_p1_when_one_pool_is_empty(self) -> None:
        assert self.suggest(pools=3, empty_pools=1) == ("P1", "1 of 3 pools are empty")

    def test_is_the_gravest_of_all_that_is_known(self) -> None:
        incident, _ = open_incident_from_alert(alert_id=make_alert().pk, user_id=None, now=NOW)
        assert self.suggest(incident)[0] == "P1"
        incident.revenue_per_hour = 10_001
        assert self.suggest(incident) == ("P0", "a loss of 10,001 an hour")


class TestFindResponse:
    @pytest.mark.parametrize(
        ("severity", "minutes"), [("P0", 0), ("P1", 30), ("P2", 120), ("P3", 1440)]
    )
    def test_is_due_by_the_severity(self, severity: str, minutes: int) -> None:
        incident = make_incident(severity=Grade(severity))
        response = find_response(incident=incident, now=after(minutes=minutes))
        assert (response.due_at, response.is_late) == (after(minutes=minutes), False)
        assert find_response(incident=incident, now=after(minutes=minutes + 2)).is_late
        acknowledge_incident(incident_id=incident.pk, user_id=uuid4(), now=NOW)
        incident.refresh_from_db()
        assert not find_response(incident=incident, now=after(days=9)).is_late


class TestDurationWords:
    def test_say_days_hours_and_minutes(self) -> None:
        assert duration_words(timedelta(days=1, hours=2, minutes=3, seconds=59)) == "1 d 2 h 3 min"
        assert duration_words(timedelta(hours=2)) == "2 h"
        assert duration_words(timedelta(seconds=59)) == "less than a minute"


def vars_of(affected: Affected) -> dict[str, int]:
    return {name: getattr(affected, name) for name in Affected.__dataclass_fields__}
