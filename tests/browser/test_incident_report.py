"""The report of an incident on paper: all of it, and nothing of the page around it."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from alerts.models import Incident
from alerts.services.action_items import add_action_item
from alerts.services.escalation import escalate_incidents
from alerts.services.incidents import describe_incident, note_incident, resolve_incident
from credit.models import User
from tests.alerts.incidents import make_chain, make_incident
from tests.browser.conftest import Visitor
from tests.world import NOW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The ink of the words on the paper below them.
COLOURS = """() => {
    const paper = getComputedStyle(document.body).backgroundColor;
    const words = [...document.querySelectorAll(".report :is(h1, h2, dt, dd, th, td)")];
    return Object.fromEntries(
        words.map(one => [`${getComputedStyle(one).color} on ${paper}`, true]));
}"""
LONG = "The provider answered each order with an error of its own, and nobody looked. " * 6


def make_long_incident(user: User) -> Incident:
    """Make one that took a day, with more to tell than goes on a page."""
    make_chain()
    incident = make_incident(now=NOW, title="Cards were late " * 8)
    for number in range(45):
        note_incident(
            incident_id=incident.pk,
            user_id=user.pk,
            words=f"{number}. {LONG if number % 4 == 0 else 'Looked again: no change.'}",
            now=NOW + timedelta(minutes=5 * number),
        )
    escalate_incidents(now=NOW + timedelta(hours=5))
    for number in range(6):
        add_action_item(
            incident_id=incident.pk,
            user_id=user.pk,
            words=f"{number}. Watch the certificate of the provider, and tell a month before",
            owner="Tilda",
            due_on=date(2026, 3, 9),
            now=NOW + timedelta(hours=6),
        )
    describe_incident(
        incident_id=incident.pk,
        user_id=user.pk,
        changes={"cause": LONG, "lessons": LONG + "https://" + "x" * 120},
        now=NOW + timedelta(hours=7),
    )
    resolve_incident(
        incident_id=incident.pk, user_id=user.pk, words=LONG, now=NOW + timedelta(hours=8)
    )
    return incident


class TestReport:
    def test_is_whole_on_paper_and_nothing_else_is(self, operator: Visitor, site: str) -> None:
        incident = make_long_incident(User.objects.get())
        page = operator.page
        # A dark screen is no reason for dark paper.
        page.emulate_media(color_scheme="dark")
        page.goto(site + reverse("admin:alerts_incident_report", args=[incident.pk]))
        expect(page.get_by_role("link", name="Back to the incident")).to_be_visible()
        assert operator.fits()

        page.emulate_media(media="print", color_scheme="dark")
        for inside in ("a", "button", "nav", "input"):
            assert page.locator(f"{inside}:visible").count() == 0, inside
        for heading in ("Summary", "Impact", "Cause", "Timeline", "To be done", "Lessons"):
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert page.evaluate(COLOURS) == {"rgb(0, 0, 0) on rgb(255, 255, 255)": True}
        # A time stands in one line, however long the words beside it are.
        heights = page.locator("td.when").evaluate_all(
            "cells => cells.map(cell => { const range = document.createRange();"
            " range.selectNodeContents(cell); return range.getClientRects().length; })"
        )
        assert len(heights) > 45
        assert max(heights) == 1
        # Rows are not cut in two, and their headings are on each page.
        rows = page.locator("tbody tr").evaluate_all(
            "rows => rows.map(row => getComputedStyle(row).breakInside)"
        )
        assert set(rows) == {"avoid"}
        paper = page.pdf(format="A4")
        # Nine, when times stood in five lines.
        assert len(re.findall(rb"/Type /Page\b", paper)) == 5
        assert operator.complaints == []
