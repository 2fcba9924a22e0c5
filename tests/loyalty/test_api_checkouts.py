"""Checkouts over the API: what a till is told, and what is written when it is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from loyalty.models import Checkout, CheckoutLine, LoyaltyTransaction, Payment
from tests.credit.partners import Partner, assert_problem
from tests.loyalty.shop import Shop, history_of, open_shop, points_of, points_out_of_order
from tests.loyalty.till import cart, post, sale
from tests.races import run_at_once
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till(world: World) -> Partner:
    return Partner(world.client, ("loyalty",))


def assert_nothing_written(shop: Shop) -> None:
    assert not Checkout.objects.exists()
    assert not Payment.objects.exists()
    assert not CheckoutLine.objects.exists()
    for article in (shop.coffee, shop.mug):
        article.refresh_from_db()
        assert article.reserved == 0
    assert (shop.coffee.on_hand, shop.mug.on_hand) == (100, 10)


class TestCheckOut:
    def test_answers_with_all_of_it(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(340)
        response = post(till, "/checkouts/", sale(shop, ana, points=200, amount="14.00"))
        body = response.json()
        checkout = Checkout.objects.get()
        assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
        steps = body.pop("steps")
        assert body == {
            "id": str(checkout.pk),
            "client_id": str(shop.client.pk),
            "customer_id": str(ana.pk),
            "register_session_id": str(shop.till.pk),
            "order_number": "4711",
            "state": "completed",
            "loyalty": "applied",
            "subtotal": "16.00",
            "discount": "2.00",
            "total": "14.00",
            "refunded": "0.00",
            "currency": "USD",
            "points_redeemed": 200,
            "points_earned": 14,
            "points_balance": 154,
            "lines": [
                {"sku": "COFFEE", "name": "Coffee", "quantity": 1, "price": "4.00", "refunded": 0},
                {"sku": "MUG", "name": "Mug", "quantity": 1, "price": "12.00", "refunded": 0},
            ],
            "payment": {
                "id": str(checkout.payment.pk),
                "gateway": "manual",
                "state": "approved",
                "amount": "14.00",
                "currency": "USD",
                "reference": "slip-0815",
            },
            "created_at": checkout.created_at.isoformat().replace("+00:00", "Z"),
        }
        assert [(step["name"], step["status"]) for step in steps] == [
            ("validate", "ok"),
            ("reserve_stock", "ok"),
            ("hold_points", "ok"),
            ("take_payment", "approved"),
            ("finalise_stock", "ok"),
            ("update_points", "ok"),
            ("update_register_session", "ok"),
        ]
        assert checkout.actor.startswith("key:")
        assert checkout.request_id == response["X-Request-ID"]
        assert points_of(ana) == (154, 0)

    def test_is_for_somebody_without_points_too(self, shop: Shop, till: Partner) -> None:
        body = post(till, "/checkouts/", sale(shop)).json()
        assert (body["state"], body["loyalty"], body["points_balance"]) == (
            "completed",
            "none",
            None,
        )

    def test_answers_a_repeat_as_it_first_did(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(340)
        asked = sale(shop, ana, points=200, amount="14.00")
        first = post(till, "/checkouts/", asked, key="k")
        refund = {"amount": "14.00", "reason": "All of it comes back"}
        assert post(till, f"/checkouts/{first.json()['id']}/refund/", refund).status_code == 201
        again = post(till, "/checkouts/", asked, key="k")
        assert again.json() == first.json()
        assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
        assert "Idempotency-Replayed" not in first
        changed = sale(shop, ana, points=201, amount="13.99")
        assert_problem(post(till, "/checkouts/", changed, key="k"), 422, "GC-107")
        assert Checkout.objects.count() == 1
        now = till.get(f"/loyalty/checkouts/{first.json()['id']}/").json()
        assert (now["state"], now["refunded"], now["points_balance"]) == ("refunded", "14.00", 340)

    def test_sells_once_to_repeats_at_once(self, shop: Shop, till: Partner) -> None:
        asked = sale(shop, shop.customer(340), points=340, amount="12.60")
        answers = run_at_once(4, lambda: post(till, "/checkouts/", asked, key="k"))
        assert {getattr(one, "status_code", one) for one in answers} == {201}
        assert len({one.content for one in answers if not isinstance(one, Exception)}) == 1
        assert Checkout.objects.count() == 1

    def test_names_both_numbers_before_any_payment(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(40)
        asked = sale(shop, ana, points=100, amount="15.00")
        first = post(till, "/checkouts/", asked, key="k")
        body = assert_problem(first, 422, "GC-112")
        assert (body["available"], body["requested"]) == (40, 100)
        assert body["detail"].endswith("Available: 40, Requested: 100")
        again = post(till, "/checkouts/", asked, key="k")
        assert {**again.json(), "request_id": ""} == {**body, "request_id": ""}
        assert again["Idempotency-Replayed"] == "true"
        assert_nothing_written(shop)
        assert points_of(ana) == (40, 0)

    def test_keeps_what_was_declined_and_lets_it_be_tried_again(
        self, shop: Shop, till: Partner
    ) -> None:
        ana = shop.customer(340)
        asked = sale(shop, ana, points=200, amount="14.00", result="declined")
        body = assert_problem(post(till, "/checkouts/", asked, key="k"), 402, "GC-113")
        assert body["checkout_id"] == str(Checkout.objects.get().pk)
        kept = till.get(f"/loyalty/checkouts/{body['checkout_id']}/").json()
        assert (kept["state"], kept["loyalty"]) == ("declined", "none")
        assert kept["payment"]["state"] == "declined"
        assert points_of(ana) == (340, 0)
        again = sale(shop, ana, points=200, amount="14.00")
        assert post(till, "/checkouts/", again, key="k").status_code == 201
        assert points_of(ana) == (154, 0)

    def test_still_succeeds_when_points_are_out_of_order(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(340)
        asked = sale(shop, ana, points=200, amount="14.00")
        with points_out_of_order():
            first = post(till, "/checkouts/", asked, key="k")
        assert first.status_code == 201
        body = first.json()
        assert (body["loyalty"], body["points_balance"], body["points_earned"]) == (
            "pending",
            340,
            14,
        )
        item = till.get("/loyalty/reconciliation/").json()["results"][0]["id"]
        assert post(till, f"/reconciliation/{item}/replay/", {}).json()["resolved"] is True
        assert post(till, "/checkouts/", asked, key="k").json() == body
        assert points_of(ana) == (154, 0)

    def test_says_that_articles_or_the_number_are_gone(self, shop: Shop, till: Partner) -> None:
        lines = [{"sku": "MUG", "quantity": 11}]
        body = assert_problem(
            post(till, "/checkouts/", sale(shop, lines=lines, amount="132.00")), 409, "GC-115"
        )
        assert body["errors"] == {"lines": ["MUG: 11 asked, 10 left."]}
        assert_nothing_written(shop)
        assert post(till, "/checkouts/", sale(shop)).status_code == 201
        body = assert_problem(post(till, "/checkouts/", sale(shop)), 409, "GC-115")
        assert body["order_number"] == "4711"

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"amount": "15.99"}, "payment.amount"),
            ({"amount": "16.001"}, "payment.amount"),
            ({"amount": "-16.00"}, "payment.amount"),
            ({"amount": 16}, "payment.amount"),
            ({"result": "unknown"}, "payment.result"),
            ({"payment": {"gateway": "barter", "result": "approved", "amount": "16.00"}},
             "payment.gateway"),
            ({"price": "1.00"}, "price"),
            ({"points_earned": 1000}, "points_earned"),
            ({"lines": []}, "lines"),
            ({"lines": [{"sku": "MUG", "quantity": 0}]}, "lines.0.quantity"),
            ({"lines": [{"sku": "MUG", "quantity": 1, "price": "0.01"}]}, "lines.0.price"),
            ({"lines": [{"sku": "TEA", "quantity": 1}]}, "lines"),
            ({"points_to_redeem": -1}, "points_to_redeem"),
            ({"points_to_redeem": 100}, "points_to_redeem"),
            ({"customer_id": "00000000-0000-4000-8000-000000000000"}, "customer_id"),
            ({"register_session_id": "00000000-0000-4000-8000-000000000000"},
             "register_session_id"),
            ({"order_number": ""}, "order_number"),
            ({"client_id": "00000000-0000-4000-8000-000000000000"}, "client_id"),
        ],
    )  # fmt: skip
    def test_names_what_is_wrong(
        self, shop: Shop, till: Partner, changes: dict[str, Any], field: str
    ) -> None:
        response = post(till, "/checkouts/", sale(shop, **changes))
        errors = assert_problem(response, 400, "GC-012")["errors"]
        assert [name.replace("[", ".").replace("]", "") for name in errors] == [field]
        assert_nothing_written(shop)

    def test_wants_a_key_for_repeats(self, shop: Shop, till: Partner) -> None:
        response = till.post("/loyalty/checkouts/", sale(shop))
        assert list(assert_problem(response, 400, "GC-012")["errors"]) == ["Idempotency-Key"]

    def test_is_for_the_client_that_a_higher_key_names(self, shop: Shop, world: World) -> None:
        for owner, number in ((world.agency, "1"), (None, "2")):
            above = Partner(owner, ("loyalty",))
            asked = sale(shop, order_number=number, register_session_id=None)
            errors = assert_problem(post(above, "/checkouts/", asked), 400, "GC-012")["errors"]
            assert errors == {"client_id": ["Say which client this is for."]}
            named = {**asked, "client_id": str(world.client.pk)}
            assert post(above, "/checkouts/", named).status_code == 201

    def test_is_for_the_client_of_its_customer_or_till(self, shop: Shop, world: World) -> None:
        above = Partner(world.agency, ("loyalty",))
        asked = (
            sale(shop, shop.customer(), order_number="1", register_session_id=None),
            sale(shop, order_number="2"),
        )
        for body in asked:
            answer = post(above, "/checkouts/", body)
            assert answer.status_code == 201, answer.json()
            assert answer.json()["client_id"] == str(world.client.pk)
        # The control: what its key does not see tells nothing.
        stranger = Partner(build_world(name="Pine").agency, ("loyalty",))
        for body in asked:
            errors = assert_problem(post(stranger, "/checkouts/", body), 400, "GC-012")["errors"]
            assert errors == {"client_id": ["Say which client this is for."]}

    def test_is_not_for_a_stranger(self, shop: Shop, till: Partner) -> None:
        other = build_world(name="Pine")
        stranger = open_shop(other)
        body = post(till, "/checkouts/", sale(shop, shop.customer())).json()
        for owner in (other.client, other.agency):
            elsewhere = Partner(owner, ("loyalty",))
            assert elsewhere.get("/loyalty/checkouts/").json()["results"] == []
            found = elsewhere.get(f"/loyalty/checkouts/{body['id']}/")
            assert_problem(found, 404, "GC-111")
            asked = {**sale(stranger), "client_id": str(shop.client.pk)}
            errors = assert_problem(post(elsewhere, "/checkouts/", asked), 400, "GC-012")
            assert list(errors["errors"]) == ["client_id"]
        # Neither with another's customer nor at another's till.
        ana = shop.customer(340)
        theirs = Partner(other.client, ("loyalty",))
        for asked in (sale(stranger, ana), sale(shop)):
            assert_problem(post(theirs, "/checkouts/", asked), 400, "GC-012")
        assert Checkout.objects.count() == 1
        assert LoyaltyTransaction.objects.filter(reference_type="order").count() == 1

    def test_demands_its_scope(self, shop: Shop, world: World) -> None:
        nobody = Partner(world.client, ("redeem", "credit:read"))
        body = assert_problem(post(nobody, "/checkouts/", sale(shop)), 403, "GC-110")
        assert body["scope"] == "loyalty"
        assert_problem(nobody.get("/loyalty/checkouts/"), 403, "GC-110")


class TestList:
    def test_shows_all_from_the_newest_on(self, shop: Shop, till: Partner, world: World) -> None:
        ana = shop.customer(340)
        for number in ("1", "2", "3"):
            assert (
                post(till, "/checkouts/", sale(shop, ana, order_number=number)).status_code == 201
            )
        page = till.get("/loyalty/checkouts/", page_size=2).json()
        assert [row["order_number"] for row in page["results"]] == ["3", "2"]
        rest = till.follow(page["next"]).json()
        assert [row["order_number"] for row in rest["results"]] == ["1"]
        found = till.get("/loyalty/checkouts/", order_number="2").json()["results"]
        assert [row["order_number"] for row in found] == ["2"]
        assert found[0] == till.get(f"/loyalty/checkouts/{found[0]['id']}/").json()
        for name, value in (("state", "declined"), ("customer_id", str(uuid4()))):
            assert till.get("/loyalty/checkouts/", **{name: value}).json()["results"] == []
        above = Partner(world.agency, ("loyalty",)).get("/loyalty/checkouts/").json()
        assert len(above["results"]) == 3


class TestQuote:
    def test_says_what_a_cart_would_cost_and_earn(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(340)
        response = till.post("/loyalty/quotes/", cart(ana, points=200))
        assert response.status_code == 200
        assert response.json() == {
            "subtotal": "16.00",
            "discount": "2.00",
            "total": "14.00",
            "currency": "USD",
            "points_to_earn": 14,
            "redeemable": True,
            "available": 340,
        }
        assert till.post("/loyalty/quotes/", cart()).json()["available"] is None
        assert_nothing_written(shop)
        assert history_of(ana.pk) == [("adjusted", 340, 0, 340)]

    def test_names_both_numbers(self, shop: Shop, till: Partner) -> None:
        response = till.post("/loyalty/quotes/", cart(shop.customer(40), points=41))
        body = assert_problem(response, 422, "GC-112")
        assert (body["available"], body["requested"]) == (40, 41)
        assert "Available: 40, Requested: 41" in body["detail"]

    def test_answers_a_repeat_with_the_same(self, shop: Shop, till: Partner) -> None:
        asked = cart(shop.customer(340))
        first = post(till, "/quotes/", asked, key="q")
        shop.mug.price_minor = 9900
        shop.mug.save(update_fields=["price_minor"])
        again = post(till, "/quotes/", asked, key="q")
        assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
        assert post(till, "/quotes/", asked).json()["total"] == "103.00"
