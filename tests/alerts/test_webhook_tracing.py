"""The request that caused an event: kept with it, sent along, and in the log of its calls."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from structlog.contextvars import bound_contextvars

from alerts.models import WebhookDelivery
from alerts.services.webhook_events import emit_webhook
from alerts.transactions import transaction
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import replay_webhook, send_test_event
from tests.alerts.hooking import Receiver, deliveries, now_and, send, subscribe
from tests.loglines import catch_log, of_request
from tests.redemption.asking import ask, caller
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

REQUEST_ID = "the-redemption-of-jane-42"
SUBJECT = UUID(int=7)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def promise(world: World) -> WebhookDelivery:
    """Promise the world's endpoint an event that Python tells of."""
    with transaction():
        emit_webhook(
            event_type="pool.low",
            subject=SUBJECT,
            occurrence="1",
            client_id=world.client.pk,
            agency_id=None,
            data={},
            now=NOW,
        )
    return WebhookDelivery.objects.get()


class TestRedemption:
    def test_is_told_under_its_request(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        world.stock(1)
        (code,) = world.invite()
        ask(code, caller=caller(request_id=REQUEST_ID), disclose=True)
        # Whoever sends it has another id, or none.
        with bound_contextvars(request_id="the-workers"), catch_log() as caught:
            assert send() == 2
        assert [row.request_id for row in deliveries(endpoint)] == [REQUEST_ID] * 2
        assert [post.headers["x-request-id"] for post in receiver.posts] == [REQUEST_ID] * 2
        assert of_request(caught.lines, REQUEST_ID).count("[WEBHOOK] Delivered") == 2

    def test_that_waits_is_told_under_its_request(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        (code,) = world.invite()
        ask(code, caller=caller(request_id=REQUEST_ID))
        (delivery,) = deliveries(endpoint)
        assert (delivery.event_type, delivery.request_id) == ("redemption.waiting", REQUEST_ID)


class TestEmitWebhook:
    def test_keeps_the_request_it_is_called_in(self, world: World, receiver: Receiver) -> None:
        subscribe(world.client, receiver.url)
        with bound_contextvars(request_id=REQUEST_ID):
            assert promise(world).request_id == REQUEST_ID
        send()
        assert receiver.posts[0].headers["x-request-id"] == REQUEST_ID

    @pytest.mark.parametrize("given", ["", "two\r\nX-Evil: 1", "x" * 65])
    def test_keeps_and_sends_none_that_no_header_takes(
        self, world: World, receiver: Receiver, given: str
    ) -> None:
        subscribe(world.client, receiver.url)
        with bound_contextvars(request_id=given):
            assert promise(world).request_id == ""
            send()
        assert "x-request-id" not in receiver.posts[0].headers


class TestReplay:
    def test_stays_under_the_request_that_caused_it(self, world: World, receiver: Receiver) -> None:
        endpoint, _ = subscribe(world.client, receiver.url)
        with bound_contextvars(request_id=REQUEST_ID):
            delivery = send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())
        send()
        with bound_contextvars(request_id="the-replay"):
            replay_webhook(
                viewer=SYSTEM, endpoint_id=endpoint.pk, delivery_id=delivery.pk, now=now_and()
            )
        send(later=1)
        assert [post.headers["x-request-id"] for post in receiver.posts] == [REQUEST_ID] * 2
