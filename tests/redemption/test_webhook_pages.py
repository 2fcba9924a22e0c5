"""The page on which a client's or an agency's people see whom they told what, and send it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse

from alerts.models import WebhookDelivery, WebhookEndpoint
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import send_test_event, switch_endpoint
from tests.alerts.hooking import Receiver, now_and, send, subscribe
from tests.redemption.client_visiting import Role, manager_of, person, text_of
from tests.world import World, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.two_roles]


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def page_of(world: World) -> str:
    return reverse("client-webhooks", args=[world.client.pk])


def agency_page_of(world: World) -> str:
    return reverse("agency-webhooks", args=[world.agency.pk])


def deliver(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send an endpoint an event, and return what became of it."""
    delivery = send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())
    send()
    delivery.refresh_from_db()
    return delivery


class TestLooking:
    def test_shows_the_latest_events_of_each_endpoint(
        self, world: World, receiver: Receiver
    ) -> None:
        endpoint, secret = subscribe(world.client, receiver.url)
        for _ in range(11):
            deliver(endpoint)
        receiver.always = (500, {}, b"down")
        deliver(endpoint)
        response = manager_of(world).get(page_of(world))
        page = text_of(response)
        assert receiver.url in page
        assert "Failing" in page
        assert "Arrived in the last 24 hours: 91 %" in page
        # The latest ten alone: one on its way, nine delivered.
        assert page.count("webhook.test") == 10
        assert page.count("Answered 500.") == 2
        assert page.count("Delivered") == 9
        assert secret.removeprefix("whsec_") not in response.content.decode()
        endpoint.refresh_from_db()
        assert endpoint.secret_encrypted not in response.content.decode()

    def test_says_what_to_do_where_there_is_none(self, world: World) -> None:
        assert "Nobody is told yet" in text_of(manager_of(world).get(page_of(world)))

    def test_shows_nothing_of_the_agency_the_platform_or_a_stranger(
        self, world: World, receiver: Receiver
    ) -> None:
        stranger = build_world(name="Birch")
        for client, path in ((None, "platform"), (stranger.client, "strangers")):
            subscribe(client, f"{receiver.url}/{path}")
        page = text_of(manager_of(world).get(page_of(world)))
        assert "platform" not in page
        assert "strangers" not in page
        assert manager_of(stranger).get(page_of(world)).status_code == 404

    def test_offers_no_replay_to_who_may_change_nothing(
        self, world: World, receiver: Receiver
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        deliver(endpoint)
        auditor = person(Role.AUDITOR)
        assert "Replay" in text_of(manager_of(world).get(page_of(world)))
        page = text_of(auditor.get(page_of(world)))
        assert "webhook.test" in page
        assert "Replay" not in page


class TestReplaying:
    def test_sends_an_event_once_more(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        delivery = deliver(endpoint)
        response = manager_of(world).post(
            page_of(world), {"delivery": str(delivery.pk)}, follow=True
        )
        assert "“webhook.test” is on its way once more." in text_of(response)
        send(later=1)
        assert [post.id for post in receiver.posts] == [str(delivery.event_id)] * 2

    def test_says_that_it_is_on_its_way_already(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        delivery = deliver(endpoint)
        browser = manager_of(world)
        for _ in range(2):
            response = browser.post(page_of(world), {"delivery": str(delivery.pk)}, follow=True)
        assert "It is on its way already" in text_of(response)
        send(later=1)
        assert len(receiver.posts) == 2

    def test_is_for_who_manages_the_client(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        body = {"delivery": str(deliver(endpoint).pk)}
        stranger = build_world(name="Birch")
        assert manager_of(stranger).post(page_of(world), body).status_code == 404
        # Nor by way of a page of their own.
        assert manager_of(stranger).post(page_of(stranger), body).status_code == 404
        assert person(Role.AUDITOR).post(page_of(world), body).status_code == 403
        send(later=1)
        assert len(receiver.posts) == 1
        # The control: the same by who may.
        agency = person(Role.AGENCY_MANAGER, agency=world.agency)
        assert agency.post(page_of(world), body).status_code == 302
        send(later=1)
        assert len(receiver.posts) == 2

    @pytest.mark.parametrize("given", ["", "7", "\x00", "00000000-0000-4000-8000-000000000000"])
    def test_finds_no_event_that_there_is_not(self, world: World, given: str) -> None:
        assert manager_of(world).post(page_of(world), {"delivery": given}).status_code == 404

    def test_is_not_offered_where_the_endpoint_is_switched_off(
        self, world: World, receiver: Receiver
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        receiver.always = 410
        deliver(endpoint)
        page = text_of(manager_of(world).get(page_of(world)))
        assert "Switched off" in page
        assert "410 Gone" in page
        assert "Replay" not in page
        switch_endpoint(viewer=SYSTEM, endpoint_id=endpoint.pk, is_active=True, now=now_and())
        assert "Replay" in text_of(manager_of(world).get(page_of(world)))


class TestAgency:
    """The same page of an agency, whose own endpoints hear of all its clients."""

    @pytest.fixture
    def delivery(self, world: World, receiver: Receiver) -> WebhookDelivery:
        endpoint, _ = subscribe(None, f"{receiver.url}/agencys", agency=world.agency)
        return deliver(endpoint)

    def test_shows_its_own_and_not_its_clients(
        self, world: World, receiver: Receiver, delivery: WebhookDelivery
    ) -> None:
        subscribe(world.client, f"{receiver.url}/clients")
        subscribe(None, f"{receiver.url}/platforms")
        manager = person(Role.AGENCY_MANAGER, agency=world.agency)
        page = text_of(manager.get(agency_page_of(world)))
        assert f"{receiver.url}/agencys" in page
        assert f"told what happens at {world.agency.name}" in page
        assert page.count(delivery.event_type) == 1
        assert "/clients" not in page
        assert "/platforms" not in page
        assert f"{receiver.url}/agencys" not in text_of(manager.get(page_of(world)))

    def test_sends_an_event_once_more(
        self, world: World, receiver: Receiver, delivery: WebhookDelivery
    ) -> None:
        manager = person(Role.AGENCY_MANAGER, agency=world.agency)
        body = {"delivery": str(delivery.pk)}
        # By its own page alone.
        assert manager.post(page_of(world), body).status_code == 404
        page = text_of(manager.post(agency_page_of(world), body, follow=True))
        assert "is on its way once more" in page
        send(later=1)
        assert [post.id for post in receiver.posts] == [str(delivery.event_id)] * 2

    def test_is_for_its_managers(self, world: World, delivery: WebhookDelivery) -> None:
        body = {"delivery": str(delivery.pk)}
        for browser, status in (
            (manager_of(world), 404),
            (person(Role.AGENCY_MANAGER, agency=build_world(name="Birch").agency), 404),
            (person(Role.AUDITOR, agency=world.agency), 403),
        ):
            assert browser.post(agency_page_of(world), body).status_code == status
