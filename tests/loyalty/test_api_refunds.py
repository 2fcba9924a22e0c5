"""Refunds and what is owed, over the API."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.models import ReconciliationItem, Refund
from tests.credit.partners import Partner, assert_problem
from tests.loyalty.shop import Shop, points_of, points_out_of_order
from tests.loyalty.till import post, sale
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

MUG = {"lines": [{"sku": "MUG", "quantity": 1}], "reason": "It has a crack"}


@pytest.fixture
def till(world: World) -> Partner:
    return Partner(world.client, ("loyalty",))


def sell(shop: Shop, till: Partner, customer: Any) -> str:
    answer = post(till, "/checkouts/", sale(shop, customer, points=200, amount="14.00"))
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


class TestRefund:
    def test_answers_with_money_and_points(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(340)
        checkout = sell(shop, till, ana)
        response = post(till, f"/checkouts/{checkout}/refund/", MUG, key="r")
        refund = Refund.objects.get()
        assert response.status_code == 201
        assert response.json() == {
            "refund_id": str(refund.pk),
            "checkout_id": checkout,
            "state": "done",
            "amount": "10.50",
            "currency": "USD",
            "points_taken_back": 10,
            "points_returned": 150,
            "shortfall_points": 0,
            "points_balance": 294,
        }
        rest = post(till, f"/checkouts/{checkout}/refund/", {"amount": "3.50", "reason": "Cold"})
        assert (rest.json()["points_returned"], rest.json()["points_balance"]) == (50, 340)
        again = post(till, f"/checkouts/{checkout}/refund/", MUG, key="r")
        assert (again.status_code, again.json()) == (201, response.json())
        assert again["Idempotency-Replayed"] == "true"
        assert_problem(post(till, f"/checkouts/{checkout}/refund/", MUG), 409, "GC-115")
        assert (Refund.objects.count(), points_of(ana)) == (2, (340, 0))

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"reason": "x"}, ["amount", "lines"]),
            ({**MUG, "amount": "1.00"}, ["amount", "lines"]),
            ({"amount": "14.01", "reason": "x"}, ["amount"]),
            ({"amount": "0.00", "reason": "x"}, ["amount"]),
            ({"amount": "1.001", "reason": "x"}, ["amount"]),
            ({"lines": [{"sku": "MUG", "quantity": 2}], "reason": "x"}, ["lines"]),
            ({"lines": [{"sku": "TEA", "quantity": 1}], "reason": "x"}, ["lines"]),
            ({"amount": "1.00"}, ["reason"]),
            ({**MUG, "points": 5}, ["points"]),
        ],
    )
    def test_names_what_is_wrong(
        self, shop: Shop, till: Partner, body: dict[str, Any], fields: list[str]
    ) -> None:
        ana = shop.customer(340)
        checkout = sell(shop, till, ana)
        answer = post(till, f"/checkouts/{checkout}/refund/", body)
        assert sorted(assert_problem(answer, 400, "GC-012")["errors"]) == fields
        assert (Refund.objects.count(), points_of(ana)) == (0, (154, 0))

    def test_wants_a_key_and_is_not_for_a_stranger(self, shop: Shop, till: Partner) -> None:
        checkout = sell(shop, till, shop.customer(340))
        path = f"/checkouts/{checkout}/refund/"
        assert_problem(till.post(f"/loyalty{path}", MUG), 400, "GC-012")
        stranger = Partner(build_world(name="Pine").client, ("loyalty",))
        for _ in range(2):
            assert_problem(post(stranger, path, MUG, key="r"), 404, "GC-111")
        assert not Refund.objects.exists()


class TestReconciliation:
    @pytest.fixture
    def item(self, shop: Shop, till: Partner) -> ReconciliationItem:
        ana = shop.customer(340)
        with points_out_of_order():
            sell(shop, till, ana)
        return ReconciliationItem.objects.select_related("customer").get()

    def test_lists_what_is_owed_with_its_sum(self, till: Partner, item: ReconciliationItem) -> None:
        answer = till.get("/loyalty/reconciliation/", resolved="false").json()
        assert answer["summary"] == {
            "unresolved_count": 1,
            "lost_earnings": 14,
            "incorrect_redemptions": 200,
        }
        assert answer["results"] == [
            {
                "id": str(item.pk),
                "checkout_id": str(item.checkout_id),
                "client_id": str(item.client_id),
                "customer_id": str(item.customer_id),
                "points_earned": 14,
                "points_redeemed": 200,
                "order_total": "14.00",
                "currency": "USD",
                "error": item.error,
                "attempts": 0,
                "created_at": item.created_at.isoformat().replace("+00:00", "Z"),
                "last_attempt_at": None,
                "resolved": False,
                "resolved_at": None,
                "resolved_by": "",
                "resolution_note": "",
            }
        ]
        assert till.get("/loyalty/reconciliation/", resolved="true").json()["results"] == []

    def test_replays_once(self, till: Partner, item: ReconciliationItem) -> None:
        path = f"/reconciliation/{item.pk}/replay/"
        with points_out_of_order():
            failed = post(till, path, {}, key="p")
        assert (failed.status_code, failed.json()["resolved"]) == (200, False)
        assert failed.json()["attempts"] == 1
        done = post(till, path, {"note": "By hand"}, key="q").json()
        assert (done["resolved"], done["attempts"]) == (True, 2)
        assert done["resolution_note"] == "By hand"
        again = post(till, path, {}, key="p")
        assert (again.json(), again["Idempotency-Replayed"]) == (failed.json(), "true")
        assert post(till, path, {}).json()["attempts"] == 2
        assert points_of(item.customer) == (154, 0)
        summary = till.get("/loyalty/reconciliation/").json()["summary"]
        assert set(summary.values()) == {0}

    def test_resolves_with_a_note(self, till: Partner, item: ReconciliationItem) -> None:
        path = f"/reconciliation/{item.pk}/resolve/"
        errors = assert_problem(post(till, path, {}), 400, "GC-012")["errors"]
        assert list(errors) == ["note"]
        first = post(till, path, {"note": "Given up"}, key="r")
        assert (first.status_code, first.json()["resolved"]) == (200, True)
        assert first.json()["resolution_note"] == "Given up"
        again = post(till, path, {"note": "Given up"}, key="r")
        assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
        assert_problem(post(till, path, {"note": "Once more"}), 409, "GC-115")
        assert points_of(item.customer) == (340, 0)

    def test_is_not_for_a_stranger(self, item: ReconciliationItem) -> None:
        stranger = Partner(build_world(name="Pine").agency, ("loyalty",))
        answer = stranger.get("/loyalty/reconciliation/").json()
        assert (answer["results"], answer["summary"]["unresolved_count"]) == ([], 0)
        for deed in ("replay", "resolve"):
            path = f"/reconciliation/{item.pk}/{deed}/"
            assert_problem(post(stranger, path, {"note": "x"}), 404, "GC-111")
        assert points_of(item.customer) == (340, 200)
