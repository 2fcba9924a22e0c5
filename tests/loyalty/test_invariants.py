"""Each promise about points fires for what breaks it, names just that, and none fires else."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from alerts.selectors.invariants import find_broken, list_invariants
from credit.services.idempotency import claim_key
from giftcards.models import GiftCard
from loyalty.models import ReconciliationItem
from loyalty.selectors.invariants import INVARIANTS
from loyalty.services.monitors import watch_points
from loyalty.services.refunds import refund_checkout
from tests.database import housekeeping, is_superuser
from tests.loyalty.corrupting import POINTS
from tests.loyalty.rewarding import take
from tests.loyalty.shop import NOW, Shop, points_out_of_order
from tests.world import World

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not is_superuser(), reason="only a superuser gets past the triggers"),
]


@pytest.fixture
def names(shop: Shop, world: World) -> dict[str, object]:
    """Use everything once; return what a corruption is filled in with."""
    world.stock(2)
    ana, bob = shop.customer(points=6000), shop.customer(points=100)
    keys = [
        claim_key(owner=f"client:{shop.client.pk}", key=name, method="POST", path="/", body={})
        for name in ("reward", "refund")
    ]
    reward = take(shop, world, ana, key=keys[0])
    bought = shop.buy(shop.cart(ana, coffees=2, mugs=2, points=200))
    refund_checkout(
        client_id=shop.client.pk,
        checkout_id=bought.checkout_id,
        amount_minor=500,
        reason="Broken",
        actor="key:test",
        request_id="req-5",
        key=keys[1],
        now=NOW,
    )
    shop.buy(shop.cart(coffees=1), is_approved=False)
    with points_out_of_order():
        shop.buy(shop.cart(bob, mugs=1, points=100))
    free = GiftCard.objects.get(status="available")
    return {
        "ana": ana.pk,
        "mug": shop.mug.pk,
        "till": shop.till.pk,
        "reward": reward.reward_id,
        "free": free.pk,
        "item": ReconciliationItem.objects.get().pk,
    }


def broken_in(connection: psycopg.Connection[Any]) -> dict[str, set[str]]:
    def read(query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return list(connection.execute(query.encode(), parameters).fetchall())

    found = {
        name: find_broken(invariant, now=NOW, whole=True, read=read)
        for name, invariant in list_invariants().items()
    }
    return {name: set(broken.ids) for name, broken in found.items() if broken.count}


class TestInvariants:
    def test_hold_where_everything_was_used_once(self, names: dict[str, object]) -> None:
        with housekeeping() as connection:
            assert broken_in(connection) == {}

    def test_are_all_broken_here(self) -> None:
        assert set(POINTS) == {one.name for one in INVARIANTS}

    def test_fire_alone_and_name_what_is_broken(self, names: dict[str, object]) -> None:
        for name, corruption in POINTS.items():
            with housekeeping() as connection, connection.transaction(force_rollback=True):
                connection.execute(corruption.sql.format_map(names).encode())
                rows = connection.execute(corruption.ids.format_map(names).encode()).fetchall()
                assert broken_in(connection) == {name: {str(one) for (one,) in rows}}


class TestAuditLoyalty:
    def test_says_that_all_adds_up(self, names: dict[str, object]) -> None:
        out = StringIO()
        call_command("audit_loyalty", stdout=out)
        assert "Everything adds up." in out.getvalue()
        assert "BROKEN" not in out.getvalue()

    def test_names_what_does_not_and_exits_with_1(self, names: dict[str, object]) -> None:
        broken = POINTS["points-balances"].sql.format_map(names)
        with housekeeping() as connection:
            connection.execute(broken.encode())
        out = StringIO()
        with pytest.raises(SystemExit) as caught:
            call_command("audit_loyalty", stdout=out)
        assert caught.value.code == 1
        assert f"customer {names['ana']}" in out.getvalue()
        found = {finding.dedupe_key: finding for finding in watch_points(now=NOW)}
        assert found["loyalty_drift"].data == {"customer_ids": [str(names["ana"])]}
