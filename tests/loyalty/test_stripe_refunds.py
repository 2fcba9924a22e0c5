"""Money back through Stripe: written first, asked for then, given once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.models import Alert
from loyalty.emulator import Emulator
from loyalty.models import Refund
from loyalty.services.refund_calls import RefundRun, refund_due
from tests.credit.partners import Partner
from tests.loyalty.charging import card_sale
from tests.loyalty.shop import Shop, points_of
from tests.loyalty.till import post
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till(world: World) -> Partner:
    return Partner(world.client, ("loyalty",))


def refund(till: Partner, shop: Shop, amount: str = "7.00") -> Any:
    """Sell by card, and take half of it back."""
    checkout_id = post(till, "/checkouts/", card_sale(shop, shop.customer(340))).json()["id"]
    asked = {"amount": amount, "reason": "It has a crack"}
    response = post(till, f"/checkouts/{checkout_id}/refund/", asked)
    assert response.status_code == 201, response.json()
    return response.json()


def due() -> datetime:
    at = Refund.objects.get().next_attempt_at
    assert at is not None
    return at


def run(*, late: timedelta = timedelta(0)) -> RefundRun:
    return refund_due(now=due() + late, limit=100)


class TestRefund:
    def test_is_pending_until_stripe_has_paid_it_back(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        body = refund(till, shop)
        assert (body["state"], body["amount"]) == ("pending", "7.00")
        assert stripe.refunds() == []
        # The points went back at once.
        assert points_of(Refund.objects.get().checkout.customer)[0] == 154 + 100 - 7  # type: ignore[arg-type]
        assert run() == RefundRun(asked=1, done=1, failed=0)
        (given,) = stripe.refunds()
        row = Refund.objects.get()
        assert (row.state, row.gateway_reference, row.next_attempt_at) == (
            "done",
            given["id"],
            None,
        )
        assert (given["amount"], given["metadata"]) == (
            700, {"giftline_refund_id": body["refund_id"]},
        )  # fmt: skip
        assert stripe.taken() == 700
        assert refund_due(now=row.created_at + timedelta(days=9), limit=100).asked == 0

    def test_is_given_once_when_the_answer_is_lost(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        refund(till, shop)
        lost = {"match": {"request": "refund"}, "action": "drop", "accepted": True}
        stripe.set_faults([lost])
        assert run() == RefundRun(asked=1, done=0, failed=0)
        assert Refund.objects.get().state == "pending"
        # More than a day later, when Stripe has forgotten the key.
        stripe.forget_keys()
        assert run(late=timedelta(days=2)) == RefundRun(asked=1, done=1, failed=0)
        assert stripe.taken() == 700
        assert len(stripe.refunds()) == 1

    def test_is_asked_about_while_stripe_processes_it(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        refund(till, shop)
        stripe.set_faults([{"match": {"request": "refund"}, "action": "processing"}])
        assert run().done == 0
        stripe.settle()
        assert run().done == 1
        assert stripe.requests["refund"] == 1

    def test_that_stripe_refuses_has_failed_and_tells_somebody(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        body = refund(till, shop)
        stripe.set_faults([{"match": {"request": "refund"}, "action": "processing"}])
        run()
        stripe.settle(status="failed")
        assert run() == RefundRun(asked=1, done=0, failed=1)
        row = Refund.objects.get()
        assert (row.state, row.error, row.next_attempt_at) == ("failed", "failed", None)
        alert = Alert.objects.get(kind="loyalty_refund_failed")
        assert alert.data["refund_id"] == body["refund_id"]
        assert alert.subject == "A refund of 7.00 USD was refused"
