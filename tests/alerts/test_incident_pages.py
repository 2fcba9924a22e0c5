"""Incidents in the admin: opened, gone through and printed, by the platform's staff alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Browser

from alerts.models import EscalationContact, Incident
from alerts.services.incidents import describe_incident
from credit.models import User
from tests.alerts.incidents import (
    make_alert,
    make_chain,
    make_incident,
    make_operator,
    timeline,
    told,
)
from tests.staff import make_agency_manager, sign_in
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> User:
    return make_operator()


@pytest.fixture
def browser(operator: User) -> Browser:
    return sign_in(operator)


def right_now() -> datetime:
    """The pages go by the clock."""
    return datetime.now(UTC)


def page_of(incident: Incident, rest: str = "change/") -> str:
    return f"/admin/alerts/incident/{incident.pk}/{rest}"


def press(browser: Browser, incident: Incident, step: str, **values: object) -> int:
    return int(browser.post(page_of(incident), {"step": step, **values}).status_code)


class TestOpening:
    def test_makes_an_incident_and_tells_who_is_on_call(self, browser: Browser) -> None:
        make_chain()
        answer = browser.post(
            "/admin/alerts/incident/add/",
            {"title": "No card is shown", "severity": "P0", "components": ["form", "desk"]},
        )
        incident = Incident.objects.get()
        assert answer["Location"] == page_of(incident)
        assert (incident.title, incident.severity) == ("No card is shown", "P0")
        assert incident.components == ["form", "desk"]
        assert told(incident) == [("Ona", 1, "at_once")]

    def test_says_what_is_missing(self, browser: Browser) -> None:
        late = right_now() + timedelta(days=1)
        for given in (
            {"severity": "P0"},
            {"title": "x", "severity": "P0", "started_at": f"{late:%Y-%m-%dT%H:%M}"},
        ):
            page = browser.post("/admin/alerts/incident/add/", given)
            assert page.status_code == 200
            assert 'role="alert"' in page.text
        assert not Incident.objects.exists()


class TestMakingOne:
    def test_makes_an_incident_of_an_alert_once(self, browser: Browser) -> None:
        make_chain()
        alert = make_alert()
        address = f"/admin/alerts/alert/{alert.pk}/make_incident/"
        answers = [browser.post(address, {"_form_submitted": "1"}) for _ in range(2)]
        incident = Incident.objects.get()
        for answer in answers:
            assert (answer.status_code, answer["Location"]) == (302, page_of(incident))
        assert (incident.alert_id, incident.severity) == (alert.pk, "P1")
        assert told(incident) == [("Ona", 1, "at_once")]

    def test_is_asked_for_on_the_alerts_page(self, browser: Browser) -> None:
        page = browser.get(f"/admin/alerts/alert/{make_alert().pk}/change/")
        assert "Make an incident" in page.text
        assert not Incident.objects.exists()


class TestButtons:
    def test_take_an_incident_to_its_end(self, browser: Browser, operator: User) -> None:
        incident = make_incident(now=right_now())
        for step, words in (
            ("acknowledge", ""),
            ("note", "Twilio answers 500"),
            ("mitigate", "by e-mail"),
            ("resolve", "Twilio is back"),
            ("reopen", "it came back"),
        ):
            assert press(browser, incident, step, words=words) == 302, step
        incident.refresh_from_db()
        assert (incident.state, incident.round) == ("open", 2)
        assert [words for _, words in timeline(incident)] == [
            "Incident opened as P1",
            "Acknowledged",
            "Twilio answers 500",
            "Mitigated: by e-mail",
            "Resolved: Twilio is back",
            "Reopened: it came back",
        ]
        assert set(incident.timeline.values_list("actor", flat=True)) == {
            "system",
            f"user:{operator.pk}",
        }

    def test_add_and_finish_what_is_to_be_done(self, browser: Browser) -> None:
        incident = make_incident(now=right_now())
        given = {"action-words": "Watch it", "action-owner": "Tilda", "action-due_on": "2026-01-31"}
        assert press(browser, incident, "action", **given) == 302
        page = browser.get(page_of(incident))
        assert "Watch it" in page.text
        assert "overdue" in page.text
        (item,) = incident.action_items.all()
        assert press(browser, incident, "done", item=item.pk) == 302
        item.refresh_from_db()
        assert item.done_at is not None

    def test_say_that_somebody_was_faster(self, browser: Browser) -> None:
        incident = make_incident(now=right_now())
        press(browser, incident, "resolve")
        answer = browser.post(page_of(incident), {"step": "resolve"}, follow=True)
        assert "Somebody was faster" in answer.text
        assert [words for _, words in timeline(incident)].count("Resolved") == 1

    @pytest.mark.parametrize("values", [{"step": "explode"}, {"step": "done", "item": "77"}])
    def test_are_none_but_these(self, browser: Browser, values: dict[str, str]) -> None:
        assert browser.post(page_of(make_incident()), values).status_code == 404


class TestTemplate:
    def test_keeps_what_is_filled_in(self, browser: Browser) -> None:
        incident = make_incident(now=right_now())
        form = browser.get(page_of(incident, "edit/")).context["form"]
        given = {name: form[name].value() or "" for name in form.fields if name != "components"}
        given |= {"cause": "A certificate", "revenue_per_hour": "12000", "reputation": "high"}
        given["started_at"] = given["detected_at"] = f"{incident.started_at:%Y-%m-%dT%H:%M}"
        assert browser.post(page_of(incident, "edit/"), given).status_code == 302
        before = incident.started_at
        incident.refresh_from_db()
        assert (incident.cause, incident.revenue_per_hour) == ("A certificate", 12_000)
        # The form shows minutes; what nobody changed keeps its seconds.
        assert (incident.started_at, incident.reputation) == (before, "high")
        page = browser.get(page_of(incident))
        assert "It looks like <strong>P0</strong>: a loss of 12,000 an hour" in page.text


class TestReport:
    def test_prints_all_that_is_known(self, browser: Browser, operator: User) -> None:
        make_chain()
        incident = make_incident(now=right_now())
        describe_incident(
            incident_id=incident.pk,
            user_id=operator.pk,
            changes={"cause": "A <certificate>", "lessons": "Watch it"},
            now=right_now(),
        )
        page = browser.get(page_of(incident, "report/"))
        assert page.status_code == 200
        for words in (incident.number, "A &lt;certificate&gt;", "Watch it", "Ona", "On call told"):
            assert words in page.text, words


class TestStrangers:
    def test_find_nothing(self) -> None:
        incident = make_incident()
        stranger = sign_in(make_agency_manager(build_world().agency))
        for rest in ("change/", "edit/", "report/"):
            assert stranger.get(page_of(incident, rest)).status_code == 404
            assert Browser().get(page_of(incident, rest)).status_code == 302
        assert press(stranger, incident, "resolve") == 404
        assert stranger.get("/admin/runbook/").status_code == 404
        incident.refresh_from_db()
        assert incident.state == "open"


class TestContacts:
    def test_are_edited_by_the_platforms_staff(self, browser: Browser) -> None:
        answer = browser.post(
            "/admin/alerts/escalationcontact/add/",
            {"name": "Ona", "role": "on_call", "email": "ona@example.com", "order": "1",
             "phone": "", "is_active": "on"},
        )  # fmt: skip
        assert answer.status_code == 302
        contact = EscalationContact.objects.get()
        assert (contact.name, contact.is_active) == ("Ona", True)
