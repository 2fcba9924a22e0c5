"""An endpoint whose signing secret can't be read: told once, left alone, and taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.models import Alert, WebhookDelivery, WebhookEndpoint
from alerts.services.webhook_records import UNREADABLE_REASON
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import (
    SecretUnreadableError,
    rotate_endpoint_secret,
    send_test_event,
    switch_endpoint,
)
from tests.alerts.hooking import Receiver, deliveries, now_and, send, subscribe
from tests.loglines import catch_log
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

QUARTER = 15 * 60
DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def lose_the_key(settings: Settings) -> None:
    settings.CARD_ENCRYPTION_KEYS = [("another", b"x" * 32)]


def promise(endpoint: WebhookEndpoint) -> WebhookDelivery:
    return send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())


def alerts() -> list[tuple[str, str, int]]:
    rows = Alert.objects.filter(kind="webhook_secret_unreadable").order_by("first_seen_at")
    return [(str(alert.data["endpoint_id"]), alert.state, alert.count) for alert in rows]


class TestSendDueWebhooks:
    def test_tells_once_of_a_secret_that_it_can_not_read(
        self, world: World, receiver: Receiver, settings: Settings
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        lose_the_key(settings)
        with catch_log() as caught:
            for second in range(5):
                promise(endpoint)
                assert send(later=5 * second) == 0
        assert alerts() == [(str(endpoint.pk), "open", 1)]
        assert len([line for line in caught.lines if line["event"] == "[ALERT] Raised"]) == 1
        assert receiver.posts == []
        endpoint.refresh_from_db()
        assert endpoint.last_error == UNREADABLE_REASON
        assert {(row.state, row.attempts, len(row.tries)) for row in deliveries(endpoint)} == {
            ("pending", 0, 0)
        }

    def test_looks_again_each_quarter_of_an_hour_and_gives_nothing_up(
        self, world: World, receiver: Receiver, settings: Settings
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        lose_the_key(settings)
        for quarter in range(12):
            assert send(later=quarter * (QUARTER + 1)) == 0
        assert alerts() == [(str(endpoint.pk), "open", 12)]
        (delivery,) = deliveries(endpoint)
        assert (delivery.state, delivery.attempts) == ("pending", 0)

    def test_goes_on_once_it_can_be_read(
        self, world: World, receiver: Receiver, settings: Settings
    ) -> None:
        endpoint, secret = subscribe(world.client, receiver.url)
        keys = settings.CARD_ENCRYPTION_KEYS
        for _ in range(3):
            promise(endpoint)
        lose_the_key(settings)
        send()
        settings.CARD_ENCRYPTION_KEYS = keys
        assert send(later=QUARTER - 60) == 0
        assert send(later=QUARTER + 1) >= 1
        send(later=QUARTER + 2)
        assert len(receiver.posts) == 3
        assert all(post.is_signed_with(secret) for post in receiver.posts)
        assert {(row.state, row.attempts) for row in deliveries(endpoint)} == {("delivered", 1)}
        assert alerts() == [(str(endpoint.pk), "resolved", 1)]
        endpoint.refresh_from_db()
        assert (endpoint.failing_since, endpoint.resting_until) == (None, None)

    def test_lets_nobody_else_wait(
        self, world: World, receiver: Receiver, settings: Settings
    ) -> None:
        broken, _ = subscribe(world.client, receiver.url)
        lose_the_key(settings)
        sound, secret = subscribe(world.client, receiver.url)
        for _ in range(3):
            promise(broken)
            promise(sound)
        assert send() == 3
        assert all(post.is_signed_with(secret) for post in receiver.posts)
        assert {row.state for row in deliveries(sound)} == {"delivered"}
        assert alerts() == [(str(broken.pk), "open", 1)]


class TestRotateEndpointSecret:
    def test_takes_up_again_whose_key_is_lost(
        self, world: World, receiver: Receiver, settings: Settings
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        lose_the_key(settings)
        send()
        with pytest.raises(SecretUnreadableError):
            rotate_endpoint_secret(
                viewer=SYSTEM, endpoint_id=endpoint.pk, overlap=DAY, now=now_and()
            )
        _, secret = rotate_endpoint_secret(
            viewer=SYSTEM, endpoint_id=endpoint.pk, overlap=timedelta(), now=now_and()
        )
        assert alerts() == [(str(endpoint.pk), "resolved", 1)]
        # At once, and not only when the rest would have been over.
        assert send(later=1) == 1
        (post,) = receiver.posts
        assert post.is_signed_with(secret)


class TestSwitchEndpoint:
    def test_has_a_resting_endpoint_looked_at_when_it_is_resumed(
        self, world: World, receiver: Receiver, settings: Settings
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        keys = settings.CARD_ENCRYPTION_KEYS
        promise(endpoint)
        lose_the_key(settings)
        send()
        settings.CARD_ENCRYPTION_KEYS = keys
        for is_active in (False, True):
            switch_endpoint(
                viewer=SYSTEM, endpoint_id=endpoint.pk, is_active=is_active, now=now_and()
            )
        assert send(later=1) == 1
        assert alerts() == [(str(endpoint.pk), "resolved", 1)]
