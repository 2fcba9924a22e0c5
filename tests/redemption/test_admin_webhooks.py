"""Webhook endpoints and their deliveries in the admin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.models import WebhookDelivery, WebhookEndpoint
from credit.models import AuditEvent
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import send_test_event
from tests.alerts.hooking import Receiver, deliveries, send, subscribe
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "admin:alerts_webhookendpoint_changelist"
LOG = "admin:alerts_webhookdelivery_changelist"
# The button of a dialog.
PRESSED = {"_form_submitted": "True"}


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def admin() -> Browser:
    return sign_in(make_platform_admin())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def url_of(row: WebhookEndpoint | WebhookDelivery, way: str = "change") -> str:
    return reverse(f"admin:alerts_{type(row).__name__.lower()}_{way}", args=[row.pk])


def words_of(page: Any) -> str:
    return str(page.content.decode())


class TestEndpoint:
    def test_is_made_with_a_secret_that_is_shown_once(
        self, world: World, admin: Browser, receiver: Receiver
    ) -> None:
        page = admin.post(
            reverse("admin:alerts_webhookendpoint_add"),
            {"client": world.client.pk, "url": receiver.url, "events": ["pool.low"]},
        )
        secret = re.findall(r"whsec_[A-Za-z0-9+/=]{20,}", words_of(page))
        assert len(secret) == 1
        assert "no-store" in page["Cache-Control"]
        endpoint = WebhookEndpoint.objects.get()
        assert (endpoint.client_id, endpoint.events) == (world.client.pk, ["pool.low"])
        for address in (reverse(LIST), url_of(endpoint)):
            shown = words_of(admin.get(address))
            assert receiver.url in shown
            assert "whsec_" not in shown
            assert endpoint.secret_encrypted not in shown

    def test_is_refused_where_it_leads_inwards(self, world: World, admin: Browser) -> None:
        page = admin.post(
            reverse("admin:alerts_webhookendpoint_add"),
            {"client": world.client.pk, "url": "https://10.0.0.1/", "events": ["pool.low"]},
        )
        assert "not a public one" in words_of(page)
        assert not WebhookEndpoint.objects.exists()

    @pytest.mark.parametrize("key", ["abc", "6f7a8b9c-0d1e-4f2a-8b3c-4d5e6f7a8b11"])
    def test_is_not_there_under_an_address_that_names_none(self, admin: Browser, key: str) -> None:
        for table, ways in {
            "webhookendpoint": ("rotate", "replay_since", "send_test", "pause", "resume", "remove"),
            "webhookdelivery": ("replay_one",),
            "alert": ("acknowledge_one", "resolve_one", "make_incident"),
            "noticeroute": ("try_it",),
        }.items():
            for way in ways:
                address = reverse(f"admin:alerts_{table}_{way}", args=[key])
                assert admin.post(address, PRESSED).status_code == 404, address

    def test_shows_how_it_does(self, world: World, admin: Browser, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        admin.post(url_of(endpoint, "send_test"), PRESSED)
        admin.post(url_of(endpoint, "send_test"), PRESSED)
        receiver.answers = [204]
        receiver.always = 503
        send()
        shown = words_of(admin.get(reverse(LIST)))
        assert "50 % of 2" in shown
        assert "Answered 503." in shown
        assert "Failing" in shown

    def test_is_listed_without_asking_for_each(
        self, world: World, admin: Browser, receiver: Receiver
    ) -> None:
        subscribe(world.client, receiver.url)
        admin.get(reverse(LIST))
        with CaptureQueriesContext(connection) as few:
            admin.get(reverse(LIST))
        for _ in range(3):
            endpoint, _secret = subscribe(world.client, receiver.url)
        send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=datetime.now(UTC))
        send()
        with CaptureQueriesContext(connection) as many:
            shown = words_of(admin.get(reverse(LIST)))
        assert len(many) == len(few)
        # Of the one that was sent something; the others were promised nothing.
        assert shown.count("100 % of 1") == 1

    def test_is_paused_and_goes_on(self, world: World, admin: Browser, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        # A button that is pressed twice, or by two, does what it says.
        for _ in range(2):
            admin.post(url_of(endpoint, "pause"), PRESSED)
        endpoint.refresh_from_db()
        assert (endpoint.state, endpoint.reason) == ("paused", "Paused by an operator.")
        for _ in range(2):
            admin.post(url_of(endpoint, "resume"), PRESSED)
        endpoint.refresh_from_db()
        assert (endpoint.state, endpoint.reason) == ("active", "")
        actions = AuditEvent.objects.filter(object_id=endpoint.pk).order_by("at")
        assert [event.action for event in actions] == [
            "webhook_endpoint.created",
            "webhook_endpoint.paused",
            "webhook_endpoint.resumed",
        ]

    def test_gets_a_new_secret(self, world: World, admin: Browser, receiver: Receiver) -> None:
        endpoint, old = subscribe(world.client, receiver.url)
        page = words_of(admin.post(url_of(endpoint, "rotate"), {"hours": 24}))
        (new,) = re.findall(r"whsec_[A-Za-z0-9+/=]{20,}", page)
        assert new != old
        admin.post(url_of(endpoint, "send_test"), PRESSED)
        send()
        assert receiver.posts[0].is_signed_with(old)
        assert receiver.posts[0].is_signed_with(new)
        assert "The secret before is still good" in words_of(
            admin.post(url_of(endpoint, "rotate"), {"hours": 24})
        )

    def test_has_replayed_what_was_given_up(
        self, world: World, admin: Browser, receiver: Receiver
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        admin.post(url_of(endpoint, "send_test"), PRESSED)
        WebhookDelivery.objects.update(
            state="failed", next_attempt_at=None, finished_at="2026-03-02T15:30Z"
        )
        since = {"since_0": "2020-01-01", "since_1": "00:00:00"}
        page = admin.post(url_of(endpoint, "replay_since"), since, follow=True)
        assert "1 event is on the way once more." in words_of(page)
        assert send() == 1
        assert deliveries(endpoint)[0].state == "delivered"

    def test_is_removed(self, world: World, admin: Browser, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        admin.post(url_of(endpoint, "remove"), PRESSED)
        assert not WebhookEndpoint.objects.exists()

    def test_is_nothing_for_others(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        manager = sign_in(make_agency_manager(world.agency))
        for address in (reverse(LIST), reverse(LOG), url_of(endpoint)):
            assert manager.get(address).status_code in (302, 403, 404)
        for way in ("pause", "resume", "rotate", "send_test", "remove"):
            assert manager.post(url_of(endpoint, way), PRESSED).status_code in (302, 403, 404)
        endpoint.refresh_from_db()
        assert (endpoint.state, endpoint.secret_number) == ("active", 1)
        assert not WebhookDelivery.objects.exists()


class TestDelivery:
    def test_is_shown_with_its_tries_and_replayed(
        self, world: World, admin: Browser, receiver: Receiver
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        admin.post(url_of(endpoint, "send_test"), PRESSED)
        receiver.answers = [(500, {}, b"no <script>alert(1)</script>"), 204]
        send()
        send(later=60)
        (delivery,) = deliveries(endpoint)
        shown = words_of(admin.get(url_of(delivery)))
        assert "Answered 500." in shown
        assert "Answered 204." in shown
        assert "<script>alert(1)</script>" not in shown
        assert "no &lt;script&gt;" in shown
        assert "webhook.test" in words_of(admin.get(reverse(LOG)))
        page = admin.post(url_of(delivery, "replay_one"), PRESSED, follow=True)
        assert "on its way once more" in words_of(page)
        assert send() == 1
        assert len({post.id for post in receiver.posts}) == 1

    def test_is_replayed_with_others(
        self, world: World, admin: Browser, receiver: Receiver
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        for _ in range(2):
            admin.post(url_of(endpoint, "send_test"), PRESSED)
        send()
        keys = [one.pk for one in deliveries(endpoint)]
        admin.post(reverse(LOG), {"action": "replay", "_selected_action": keys})
        assert send() == 2
        assert len(receiver.posts) == 4
