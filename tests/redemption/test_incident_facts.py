"""Whom an incident harmed, counted from the rewards and messages of its time."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from alerts.selectors.impact import Affected, WindowEvent, count_impact, list_window_events
from alerts.services.incidents import resolve_incident
from redemption.models import Redemption
from sms.models import Message
from tests.alerts.incidents import make_incident, make_operator, timeline
from tests.database import owner_url
from tests.redemption.asking import ask
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def count(since: float, until: float, client_id: UUID | None = None) -> Affected:
    return count_impact(since=at(since), until=at(until), client_id=client_id)


def events(since: float, until: float, **changes: Any) -> list[WindowEvent]:
    given = {"client_id": None, "is_over": False, **changes}
    return list(list_window_events(since=at(since), until=at(until), **given))


def fail(redemption_id: UUID, *, minutes: float) -> None:
    """Let a waiting reward come to nothing, whoever may do so."""
    with psycopg.connect(owner_url()) as owner:
        owner.execute("ALTER TABLE redemption_redemption DISABLE TRIGGER USER")
        owner.execute(
            "UPDATE redemption_redemption SET state = 'failed', failed_at = %s WHERE id = %s",
            [at(minutes), redemption_id],
        )
        owner.execute("ALTER TABLE redemption_redemption ENABLE TRIGGER USER")


@pytest.fixture
def world() -> World:
    """Two served at 1 (one text not delivered), two waiting at 12 and 13, one failed at 25."""
    world = build_world()
    world.stock(2)
    first, second, third, fourth, fifth = world.invite(5)
    for code, minutes in ((first, 1), (second, 1), (third, 12), (fourth, 13), (fifth, 21)):
        ask(code, now=at(minutes))
    served = Redemption.objects.filter(issued_at__isnull=False).order_by("pk")
    Message.objects.filter(reference_id=served[0].pk).update(
        state="undelivered", next_attempt_at=None
    )
    fail(Redemption.objects.get(created_at=at(21)).pk, minutes=25)
    return world


class TestCountImpact:
    def test_counts_each_harm_and_each_person_once(self, world: World) -> None:
        assert count(0, 30) == Affected(
            customers=4, failed=1, waiting=3, undelivered=1, asked=5, served=2, pools=1,
            empty_pools=1,
        )  # fmt: skip

    def test_counts_what_is_in_the_span_alone(self, world: World) -> None:
        def harms(*given: Any) -> tuple[int, ...]:
            affected = count(*given)
            return (affected.customers, affected.failed, affected.waiting, affected.undelivered)

        assert harms(0, 1) == (0, 0, 0, 0)
        assert harms(1, 12) == (1, 0, 0, 1)
        assert harms(12, 13) == (1, 0, 1, 0)
        assert harms(24, 30) == (1, 1, 0, 0)

    def test_counts_one_client_where_one_is_named(self, world: World) -> None:
        birch = build_world(name="Birch")
        (code,) = birch.invite()
        ask(code, now=at(5))
        assert count(0, 30).customers == 5
        assert count(0, 30, birch.client.pk).customers == 1
        assert count(0, 30, world.client.pk).customers == 4

    def test_leaves_out_tests_of_operators(self, world: World) -> None:
        before = count(0, 60)
        (code,) = world.invite(is_test=True)
        ask(code, now=at(40))
        assert dataclasses.replace(count(0, 60), asked=before.asked) == before
        assert count(0, 60).asked == before.asked


class TestListWindowEvents:
    def test_tells_ten_minutes_by_ten_minutes(self, world: World) -> None:
        told = [(event.at, event.words) for event in events(0, 30)]
        assert told == [
            (at(0), "15:30 to 15:40 UTC: 1 message was not delivered"),
            (at(10), "15:40 to 15:50 UTC: 2 rewards had to wait"),
            (at(20), "15:50 to 16:00 UTC: 1 reward failed, 1 reward had to wait"),
        ]

    def test_waits_until_they_are_over(self, world: World) -> None:
        assert [event.at for event in events(0, 29)] == [at(0), at(10)]
        assert [event.words for event in events(0, 29, is_over=True)][2:] == [
            "15:50 to 15:59 UTC: 1 reward failed, 1 reward had to wait"
        ]

    def test_calls_the_same_by_the_same_name(self, world: World) -> None:
        assert [event.source for event in events(0, 20)] == [
            event.source for event in events(0, 25)
        ]

    def test_come_into_an_incidents_timeline(self, world: World) -> None:
        incident = make_incident(now=at(0))
        resolve_incident(incident_id=incident.pk, user_id=make_operator().pk, words="", now=at(26))
        incident.refresh_from_db()
        assert (incident.customers_affected, incident.failed) == (4, 1)
        assert (incident.waiting, incident.undelivered) == (3, 1)
        assert [words for kind, words in timeline(incident) if kind == "redemptions"] == [
            "15:30 to 15:40 UTC: 1 message was not delivered",
            "15:40 to 15:50 UTC: 2 rewards had to wait",
            "15:50 to 15:56 UTC: 1 reward failed, 1 reward had to wait",
        ]
