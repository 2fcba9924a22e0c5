"""Everything that is done to points at once, with faults. ``make loyalty-storm`` for more of it.

The controls are strays: each of them is found by the same checks.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from loyalty.models import Checkout, LoyaltyTransaction, ReconciliationItem
from tests.database import housekeeping, is_superuser
from tests.invariants import LEDGER, broken_invariants
from tests.loyalty.deeds import replay, use_shop
from tests.loyalty.shop import NOW, Shop, points_out_of_order
from tests.loyalty.storm import CUSTOMERS, points_failing, set_up, settle
from tests.loyalty.totals import broken_points, sold_of
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

# By the environment, for `make loyalty-storm`.
ROUNDS = int(os.environ.get("LOYALTY_ROUNDS", "60"))
SEED = int(os.environ.get("LOYALTY_SEED", "1"))
WORKERS = 8
FAILING = 0.2


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


class TestTheStorm:
    def test_spends_no_point_twice_and_loses_no_order(self, shop: Shop, world: World) -> None:
        storm = set_up(shop, world, rounds=ROUNDS, seed=SEED)
        stock = {article.sku: article.on_hand for article in (shop.coffee, shop.mug)}
        with points_failing(FAILING):
            storm.run(rounds=ROUNDS, workers=WORKERS)
        with points_out_of_order():
            for customer in storm.customers:
                shop.buy(shop.cart(customer, coffees=1))
        print(f"Seed {SEED}: {dict(sorted(storm.met.items()))}")  # noqa: T201  what was met
        assert storm.finds == []
        assert broken_points() == {}

        end = NOW + timedelta(days=1)
        waited, owed = settle(end)
        print(f"{waited} payments were not known, {owed} orders' points were owed")  # noqa: T201
        assert owed >= CUSTOMERS
        assert broken_points() == {}
        assert not Checkout.objects.filter(state="payment_unknown").exists()
        assert not Checkout.objects.filter(loyalty="pending").exists()
        # Whoever was told that an order is paid finds it so, at that price.
        orders = Checkout.objects.filter(settled_at__isnull=False).exclude(state="declined")
        kept = {order.order_number: order.total_minor for order in orders}
        for number, told in storm.sold.items():
            assert kept[number] == told.total_minor
        # Replayed once more, nothing is applied again.
        before = LoyaltyTransaction.objects.count()
        for item_id in ReconciliationItem.objects.order_by("pk").values_list("pk", flat=True):
            assert replay(item_id, now=end)
        assert LoyaltyTransaction.objects.count() == before
        for article in (shop.coffee, shop.mug):
            article.refresh_from_db()
            assert article.reserved == 0
            assert article.on_hand + sold_of(article.sku) == stock[article.sku]
        assert broken_invariants(promises=LEDGER) == {}
        # Not because nothing happened.
        done = {one.split(":")[0] for one in storm.met if one.endswith(": done")}
        assert {"check_out", "check_out_later", "refund"} <= done


class TestChecks:
    @pytest.mark.parametrize(
        ("stray", "promise"),
        [
            (
                "UPDATE loyalty_customer SET points_balance = points_balance + 1",
                "a balance is the sum of its transactions",
            ),
            (
                "DELETE FROM loyalty_loyaltytransaction WHERE number = 2",
                "each transaction begins where the last one ended",
            ),
            (
                "UPDATE loyalty_customer SET points_held = points_held + 1",
                "what is held is what is open",
            ),
            (
                "UPDATE loyalty_checkout SET loyalty = 'applied' WHERE loyalty = 'pending'",
                "a paid order's points are applied once, none, or owed",
            ),
            (
                "DELETE FROM loyalty_reconciliationitem",
                "a paid order's points are applied once, none, or owed",
            ),
            (
                "UPDATE loyalty_payment SET state = 'declined'",
                "a paid order is a payment that was approved",
            ),
            (
                "UPDATE loyalty_refund SET amount_minor = amount_minor + 1",
                "a refund gives back what its order says",
            ),
            (
                "UPDATE loyalty_refund SET points_returned = points_returned + 1",
                "a refund's points are in the transactions",
            ),
            (
                "UPDATE loyalty_reward SET points = points + 1",
                "a card for points is paid for once, in points and in credit",
            ),
            ("DELETE FROM loyalty_reward", "points are spent on nothing else"),
            ("DELETE FROM loyalty_reward", "no card is held by a reward that is not there"),
            (
                "UPDATE loyalty_stockitem SET reserved = reserved + 1",
                "what is set aside is what open orders bought",
            ),
            (
                "UPDATE loyalty_registersession SET orders = orders + 1",
                "a till's totals are those of its orders",
            ),
        ],
    )
    def test_find_a_stray(self, shop: Shop, world: World, stray: str, promise: str) -> None:
        if not is_superuser():
            pytest.skip("only on our own server does somebody get past the guards")
        use_shop(shop, world)
        assert broken_points() == {}
        with housekeeping() as connection:
            connection.execute(stray)
        assert promise in broken_points()
