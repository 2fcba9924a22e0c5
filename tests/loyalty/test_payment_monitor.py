"""Payments whose end is unknown for long: one alert, one notice, and an end of both."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from alerts.models import Alert
from loyalty.emulator import Emulator
from loyalty.models import Checkout
from loyalty.services.monitors import UNKNOWN_PAYMENT, watch_payments
from tests.alerts.monitoring import facts, look, standing, told, told_by_slack
from tests.credit.partners import Partner
from tests.loyalty.charging import BLIND, articles_of, begun_at, card_sale, settle
from tests.loyalty.shop import Shop
from tests.loyalty.till import post
from tests.world import World

__all__ = ["told_by_slack"]

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
# The first charge is accepted, but its answer never comes; then a search does not find it.
LOST: list[dict[str, Any]] = [{"match": {"nth": 1}, "action": "drop", "accepted": True}, BLIND]


@pytest.fixture
def till(world: World) -> Partner:
    return Partner(world.client, ("loyalty",))


def leave_unknown(shop: Shop, till: Partner, *, order: str = "4711") -> str:
    response = post(till, "/checkouts/", card_sale(shop, points=0, amount="16.00",
                                                   order_number=order))  # fmt: skip
    assert response.status_code == 202
    checkout_id: str = response.json()["id"]
    return checkout_id


class TestWatchPayments:
    def test_tells_once_of_what_is_unknown_for_an_hour_and_once_of_its_end(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        stripe.set_faults(LOST)
        checkout_id = leave_unknown(shop, till)
        began = begun_at(checkout_id)
        assert settle(checkout_id, after=HOUR).settled == 0
        assert look("payments", now=began + HOUR) == []
        assert told() == []

        assert look("payments", now=began + HOUR + SECOND) == [(UNKNOWN_PAYMENT, "warning")]
        assert look("payments", now=began + 2 * HOUR) == [(UNKNOWN_PAYMENT, "warning")]
        assert told() == [("opened", "warning")]
        alert = Alert.objects.get()
        assert (alert.client_id, alert.dedupe_key) == (
            shop.client.pk, f"{UNKNOWN_PAYMENT}:{shop.client.pk}",
        )  # fmt: skip
        assert alert.data["payments"] == 1
        assert alert.data["errors"] == ["idempotency_error"]

        # Stripe's search sees again: the job learns the end, and nobody was charged twice.
        stripe.set_faults([])
        assert settle(checkout_id, after=3 * HOUR).settled == 1
        assert Checkout.objects.get().state == "completed"
        assert stripe.taken() == 1600
        assert look("payments", now=began + 3 * HOUR) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_tells_again_after_a_day(self, shop: Shop, till: Partner, stripe: Emulator) -> None:
        stripe.set_faults(LOST)
        began = begun_at(leave_unknown(shop, till))
        assert look("payments", now=began + 24 * HOUR - SECOND) == [(UNKNOWN_PAYMENT, "warning")]
        assert look("payments", now=began + 24 * HOUR) == [(UNKNOWN_PAYMENT, "critical")]
        assert told() == [("opened", "warning"), ("escalated", "critical")]

    def test_counts_all_of_a_client_under_one_alert(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        stripe.set_faults([{"action": "processing"}])
        first = leave_unknown(shop, till)
        second = leave_unknown(shop, till, order="4712")
        late = begun_at(second) + HOUR + SECOND
        assert look("payments", now=late) == [(UNKNOWN_PAYMENT, "warning")]
        assert facts(UNKNOWN_PAYMENT)["payments"] == 2
        oldest = begun_at(first).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert facts(UNKNOWN_PAYMENT)["oldest_at"] == oldest
        assert told() == [("opened", "warning")]
        assert articles_of(shop) == ((100, 2), (10, 2))

    def test_begins_when_the_settings_say(
        self, shop: Shop, till: Partner, stripe: Emulator, settings: Settings
    ) -> None:
        stripe.set_faults(LOST)
        began = begun_at(leave_unknown(shop, till))
        assert [found.kind for found in watch_payments(now=began + HOUR + SECOND)] == [
            UNKNOWN_PAYMENT
        ]
        settings.THRESHOLDS = replace(settings.THRESHOLDS, unknown_payment_seconds=7200.0)
        assert list(watch_payments(now=began + HOUR + SECOND)) == []

    def test_leaves_what_is_settled_alone(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        response = post(till, "/checkouts/", card_sale(shop, points=0, amount="16.00"))
        assert response.status_code == 201
        began = begun_at(response.json()["id"])
        assert look("payments", now=began + 48 * HOUR) == []
        assert standing() == []
