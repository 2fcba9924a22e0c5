"""Webhooks on their way: signed, retried, given up, replayed; once, whoever else is at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from alerts.errors import ServiceError
from alerts.models import Alert, WebhookDelivery, WebhookEndpoint
from alerts.providers.outgoing_addresses import Door
from alerts.services.webhook_claims import claim_webhooks
from alerts.services.webhook_deliveries import clear_webhooks, replay_failed
from alerts.services.webhook_records import GONE_REASON
from alerts.services.webhook_sending import webhook_lease
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import (
    delete_endpoint,
    replay_webhook,
    rotate_endpoint_secret,
    send_test_event,
    switch_endpoint,
)
from tests.alerts.hooking import Receiver, deliveries, now_and, send, subscribe
from tests.races import run_at_once
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

State = WebhookDelivery.State
SCHEDULE = django_settings.WEBHOOK_RETRY_SCHEDULE


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def promise(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Promise an endpoint one event."""
    return send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())


def only(endpoint: WebhookEndpoint) -> WebhookDelivery:
    (delivery,) = deliveries(endpoint)
    return delivery


def alerts() -> list[tuple[str, str]]:
    rows = Alert.objects.filter(kind__startswith="webhook_").order_by("pk")
    return [(alert.kind, alert.state) for alert in rows]


