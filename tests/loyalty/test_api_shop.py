"""Articles and tills over the API."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.models import RegisterSession, StockItem
from tests.credit.partners import Partner, assert_problem
from tests.loyalty.shop import Shop
from tests.loyalty.till import post, sale
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

TEA = {"sku": "TEA", "name": "Tea", "price": "3.50", "on_hand": 20}


@pytest.fixture
def till(world: World) -> Partner:
    return Partner(world.client, ("loyalty",))


class TestStockItems:
    def test_are_added_listed_and_shown(self, shop: Shop, till: Partner) -> None:
        response = post(till, "/stock-items/", TEA)
        tea = StockItem.objects.get(sku="TEA")
        assert response.status_code == 201
        assert response.json() == {
            "id": str(tea.pk),
            "client_id": str(shop.client.pk),
            "sku": "TEA",
            "name": "Tea",
            "price": "3.50",
            "currency": "USD",
            "on_hand": 20,
            "reserved": 0,
            "is_active": True,
            "created_at": tea.created_at.isoformat().replace("+00:00", "Z"),
        }
        assert till.get(f"/loyalty/stock-items/{tea.pk}/").json() == response.json()
        skus = [one["sku"] for one in till.get("/loyalty/stock-items/").json()["results"]]
        assert sorted(skus) == ["COFFEE", "MUG", "TEA"]
        found = till.get("/loyalty/stock-items/", sku="TEA").json()["results"]
        assert [one["sku"] for one in found] == ["TEA"]

    def test_answer_a_repeat_as_they_began(self, shop: Shop, till: Partner) -> None:
        first = post(till, "/stock-items/", TEA, key="t")
        StockItem.objects.filter(sku="TEA").update(on_hand=3, price_minor=900, name="Green tea")
        again = post(till, "/stock-items/", TEA, key="t")
        assert (again.status_code, again.json()) == (201, first.json())
        assert again["Idempotency-Replayed"] == "true"
        body = assert_problem(post(till, "/stock-items/", TEA), 400, "GC-012")
        assert body["errors"] == {"sku": ["There is an article of this number."]}
        assert StockItem.objects.filter(sku="TEA").count() == 1

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"price": "3.505"}, "price"),
            ({"price": 3.5}, "price"),
            ({"price": "-1.00"}, "price"),
            ({"price": "99999999999999.00"}, "price"),
            ({"currency": "usd"}, "currency"),
            ({"on_hand": -1}, "on_hand"),
            ({"sku": ""}, "sku"),
            ({"reserved": 1}, "reserved"),
        ],
    )
    def test_name_what_is_wrong(
        self, shop: Shop, till: Partner, changes: dict[str, Any], field: str
    ) -> None:
        body = assert_problem(post(till, "/stock-items/", {**TEA, **changes}), 400, "GC-012")
        assert list(body["errors"]) == [field]
        assert not StockItem.objects.filter(sku="TEA").exists()

    def test_are_not_for_a_stranger(self, shop: Shop) -> None:
        stranger = Partner(build_world(name="Pine").client, ("loyalty",))
        assert stranger.get("/loyalty/stock-items/").json()["results"] == []
        found = stranger.get(f"/loyalty/stock-items/{shop.mug.pk}/")
        assert_problem(found, 404, "GC-111")


class TestRegisterSessions:
    def test_are_opened_and_closed_with_totals(self, shop: Shop, till: Partner) -> None:
        opened = post(till, "/register-sessions/", {"register": "Till 2"}, key="o")
        session = RegisterSession.objects.get(register="Till 2")
        assert opened.status_code == 201
        assert opened.json() == {
            "id": str(session.pk),
            "client_id": str(shop.client.pk),
            "register": "Till 2",
            "currency": "USD",
            "opened_at": session.opened_at.isoformat().replace("+00:00", "Z"),
            "closed_at": None,
            "orders": 0,
            "sales": "0.00",
            "refunds": "0.00",
            "points_spent": 0,
            "points_earned": 0,
        }
        asked = sale(shop, shop.customer(340), points=200, amount="14.00")
        asked["register_session_id"] = str(session.pk)
        assert post(till, "/checkouts/", asked).status_code == 201
        closed = post(till, f"/register-sessions/{session.pk}/close/", {}, key="c")
        session.refresh_from_db()
        assert session.closed_at is not None
        assert closed.json() == {
            **opened.json(),
            "closed_at": session.closed_at.isoformat().replace("+00:00", "Z"),
            "orders": 1,
            "sales": "14.00",
            "points_spent": 200,
            "points_earned": 14,
        }
        again = post(till, f"/register-sessions/{session.pk}/close/", {}, key="c")
        assert (again.json(), again["Idempotency-Replayed"]) == (closed.json(), "true")
        assert post(till, f"/register-sessions/{session.pk}/close/", {}).json() == closed.json()
        repeated = post(till, "/register-sessions/", {"register": "Till 2"}, key="o")
        assert (repeated.status_code, repeated.json()) == (201, opened.json())
        assert till.get(f"/loyalty/register-sessions/{session.pk}/").json() == closed.json()
        for is_open, names in (("true", ["Till 1"]), ("false", ["Till 2"])):
            found = till.get("/loyalty/register-sessions/", open=is_open).json()["results"]
            assert [one["register"] for one in found] == names

    def test_are_open_once_a_register(self, shop: Shop, till: Partner) -> None:
        asked = {"register": "Till 1"}
        body = assert_problem(post(till, "/register-sessions/", asked), 409, "GC-115")
        assert body["errors"] == {"register": ["This till is open."]}
        assert RegisterSession.objects.count() == 1

    def test_are_not_for_a_stranger(self, shop: Shop) -> None:
        stranger = Partner(build_world(name="Pine").client, ("loyalty",))
        assert stranger.get("/loyalty/register-sessions/").json()["results"] == []
        here = f"/register-sessions/{shop.till.pk}/"
        assert_problem(stranger.get(f"/loyalty{here}"), 404, "GC-111")
        for _ in range(2):
            assert_problem(post(stranger, f"{here}close/", {}, key="c"), 404, "GC-111")
        shop.till.refresh_from_db()
        assert shop.till.closed_at is None
