"""The chain of people to tell of an incident: whose turn it is, each once."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError
from pytest_django import Settings

from alerts.models import EscalationContact, EscalationStep, Incident
from alerts.runbook import Grade
from alerts.services.escalation import escalate_incidents
from alerts.services.incidents import resolve_incident
from alerts.transactions import transaction
from tests.alerts.incidents import (
    make_chain,
    make_incident,
    make_operator,
    notices,
    timeline,
    told,
)
from tests.database import owner_url
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.world import NOW, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def places(settings: Settings) -> None:
    settings.EMAIL_ENABLED = True
    settings.ALERT_EMAIL_RECIPIENTS = []
    settings.ALERT_SLACK_WEBHOOK_URL = settings.ALERT_WEBHOOK_URL = ""


def after(**span: float) -> Any:
    return NOW + timedelta(**span)


class TestEscalateIncidents:
    def test_tells_each_in_turn_and_once(self) -> None:
        make_chain()
        incident = make_incident()
        assert told(incident) == [("Ona", 1, "at_once")]
        for minutes, many in ((0, 0), (59, 0), (60, 1), (61, 0), (239, 0), (240, 1), (999, 0)):
            assert escalate_incidents(now=after(minutes=minutes)) == many, minutes
        assert told(incident) == [
            ("Ona", 1, "at_once"),
            ("Tilda", 1, "unresolved"),
            ("Cato", 1, "unresolved"),
        ]
        subject = f"P1 {incident.number}: Texts are late"
        assert notices(incident) == [
            ("on-call@example.com", "critical", subject),
            ("technical-lead@example.com", "critical", subject),
            ("cto@example.com", "critical", subject),
        ]
        assert [words for kind, words in timeline(incident) if kind == "escalation"] == [
            "On call told, since it was opened: Ona",
            "Technical lead told, since it is not resolved yet: Tilda",
            "CTO told, since it is not resolved yet: Cato",
        ]

    def test_tells_nobody_of_what_is_resolved(self) -> None:
        make_chain()
        incident = make_incident()
        resolve_incident(
            incident_id=incident.pk, user_id=make_operator().pk, words="", now=after(minutes=1)
        )
        assert escalate_incidents(now=after(days=1)) == 0
        assert told(incident) == [("Ona", 1, "at_once")]

    def test_tells_somebody_who_joins_and_nobody_who_left(self) -> None:
        ona, tilda, _ = make_chain()
        incident = make_incident()
        tilda.is_active = False
        tilda.save()
        EscalationContact.objects.create(name="Omar", role="on_call", email="omar@example.com")
        assert escalate_incidents(now=after(minutes=90)) == 1
        assert told(incident) == [("Ona", 1, "at_once"), ("Omar", 1, "at_once")]
        assert [target for target, _, _ in notices(incident)] == [ona.email, "omar@example.com"]

    def test_tells_the_last_at_once_when_it_touches_many(self, settings: Settings) -> None:
        settings.INCIDENT_WIDESPREAD = 2
        make_chain()
        world = build_world()
        incident = make_incident()
        for number, code in enumerate(world.invite(3), start=1):
            ask(code, now=after(minutes=number))
            escalate_incidents(now=after(minutes=number, seconds=30))
            incident.refresh_from_db()
            assert (incident.customers_affected, incident.waiting) == (number, number)
            widespread = ("Cato", 1, "widespread") in told(incident)
            assert widespread is (number > 2)
        assert ("Tilda", 1, "unresolved") not in told(incident)

    def test_goes_on_after_one_that_fails_and_says_so(self) -> None:
        make_chain()
        broken, other = make_incident(severity="P0"), make_incident()
        with (
            psycopg.connect(owner_url(), autocommit=True) as owner,
            contextlib.ExitStack() as stack,
        ):
            owner.execute(
                "CREATE FUNCTION test_break() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'out of order'; END $$"
            )
            stack.callback(owner.execute, "DROP FUNCTION test_break() CASCADE")
            owner.execute(
                "CREATE TRIGGER test_break BEFORE UPDATE ON alerts_incident FOR EACH ROW"
                f" WHEN (OLD.id = '{broken.pk}') EXECUTE FUNCTION test_break()"
            )
            with pytest.raises(DatabaseError, match="out of order"):
                escalate_incidents(now=after(minutes=60))
        assert told(broken) == [("Ona", 1, "at_once")]
        assert told(other) == [("Ona", 1, "at_once"), ("Tilda", 1, "unresolved")]

    def test_is_as_loud_as_the_severity(self) -> None:
        make_chain()
        loud = [
            notices(make_incident(severity=Grade(severity)))[0][1]
            for severity in ("P0", "P1", "P2", "P3")
        ]
        assert loud == ["critical", "critical", "warning", "info"]

    def test_tells_once_when_run_eight_times_at_once(self) -> None:
        make_chain()
        incidents = [make_incident() for _ in range(3)]
        counts = run_at_once(8, lambda: escalate_incidents(now=after(minutes=61)))
        assert sum(int(str(count)) for count in counts) == 3, counts
        for incident in incidents:
            assert told(incident) == [("Ona", 1, "at_once"), ("Tilda", 1, "unresolved")]
            assert len(notices(incident)) == 2

    def test_would_tell_twice_without_the_lock(self) -> None:
        # The control: looking who was told and writing then loses; the constraint alone holds.
        (ona, *_) = make_chain()
        EscalationContact.objects.exclude(pk=ona.pk).update(is_active=False)
        ona.is_active = False
        ona.save()
        incident = make_incident()
        looked = threading.Barrier(8)

        def tell_without_lock() -> int:
            with transaction():
                if EscalationStep.objects.filter(incident=incident, contact=ona).exists():
                    return 0
                looked.wait(timeout=20)
                EscalationStep.objects.create(
                    incident=Incident.objects.get(pk=incident.pk), contact=ona, role="on_call",
                    round=1, reason="at_once", at=NOW,
                )  # fmt: skip
                return 1

        ends = run_at_once(8, tell_without_lock)
        assert any("alerts_escalationstep_once" in str(end) for end in ends), ends
        assert EscalationStep.objects.count() == 1
