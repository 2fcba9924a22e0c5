"""Cards sold over the API: by the platform's keys, once for a key, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from credit.models import Account
from credit.services.api_keys import SCOPES
from giftcards.models import CardSale, GiftCard, Pool
from tests.credit.partners import Partner, assert_problem
from tests.giftcards.selling import count_available, master_pool
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def pool(world: World) -> Pool:
    return master_pool(world, 5)


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def send(world: World, pool_id: Any, partner: Partner | None = None, **changes: Any) -> Any:
    key = changes.pop("key", str(uuid4()))
    body = {"client_id": str(world.client.pk), "quantity": 3, "price_per_card": "24.00", **changes}
    return (partner or Partner(None)).post(f"/pools/{pool_id}/sell/", body, key=key)


class TestSell:
    def test_answers_with_the_sale(self, world: World, pool: Pool) -> None:
        response = send(world, pool.pk)
        sale = CardSale.objects.get()
        assert response.status_code == 201
        assert response["Cache-Control"] == "no-store"
        assert response.json() == {
            "sale_id": str(sale.pk),
            "pool_id": str(world.pool.pk),
            "quantity": 3,
            "price_per_card": "24.00",
            "total": "72.00",
            "currency": "USD",
            "transaction_id": str(sale.transaction_id),
        }
        assert sale.actor.startswith("key:")
        assert (count_available(pool), world.balance()) == (2, 92_800)

    def test_answers_a_repeat_with_the_first_sale(self, world: World, pool: Pool) -> None:
        partner = Partner(None)
        first = send(world, pool.pk, partner, key="k")
        again = send(world, pool.pk, partner, key="k")
        assert again.json() == first.json()
        assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
        assert "Idempotency-Replayed" not in first
        assert_problem(send(world, pool.pk, partner, key="k", quantity=2), 422, "GC-107")
        assert (count_available(pool), world.balance()) == (2, 92_800)

    def test_sells_once_to_repeats_at_once(self, world: World, pool: Pool) -> None:
        partner = Partner(None)
        answers = run_at_once(6, lambda: send(world, pool.pk, partner, key="k"))
        assert {getattr(answer, "status_code", answer) for answer in answers} == {201}
        assert (count_available(pool), world.balance()) == (2, 92_800)

    def test_says_how_many_cards_there_are(self, world: World, pool: Pool) -> None:
        body = assert_problem(send(world, pool.pk, quantity=6), 409, "GC-115")
        assert (body["available"], body["quantity"]) == (5, 6)
        assert body["errors"] == {"quantity": ["5 cards are available, and 6 were asked for."]}
        assert not CardSale.objects.exists()

    def test_says_that_the_account_is_short_or_paused(self, world: World, pool: Pool) -> None:
        body = assert_problem(send(world, pool.pk, price_per_card="333.34"), 402, "GC-006")
        assert body["errors"] == {"client_id": ["The client's account holds less than the total."]}
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        body = assert_problem(send(world, pool.pk), 409, "GC-115")
        assert body["errors"] == {"client_id": ["The client's account is paused."]}
        assert (count_available(pool), CardSale.objects.count()) == (5, 0)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"quantity": 0}, "quantity"),
            ({"quantity": 1.5}, "quantity"),
            ({"quantity": 100_001}, "quantity"),
            ({"price_per_card": "0.00"}, "price_per_card"),
            ({"price_per_card": "1.001"}, "price_per_card"),
            ({"price_per_card": 24}, "price_per_card"),
            ({"client_id": "x"}, "client_id"),
            ({"price": "1.00"}, "price"),
        ],
    )
    def test_names_what_is_wrong(
        self, world: World, pool: Pool, changes: dict[str, Any], field: str
    ) -> None:
        body = assert_problem(send(world, pool.pk, **changes), 400, "GC-012")
        assert list(body["errors"]) == [field]
        assert not CardSale.objects.exists()

    def test_wants_a_key_for_repeats(self, world: World, pool: Pool) -> None:
        assert_problem(send(world, pool.pk, key=None), 400, "GC-012")

    def test_is_not_for_a_key_of_a_tenant(self, world: World, pool: Pool) -> None:
        world.stock(3)
        for owner in (world.agency, world.client):
            for target in (pool.pk, world.pool.pk):
                assert_problem(send(world, target, Partner(owner)), 404, "GC-111")
        lesser = Partner(None, tuple(scope for scope in SCOPES if scope != "inventory:write"))
        assert_problem(send(world, pool.pk, lesser), 403, "GC-110")
        assert not GiftCard.objects.filter(sale__isnull=False).exists()

    def test_finds_no_strange_pool_or_client(self, world: World, pool: Pool) -> None:
        assert_problem(send(world, uuid4()), 404, "GC-111")
        assert_problem(send(world, pool.pk, client_id=str(uuid4())), 404, "GC-111")
        assert_problem(send(world, world.pool.pk), 404, "GC-111")
