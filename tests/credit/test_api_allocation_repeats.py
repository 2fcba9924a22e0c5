"""Allocations over the API, repeated and at once."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from alerts.transactions import transaction
from credit.models import Account
from credit.services.accounts import open_campaign_account
from tests.credit.allocating import assert_refused, books
from tests.credit.partners import Partner, assert_problem
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def own(world: World) -> Account:
    """A campaign's account below the client's."""
    with transaction():
        return open_campaign_account(client=world.client, name="Own", currency="USD")


@pytest.fixture
def client(world: World) -> Partner:
    return Partner(world.client)


class TestRepeat:
    def test_gets_the_first_answer_also_after_the_balances_changed(
        self, world: World, own: Account, client: Partner
    ) -> None:
        first = client.allocate(world.account, own, "100.00", key="one")
        client.allocate(world.account, own, "900.00")
        Account.objects.filter(pk=own.pk).update(status="paused")
        before = books()
        again = client.allocate(world.account, own, "100.00", key="one")
        assert again.status_code == 201
        assert again.json() == first.json()
        assert again["Idempotency-Replayed"] == "true"
        assert books() == before

    def test_keeps_the_key_over_a_rotation(
        self, world: World, own: Account, client: Partner
    ) -> None:
        first = client.allocate(world.account, own, "100.00", key="one").json()
        rotated = Partner(world.client).allocate(world.account, own, "100.00", key="one")
        assert rotated.json() == first
        assert rotated["Idempotency-Replayed"] == "true"
        assert world.balance() == 90_000

    @pytest.mark.parametrize(
        "fields", [{"amount": "100.01"}, {"note": "x"}, {"amount": "NaN"}, {"colour": "red"}]
    )
    def test_refuses_the_key_for_another_body(
        self, world: World, own: Account, client: Partner, fields: dict[str, Any]
    ) -> None:
        client.allocate(world.account, own, "100.00", key="one")
        before = books()
        changed = {"amount": "100.00", **fields}
        response = client.allocate(world.account, own, changed.pop("amount"), key="one", **changed)
        assert_refused(response, 422, "GC-107", before)

    def test_lets_another_organisation_use_the_same_key(
        self, world: World, own: Account, client: Partner
    ) -> None:
        first = client.allocate(world.account, own, "100.00", key="one")
        other = Partner(world.agency).allocate(world.account, own, "100.00", key="one")
        assert other.status_code == 201
        assert other.json()["transaction_id"] != first.json()["transaction_id"]
        assert world.balance() == 80_000

    def test_gets_a_kept_refusal_again(self, world: World, own: Account, client: Partner) -> None:
        first = client.allocate(world.account, own, "0", key="one")
        again = client.allocate(world.account, own, "0", key="one")
        assert_problem(first, 400, "GC-012")
        assert "Idempotency-Replayed" not in first
        assert assert_problem(again, 400, "GC-012")["errors"] == first.json()["errors"]
        assert again["Idempotency-Replayed"] == "true"
        other = client.allocate(world.account, own, "1.00", key="one")
        assert_problem(other, 422, "GC-107")

    def test_tries_again_after_a_refusal_that_may_come_out_differently(
        self, world: World, own: Account, client: Partner
    ) -> None:
        Account.objects.filter(pk=own.pk).update(status="paused")
        assert_problem(client.allocate(world.account, own, "1.00", key="one"), 409, "GC-115")
        Account.objects.filter(pk=own.pk).update(status="active")
        assert client.allocate(world.account, own, "1.00", key="one").status_code == 201


class TestAtOnce:
    def test_gives_the_last_amount_to_one_of_two(
        self, world: World, own: Account, client: Partner
    ) -> None:
        answers = run_at_once(2, lambda: client.allocate(world.account, own, "1000.00"))
        assert sorted(answer.status_code for answer in answers) == [201, 402]  # type: ignore[union-attr]
        assert world.balance() == 0
        assert broken_invariants() == {}

    def test_gives_both_where_there_is_enough(
        self, world: World, own: Account, client: Partner
    ) -> None:
        # The control: it is the balance that refuses one, not the harness.
        answers = run_at_once(2, lambda: client.allocate(world.account, own, "500.00"))
        assert [answer.status_code for answer in answers] == [201, 201]  # type: ignore[union-attr]
        assert world.balance() == 0

    def test_moves_once_for_one_key(self, world: World, own: Account, client: Partner) -> None:
        answers = run_at_once(6, lambda: client.allocate(world.account, own, "100.00", key="one"))
        assert [answer.status_code for answer in answers] == [201] * 6  # type: ignore[union-attr]
        bodies = [answer.json() for answer in answers]  # type: ignore[union-attr]
        assert all(body == bodies[0] for body in bodies)
        assert world.balance() == 90_000
        replayed = ["Idempotency-Replayed" in answer.headers for answer in answers]  # type: ignore[union-attr]
        assert sorted(replayed) == [False] + [True] * 5

    def test_does_not_wait_for_ever(self, world: World, own: Account, client: Partner) -> None:
        before = books()
        with psycopg.connect(owner_url()) as other:
            other.execute("SELECT 1 FROM credit_account WHERE id = %s FOR UPDATE", [own.pk])
            response = client.allocate(world.account, own, "1.00", key="one")
        assert_refused(response, 409, "GC-108", before)
        assert response["Retry-After"] == "2"
        assert client.allocate(world.account, own, "1.00", key="one").status_code == 201
