"""Checkouts that Stripe is paid for, over real HTTP to its stand-in."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from pytest_django import Settings

from loyalty.emulator import Emulator
from loyalty.models import Checkout, Payment, ReconciliationItem
from loyalty.services.payments import GIVEN_UP_AFTER, settle_due
from tests.credit.partners import Partner, assert_problem
from tests.loyalty.charging import (
    BLIND,
    FREE,
    HELD,
    REFUSED,
    SOLD,
    articles_of,
    begun_at,
    card_sale,
    payment_of,
    settle,
)
from tests.loyalty.shop import Shop, points_of, points_out_of_order
from tests.loyalty.till import post
from tests.races import run_at_once
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

TOO_LATE = {"action": "timeout", "seconds": 3.0}


@pytest.fixture
def till(world: World) -> Partner:
    return Partner(world.client, ("loyalty",))


def ask(now: datetime) -> int:
    return settle_due(now=now, limit=100).asked


class TestApproved:
    def test_sells_and_earns(self, shop: Shop, till: Partner, stripe: Emulator) -> None:
        ana = shop.customer(340)
        response = post(till, "/checkouts/", card_sale(shop, ana))
        body = response.json()
        assert response.status_code == 201, body
        (intent,) = stripe.payments()
        payment = payment_of(body["id"])
        assert body["payment"] == {
            "id": str(payment.pk),
            "gateway": "stripe",
            "state": "approved",
            "amount": "14.00",
            "currency": "USD",
            "reference": intent["id"],
        }
        assert (body["state"], body["loyalty"], body["points_balance"]) == (
            "completed", "applied", 154,
        )  # fmt: skip
        assert (intent["amount"], intent["currency"], intent["status"]) == (
            1400, "usd", "succeeded",
        )  # fmt: skip
        assert intent["metadata"] == {"giftline_payment_id": str(payment.pk)}
        assert points_of(ana) == (154, 0)
        assert articles_of(shop) == SOLD
        assert stripe.requests == {"create": 1}

    def test_answers_a_repeat_without_another_charge(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        asked = card_sale(shop, shop.customer(340))
        first = post(till, "/checkouts/", asked, key="k")
        again = post(till, "/checkouts/", asked, key="k")
        assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
        assert again.json() == first.json()
        assert stripe.requests == {"create": 1}

    def test_charges_once_for_repeats_at_once(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        asked = card_sale(shop, shop.customer(340))
        answers = run_at_once(4, lambda: post(till, "/checkouts/", asked, key="k"))
        # Who comes while the first is being charged hears that, and nothing else.
        assert {getattr(one, "status_code", one) for one in answers} <= {201, 202}
        assert Checkout.objects.get().state == "completed"
        assert stripe.taken() == 1400
        assert stripe.requests == {"create": 1}

    def test_asks_nobody_when_points_pay_for_all(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        asked = card_sale(shop, shop.customer(1600), points=1600, amount="0.00")
        assert post(till, "/checkouts/", asked).status_code == 201
        assert stripe.requests == {}

    def test_owes_the_points_that_cannot_be_posted(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        ana = shop.customer(340)
        with points_out_of_order():
            body = post(till, "/checkouts/", card_sale(shop, ana)).json()
        assert (body["state"], body["loyalty"]) == ("completed", "pending")
        assert ReconciliationItem.objects.get().checkout_id == payment_of(body["id"]).checkout_id
        assert points_of(ana) == (340, 200)


class TestDeclined:
    def test_gives_all_back_and_may_be_tried_again(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        ana = shop.customer(340)
        asked = card_sale(shop, ana, method=REFUSED)
        body = assert_problem(post(till, "/checkouts/", asked, key="k"), 402, "GC-113")
        payment = payment_of(body["checkout_id"])
        assert (payment.state, payment.error) == ("declined", "insufficient_funds")
        assert payment.gateway_reference == stripe.payments()[0]["id"]
        assert points_of(ana) == (340, 0)
        assert articles_of(shop) == FREE
        assert post(till, "/checkouts/", card_sale(shop, ana), key="k").status_code == 201
        assert stripe.taken() == 1400

    @pytest.mark.parametrize(
        ("method", "error"),
        [
            ("pm_card_authenticationRequired", "authentication_required"),
            ("pm_nobodys", "resource_missing"),
        ],
    )
    def test_keeps_stripes_word(
        self, shop: Shop, till: Partner, stripe: Emulator, method: str, error: str
    ) -> None:
        asked = card_sale(shop, shop.customer(340), method=method)
        assert_problem(post(till, "/checkouts/", asked), 402, "GC-113")
        assert Payment.objects.get().error == error
        assert stripe.taken() == 0

    def test_when_stripe_cannot_be_reached_or_refuses_the_key(
        self, shop: Shop, till: Partner, stripe: Emulator, settings: Settings
    ) -> None:
        asked = card_sale(shop, shop.customer(340))
        settings.STRIPE_API_KEY = "sk_test_of_somebody_else"
        assert_problem(post(till, "/checkouts/", asked), 402, "GC-113")
        settings.STRIPE_API_BASE_URL = "http://127.0.0.1:9"
        assert_problem(post(till, "/checkouts/", asked), 402, "GC-113")
        assert stripe.requests == {}
        assert articles_of(shop) == FREE


class TestRefused:
    def test_before_anything_is_charged(
        self, shop: Shop, till: Partner, stripe: Emulator, settings: Settings
    ) -> None:
        ana = shop.customer(340)
        wrong = card_sale(shop, ana, amount="13.99")
        body = assert_problem(post(till, "/checkouts/", wrong), 400, "GC-012")
        assert list(body["errors"]) == ["payment.amount"]
        for method in ("4242424242424242", "pm_ 1", ""):
            body = assert_problem(
                post(till, "/checkouts/", card_sale(shop, ana, method=method)), 400, "GC-012"
            )
            assert list(body["errors"]) == ["payment.payment_method"]
        manual = card_sale(shop, ana)
        manual["payment"]["gateway"] = "manual"
        body = assert_problem(post(till, "/checkouts/", manual), 400, "GC-012")
        assert list(body["errors"]) == ["payment.result", "payment.payment_method"]
        settings.STRIPE_API_KEY = ""
        body = assert_problem(post(till, "/checkouts/", card_sale(shop, ana)), 400, "GC-012")
        assert list(body["errors"]) == ["payment.gateway"]
        assert stripe.requests == {}
        assert not Checkout.objects.exists()
        assert points_of(ana) == (340, 0)
        assert articles_of(shop) == FREE


class TestUnknown:
    def test_holds_all_and_is_settled_by_the_job_without_a_second_charge(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        ana = shop.customer(340)
        stripe.set_faults([TOO_LATE])
        asked = card_sale(shop, ana)
        first = post(till, "/checkouts/", asked, key="k")
        body = first.json()
        assert (first.status_code, body["state"], body["payment"]["state"]) == (
            202, "payment_unknown", "unknown",
        )  # fmt: skip
        assert points_of(ana) == (340, 200)
        assert articles_of(shop) == HELD
        stripe.release()
        again = post(till, "/checkouts/", asked, key="k")
        assert (again.status_code, again.json()) == (202, body)

        assert settle(body["id"], after=timedelta(seconds=59)).asked == 0
        run = settle(body["id"])
        assert (run.asked, run.settled) == (1, 1)
        now = till.get(f"/loyalty/checkouts/{body['id']}/").json()
        assert (now["state"], now["loyalty"], now["points_balance"]) == (
            "completed", "applied", 154,
        )  # fmt: skip
        assert now["payment"]["reference"] == stripe.payments()[0]["id"]
        assert stripe.taken() == 1400
        assert stripe.requests == {"create": 1, "search": 1, "retrieve": 1}
        assert articles_of(shop) == SOLD
        # What was told first is told again.
        assert post(till, "/checkouts/", asked, key="k").json() == body
        assert settle(body["id"], after=timedelta(hours=2)).asked == 0

    @pytest.mark.parametrize(
        "fault",
        [
            {"action": "drop", "accepted": True},
            {"action": "status", "status": 500, "accepted": True},
        ],
    )
    def test_after_any_answer_that_leaves_a_doubt(
        self, shop: Shop, till: Partner, stripe: Emulator, fault: dict[str, object]
    ) -> None:
        stripe.set_faults([fault])
        response = post(till, "/checkouts/", card_sale(shop, shop.customer(340)))
        assert response.status_code == 202
        assert settle(response.json()["id"]).settled == 1
        assert Checkout.objects.get().state == "completed"
        assert stripe.taken() == 1400

    def test_of_what_stripe_still_processes_waits_for_its_end(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        stripe.set_faults([{"action": "processing"}])
        checkout_id = post(till, "/checkouts/", card_sale(shop, shop.customer(340))).json()["id"]
        payment = payment_of(checkout_id)
        assert (payment.gateway_reference, payment.error) == (
            stripe.payments()[0]["id"], "processing",
        )  # fmt: skip
        # For as long as it takes: it is never given up while Stripe has it.
        assert settle(checkout_id, after=GIVEN_UP_AFTER * 2).settled == 0
        stripe.settle()
        assert settle(checkout_id, after=timedelta(hours=3)).settled == 1
        assert Checkout.objects.get().state == "completed"
        assert "search" not in stripe.requests

    def test_of_what_never_arrived_is_declined_after_a_quarter_of_an_hour(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        ana = shop.customer(340)
        stripe.set_faults([{"match": {"nth": 1}, "action": "drop", "accepted": False}])
        checkout_id = post(till, "/checkouts/", card_sale(shop, ana)).json()["id"]
        assert settle(checkout_id).settled == 0
        assert payment_of(checkout_id).error == "not_found"
        assert points_of(ana) == (340, 200)
        assert settle(checkout_id, after=GIVEN_UP_AFTER).settled == 1
        assert Checkout.objects.get().state == "declined"
        assert payment_of(checkout_id).error == "not_charged"
        assert points_of(ana) == (340, 0)
        assert articles_of(shop) == FREE
        assert [intent["status"] for intent in stripe.payments()] == ["canceled"]

    def test_is_not_given_up_while_a_search_is_blind(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        stripe.set_faults([TOO_LATE, BLIND])
        checkout_id = post(till, "/checkouts/", card_sale(shop, shop.customer(340))).json()["id"]
        stripe.release()
        assert settle(checkout_id, after=GIVEN_UP_AFTER).settled == 0
        payment = payment_of(checkout_id)
        assert (payment.state, payment.error) == ("unknown", "idempotency_error")
        stripe.set_faults([])
        assert settle(checkout_id, after=GIVEN_UP_AFTER * 2).settled == 1
        assert Checkout.objects.get().state == "completed"
        assert stripe.taken() == 1400

    def test_is_asked_about_by_one_worker_and_ever_more_seldom(
        self, shop: Shop, till: Partner, stripe: Emulator
    ) -> None:
        stripe.set_faults([{"action": "processing"}])
        checkout_id = post(till, "/checkouts/", card_sale(shop, shop.customer(340))).json()["id"]
        began, waits = begun_at(checkout_id), []
        for _ in range(8):
            due = payment_of(checkout_id).next_attempt_at
            assert due is not None
            runs = run_at_once(2, partial(ask, due))
            assert sorted(map(str, runs)) == ["0", "1"]
            waits.append((due - began).total_seconds() / 60)
        assert waits == [1, 2, 4, 8, 16, 32, 64, 124]
