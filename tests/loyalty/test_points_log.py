"""What is logged of an update, and what an error tracker hears where there is one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from structlog.testing import capture_logs

from tests.loyalty.shop import Shop, points_out_of_order

pytestmark = pytest.mark.django_db(transaction=True)

ASK = "import sys, loyalty.services.points_log; print('sentry_sdk' in sys.modules)"


class Kept(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


@pytest.fixture
def tracker() -> Iterator[Kept]:
    kept = Kept()
    sentry_sdk.init(
        dsn="https://key@tracker.example/1",
        transport=kept,
        traces_sample_rate=1.0,
        default_integrations=False,
    )
    yield kept
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


class TestUpdatingPoints:
    def test_logs_both_ways_and_the_difference(self, shop: Shop) -> None:
        ana = shop.customer(points=300)
        with capture_logs() as lines:
            done = shop.buy(shop.cart(ana, mugs=1, points=300))
        assert [line for line in lines if line["event"] == "[LOYALTY] Points updated"] == [
            {
                "event": "[LOYALTY] Points updated",
                "log_level": "info",
                "operation": "loyalty_update",
                "customer_id": str(ana.pk),
                "order_id": str(done.checkout_id),
                "earned": 9,
                "redeemed": 300,
                "net_change": -291,
            }
        ]

    def test_logs_nothing_that_was_not_written(self, shop: Shop) -> None:
        ana = shop.customer(points=300)
        with capture_logs() as lines, points_out_of_order():
            shop.buy(shop.cart(ana, mugs=1, points=300))
        assert "[LOYALTY] Points updated" not in {line["event"] for line in lines}

    def test_opens_a_span_with_its_tags_and_breadcrumbs(self, shop: Shop, tracker: Kept) -> None:
        ana = shop.customer()
        with sentry_sdk.start_transaction(name="till"):
            done = shop.buy(shop.cart(ana, mugs=1))
        event: Any = tracker.envelopes[-1].get_transaction_event()
        span = next(one for one in event["spans"] if one["op"] == "loyalty.update")
        assert span["tags"] == {
            "operation": "loyalty_update",
            "customer_id": str(ana.pk),
            "order_id": str(done.checkout_id),
        }
        sentry_sdk.capture_message("what happened before")
        told: Any = tracker.envelopes[-1].get_event()
        crumbs = [one for one in told["breadcrumbs"]["values"] if one["category"] == "loyalty"]
        assert [(crumb["data"]["earned"], crumb["data"]["net_change"]) for crumb in crumbs] == [
            (12, 12)
        ]

    def test_does_not_import_a_tracker_that_nobody_has_set_up(self) -> None:
        asked = subprocess.run(
            [sys.executable, "-c", ASK], capture_output=True, text=True, check=True
        )
        assert asked.stdout.strip() == "False"