class TestSendDueWebhooks:
    def test_signs_what_it_sends(self, world: World, receiver: Receiver) -> None:
        endpoint, secret = subscribe(world.client, receiver.url)
        promise(endpoint)
        assert send() == 1
        (post,) = receiver.posts
        assert post.is_signed_with(secret)
        assert not post.is_signed_with("whsec_" + "A" * 32)
        assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 10
        assert post.headers["content-type"] == "application/json"
        delivery = only(endpoint)
        assert post.id == str(delivery.event_id)
        assert post.body.decode() == delivery.body
        assert set(post.json) == {"type", "timestamp", "data"}
        assert (post.json["type"], post.json["data"]) == (
            "webhook.test",
            {"endpoint_id": str(endpoint.pk)},
        )
        assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)
        assert [line["status"] for line in delivery.tries] == [204]
        assert send() == 0
        assert len(receiver.posts) == 1

    def test_is_not_satisfied_with_a_changed_body(self, world: World, receiver: Receiver) -> None:
        # The control of the check above: it fails when it should.
        endpoint, secret = subscribe(world.client, receiver.url)
        promise(endpoint)
        send()
        (post,) = receiver.posts
        forged = type(post)(path=post.path, headers=post.headers, body=post.body + b" ")
        assert not forged.is_signed_with(secret)

    def test_signs_with_both_secrets_during_a_rotation(
        self, world: World, receiver: Receiver
    ) -> None:
        endpoint, old = subscribe(world.client, receiver.url)
        _, new = rotate_endpoint_secret(
            viewer=SYSTEM, endpoint_id=endpoint.pk, overlap=timedelta(hours=1), now=now_and()
        )
        assert new != old
        promise(endpoint)
        send()
        promise(endpoint)
        send(later=3601)
        during, after = receiver.posts
        assert len(during.headers["webhook-signature"].split(" ")) == 2
        assert during.is_signed_with(old)
        assert during.is_signed_with(new)
        assert not after.is_signed_with(old)
        assert after.is_signed_with(new)

    def test_tries_again_until_it_succeeds(self, world: World, receiver: Receiver) -> None:
        endpoint, secret = subscribe(world.client, receiver.url)
        promise(endpoint)
        receiver.answers = [500, 429, 302]
        begun = now_and()
        assert send() == 1
        delivery = only(endpoint)
        assert (delivery.state, delivery.attempts) == (State.PENDING, 1)
        assert delivery.next_attempt_at is not None
        assert (
            timedelta()
            <= delivery.next_attempt_at - begun - timedelta(seconds=30)
            < (timedelta(seconds=10))
        )
        # Not before its time.
        assert send(later=20) == 0
        assert send(later=45) == 1
        assert send(later=45 + 301) == 1
        assert send(later=45 + 301 + 1501) == 1
        delivery = only(endpoint)
        assert delivery.state == State.DELIVERED
        assert [line["status"] for line in delivery.tries] == [500, 429, 302, 204]
        assert [line["number"] for line in delivery.tries] == [1, 2, 3, 4]
        assert len({post.id for post in receiver.posts}) == 1
        assert all(post.is_signed_with(secret) for post in receiver.posts)
        # The time of each call, not of the first.
        assert len({post.headers["webhook-timestamp"] for post in receiver.posts}) == 4
        endpoint.refresh_from_db()
        assert (endpoint.state, endpoint.failing_since) == ("active", None)
        assert alerts() == []

    def test_tries_for_three_days(self) -> None:
        assert timedelta(days=3) <= timedelta(seconds=sum(SCHEDULE)) < timedelta(days=3, hours=1)
        assert list(SCHEDULE) == sorted(SCHEDULE)

    def test_gives_up_after_three_days_and_says_so(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        receiver.always = 503
        later = 0.0
        for wait in (*SCHEDULE, 10_000_000):
            assert send(later=later) == 1
            later += wait + 60
        assert send(later=later) == 0
        delivery = only(endpoint)
        assert (delivery.state, delivery.next_attempt_at) == (State.FAILED, None)
        assert len(delivery.tries) == len(receiver.posts) == len(SCHEDULE) + 1 == 10
        endpoint.refresh_from_db()
        assert endpoint.state == "active"
        assert endpoint.flagged_at is not None
        assert endpoint.last_error == "Answered 503."
        assert alerts() == [("webhook_failing", "open")]
        alert = Alert.objects.get(kind="webhook_failing")
        assert (alert.client_id, alert.severity, alert.count) == (
            world.client.pk,
            "warning",
            1,
        )
        # Once it answers again, all is well.
        receiver.always = 204
        promise(endpoint)
        assert send(later=later) == 1
        endpoint.refresh_from_db()
        assert {endpoint.flagged_at, endpoint.failing_since} == {None}
        assert alerts() == [("webhook_failing", "resolved")]

    def test_disables_an_endpoint_that_is_gone(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        for _ in range(3):
            promise(endpoint)
        receiver.answers = [410]
        receiver.delay_seconds = 0.3
        send()
        sent = len(receiver.posts)
        assert sent <= 3
        endpoint.refresh_from_db()
        assert (endpoint.state, endpoint.reason) == ("disabled", GONE_REASON)
        assert alerts() == [("webhook_disabled", "open")]
        assert not WebhookDelivery.objects.filter(state=State.PENDING).exists()
        assert send(later=10_000) == 0
        with pytest.raises(ServiceError) as refusal:
            promise(endpoint)
        assert refusal.value.code.code == "GC-115"
        assert len(receiver.posts) == sent
        # By hand it goes on, and what was given up can be sent after all.
        switch_endpoint(viewer=SYSTEM, endpoint_id=endpoint.pk, is_active=True, now=now_and())
        lost = WebhookDelivery.objects.filter(state=State.FAILED).count()
        count = replay_failed(endpoint_id=endpoint.pk, since=now_and(-3600), now=now_and())
        assert count == lost
        assert send() == lost
        assert {one.state for one in deliveries(endpoint)} == {State.DELIVERED}
        assert alerts() == [("webhook_disabled", "resolved")]

    def test_keeps_what_a_paused_endpoint_is_to_hear(
        self, world: World, receiver: Receiver
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        switch_endpoint(viewer=SYSTEM, endpoint_id=endpoint.pk, is_active=False, now=now_and())
        assert send(later=60) == 0
        switch_endpoint(viewer=SYSTEM, endpoint_id=endpoint.pk, is_active=True, now=now_and())
        assert send(later=60) == 1
        assert only(endpoint).state == State.DELIVERED

    def test_sends_nothing_of_an_endpoint_that_was_removed(
        self, world: World, receiver: Receiver
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        delete_endpoint(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())
        assert send() == 0
        assert receiver.posts == []
        assert not WebhookDelivery.objects.exists()

    def test_goes_to_where_the_name_leads_at_the_time(
        self, world: World, settings: Settings
    ) -> None:
        # Registered while the name stood for a public address; now it stands for us.
        with Receiver() as receiver:
            public = Door(resolve=lambda _host, _port: ["93.184.216.34"])
            ours = Door(resolve=lambda _host, _port: ["127.0.0.1"])
            endpoint, _ = subscribe(world.client, "https://rebind.example.com:8443/", door=public)
            promise(endpoint)
            assert send(door=ours) == 1
            assert receiver.posts == []
        (line,) = only(endpoint).tries
        assert line["status"] is None
        assert line["error"] == "Not called. It leads to an address that is not a public one."

    def test_lets_no_slow_endpoint_hold_up_the_others(
        self, world: World, settings: Settings
    ) -> None:
        settings.WEBHOOK_TIMEOUT = 2.0
        with Receiver() as slow, Receiver() as quick:
            slow.delay_seconds = 5
            lazy, _ = subscribe(world.client, slow.url)
            lively, _ = subscribe(world.client, quick.url)
            for _ in range(30):
                promise(lazy)
            for _ in range(30):
                promise(lively)
            done = threading.Event()
            arrived: list[float] = []
            begun = time.monotonic()

            def watch(_post: object) -> None:
                arrived.append(time.monotonic() - begun)
                if len(arrived) == 30:
                    done.set()

            quick.on_post = watch
            send()
            assert done.is_set()
            assert max(arrived) < 2.0
            # Of the slow one's thirty only a few were even tried.
            assert len(slow.posts) <= 4
            states = [one.state for one in deliveries(lively)]
            assert states == [State.DELIVERED] * 30
            tried = [one for one in deliveries(lazy) if one.tries]
            assert len(tried) == len(slow.posts)
            back = [one for one in deliveries(lazy) if not one.tries]
            assert {one.attempts for one in back} == {0}

    def test_gives_what_two_senders_meet_to_one_of_them(
        self, world: World, receiver: Receiver
    ) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        for _ in range(25):
            promise(endpoint)
        counts = run_at_once(4, send)
        assert sum(int(count) for count in counts if isinstance(count, int)) == 25
        ids = [post.id for post in receiver.posts]
        assert len(ids) == len(set(ids)) == 25

    def test_would_send_twice_without_leases(self, world: World, receiver: Receiver) -> None:
        # The control: two that only look get the same.
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        due = WebhookDelivery.objects.filter(next_attempt_at__lte=now_and())
        assert len({*due.values_list("pk")} & {*due.values_list("pk")}) == 1

    def test_takes_up_what_a_dead_sender_left(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        now = now_and()
        (due,) = claim_webhooks(busy=[], endpoints=5, now=now, leased_until=now + webhook_lease())
        assert due.attempt == 1
        assert send(later=10) == 0
        assert send(later=webhook_lease().total_seconds() + 1) == 1
        delivery = only(endpoint)
        assert (delivery.state, delivery.attempts) == (State.DELIVERED, 2)
        assert [line["number"] for line in delivery.tries] == [2]


class TestReplayEvent:
    def test_sends_it_once_more_under_its_own_id(self, world: World, receiver: Receiver) -> None:
        endpoint, secret = subscribe(world.client, receiver.url)
        delivery = promise(endpoint)
        send()
        replay_webhook(
            viewer=SYSTEM, endpoint_id=endpoint.pk, delivery_id=delivery.pk, now=now_and()
        )
        send()
        first, second = receiver.posts
        assert (first.id, first.body) == (second.id, second.body)
        assert second.is_signed_with(secret)
        assert [line["number"] for line in only(endpoint).tries] == [1, 2]

    def test_has_all_its_tries_before_it(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        delivery = promise(endpoint)
        WebhookDelivery.objects.update(
            state=State.FAILED, attempts=10, next_attempt_at=None, finished_at=now_and()
        )
        receiver.always = 500
        replay_webhook(
            viewer=SYSTEM, endpoint_id=endpoint.pk, delivery_id=delivery.pk, now=now_and()
        )
        send()
        assert (only(endpoint).state, only(endpoint).attempts) == (State.PENDING, 1)

    def test_is_refused_while_it_is_on_its_way(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        delivery = promise(endpoint)
        with pytest.raises(ServiceError) as refusal:
            replay_webhook(
                viewer=SYSTEM,
                endpoint_id=endpoint.pk,
                delivery_id=delivery.pk,
                now=now_and(),
            )
        assert refusal.value.code.code == "GC-115"
        assert receiver.posts == []


class TestClearWebhooks:
    def test_clears_what_is_older_than_it_is_kept(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        old, new = promise(endpoint), promise(endpoint)
        WebhookDelivery.objects.filter(pk=old.pk).update(created_at=now_and(-31 * 86400))
        assert clear_webhooks(now=now_and()) == 1
        assert [one.pk for one in deliveries(endpoint)] == [new.pk]

    def test_keeps_all_where_the_setting_is_zero(
        self, world: World, receiver: Receiver, settings: Settings
    ) -> None:
        settings.WEBHOOKS_KEPT = 0
        endpoint, _ = subscribe(world.client, receiver.url)
        promise(endpoint)
        WebhookDelivery.objects.update(created_at=now_and(-3100 * 86400))
        assert clear_webhooks(now=now_and()) == 0
        assert len(deliveries(endpoint)) == 1
