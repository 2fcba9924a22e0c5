"""Customers over the API: added once, found by their client, with what became of their points."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.models import Customer, LoyaltyTransaction
from tests.credit.partners import Partner, assert_problem
from tests.loyalty.shop import Shop
from tests.loyalty.till import post, sale
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

ANA = {
    "first_name": "Ana",
    "last_name": "Reyes",
    "phone": "(202) 555-0123",
    "email": "ana@example.com",
}


@pytest.fixture
def till(world: World) -> Partner:
    return Partner(world.client, ("loyalty",))


class TestCreate:
    def test_answers_with_the_customer(self, world: World, till: Partner) -> None:
        response = post(till, "/customers/", ANA)
        customer = Customer.objects.get()
        assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
        assert response.json() == {
            "id": str(customer.pk),
            "client_id": str(world.client.pk),
            "first_name": "Ana",
            "last_name": "Reyes",
            "phone": "+12025550123",
            "email": "ana@example.com",
            "points_balance": 0,
            "points_held": 0,
            "points_available": 0,
            "lifetime_points": 0,
            "tier": None,
            "is_active": True,
            "created_at": customer.created_at.isoformat().replace("+00:00", "Z"),
        }
        shown = till.get(f"/loyalty/customers/{customer.pk}/")
        assert shown.json() == response.json()

    def test_answers_a_repeat_as_it_first_did(self, shop: Shop, till: Partner) -> None:
        first = post(till, "/customers/", {"first_name": "Ana"}, key="c")
        customer = Customer.objects.get()
        assert post(till, "/checkouts/", sale(shop, customer)).status_code == 201
        again = post(till, "/customers/", {"first_name": "Ana"}, key="c")
        assert (again.status_code, again.json()) == (201, first.json())
        assert again["Idempotency-Replayed"] == "true"
        assert_problem(post(till, "/customers/", {"first_name": "Bo"}, key="c"), 422, "GC-107")
        assert Customer.objects.count() == 1

    def test_refuses_a_number_twice_and_says_so_again(self, till: Partner) -> None:
        assert till.post("/loyalty/customers/", ANA).status_code == 201
        for key in ("k", "k", None):
            response = till.post("/loyalty/customers/", ANA, key=key)
            errors = assert_problem(response, 400, "GC-012")["errors"]
            assert errors == {"phone": ["Another customer has this number."]}
        assert Customer.objects.count() == 1

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"phone": "12"}, "phone"),
            ({"email": "ana"}, "email"),
            ({"first_name": "x" * 81}, "first_name"),
            ({"first_name": 7}, "first_name"),
            ({"points_balance": 100}, "points_balance"),
            ({"client_id": "x"}, "client_id"),
        ],
    )
    def test_names_what_is_wrong(self, till: Partner, changes: dict[str, Any], field: str) -> None:
        body = assert_problem(post(till, "/customers/", {**ANA, **changes}), 400, "GC-012")
        assert list(body["errors"]) == [field]
        assert not Customer.objects.exists()

    def test_is_for_the_client_that_a_higher_key_names(self, world: World) -> None:
        other = build_world(name="Pine")
        agency = Partner(world.agency, ("loyalty",))
        assert_problem(post(agency, "/customers/", ANA), 400, "GC-012")
        theirs = {**ANA, "client_id": str(other.client.pk)}
        body = assert_problem(post(agency, "/customers/", theirs), 400, "GC-012")
        assert body["errors"] == {"client_id": ["There is no such client."]}
        ours = {**ANA, "client_id": str(world.client.pk)}
        assert post(agency, "/customers/", ours).json()["client_id"] == str(world.client.pk)
        assert post(Partner(None, ("loyalty",)), "/customers/", theirs).status_code == 201
        client = Partner(world.client, ("loyalty",))
        body = assert_problem(post(client, "/customers/", theirs), 400, "GC-012")
        assert body["errors"] == {"client_id": ["This key is for another client."]}
        assert Customer.objects.count() == 2


class TestChange:
    def change(self, partner: Partner, customer: Customer, body: dict[str, Any]) -> Any:
        path = f"/api/v1/loyalty/customers/{customer.pk}/"
        return partner.http.patch(
            path, body, content_type="application/json", headers=partner.headers
        )

    def test_changes_what_is_given_and_nothing_else(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(340, phone="+12025550123", email="ana@example.com")
        before = till.get(f"/loyalty/customers/{ana.pk}/").json()
        response = self.change(till, ana, {"phone": "(202) 555-0177", "last_name": "Ray"})
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        assert response.json() == {**before, "phone": "+12025550177", "last_name": "Ray"}
        assert self.change(till, ana, {"email": ""}).json()["email"] == ""
        assert till.get(f"/loyalty/customers/{ana.pk}/").json()["phone"] == "+12025550177"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"phone": "12"}, "phone"),
            ({"phone": "+12025550177"}, "phone"),
            ({"points_balance": 100}, "points_balance"),
            ({"is_active": False}, "is_active"),
        ],
    )
    def test_names_what_is_wrong(
        self, shop: Shop, till: Partner, body: dict[str, Any], field: str
    ) -> None:
        shop.customer(phone="+12025550177")
        ana = shop.customer(phone="+12025550123")
        problem = assert_problem(self.change(till, ana, body), 400, "GC-012")
        assert list(problem["errors"]) == [field]
        ana.refresh_from_db()
        assert ana.phone == "+12025550123"

    def test_is_not_for_a_stranger(self, shop: Shop) -> None:
        ana = shop.customer()
        elsewhere = Partner(build_world(name="Pine").client, ("loyalty",))
        assert_problem(self.change(elsewhere, ana, {"first_name": "Eve"}), 404, "GC-111")
        ana.refresh_from_db()
        assert ana.first_name == "Ana"


class TestList:
    def test_finds_by_phone_and_address(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(phone="+12025550123", email="ana@example.com")
        bo = shop.customer()
        everybody = till.get("/loyalty/customers/").json()["results"]
        assert [one["id"] for one in everybody] == [str(ana.pk), str(bo.pk)]
        for query in ({"phone": "(202) 555-0123"}, {"email": "ANA@example.com"}):
            found = till.get("/loyalty/customers/", **query).json()["results"]
            assert [one["id"] for one in found] == [str(ana.pk)]
        assert_problem(till.get("/loyalty/customers/", phone="12"), 400, "GC-012")
        assert_problem(till.get("/loyalty/customers/", name="Ana"), 400, "GC-012")
        page = till.get("/loyalty/customers/", page_size=1).json()
        assert till.follow(page["next"]).json()["results"][0]["id"] == str(bo.pk)

    def test_shows_a_stranger_nobody(self, shop: Shop, world: World) -> None:
        ana = shop.customer(340)
        other = build_world(name="Pine")
        for owner in (other.client, other.agency):
            stranger = Partner(owner, ("loyalty",))
            assert stranger.get("/loyalty/customers/").json()["results"] == []
            for path in ("", "transactions/"):
                found = stranger.get(f"/loyalty/customers/{ana.pk}/{path}")
                assert_problem(found, 404, "GC-111")
        for above in (world.client, world.agency, None):
            found = Partner(above, ("loyalty",)).get(f"/loyalty/customers/{ana.pk}/")
            assert found.json()["points_available"] == 340


class TestTransactions:
    def test_tell_what_happened_from_the_newest_on(self, shop: Shop, till: Partner) -> None:
        ana = shop.customer(340)
        sold = post(till, "/checkouts/", sale(shop, ana, points=200, amount="14.00")).json()
        answered = till.get(f"/loyalty/customers/{ana.pk}/transactions/").json()["results"]
        entry = LoyaltyTransaction.objects.get(customer=ana, type="earned")
        assert answered[0] == {
            "id": str(entry.pk),
            "points": 14,
            "type": "earned",
            "reference_type": "order",
            "reference_id": sold["id"],
            "balance_before": 140,
            "balance_after": 154,
            "description": "Order 4711",
            "created_at": entry.created_at.isoformat().replace("+00:00", "Z"),
        }
        assert [(one["type"], one["points"]) for one in answered] == [
            ("earned", 14),
            ("spent", -200),
            ("adjusted", 340),
        ]
