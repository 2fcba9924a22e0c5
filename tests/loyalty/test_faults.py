"""A fault after each single write of a checkout, a refund, a reward and a replay.

Whatever was broken off: nothing is left of it, or all of it is owed; and the same call again, as a
till makes it, brings it to its end exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection

from giftcards.models import GiftCard
from loyalty.emulator import Emulator
from loyalty.models import (
    Checkout,
    Customer,
    LoyaltyTransaction,
    ReconciliationItem,
    Refund,
    Reward,
)
from loyalty.services.payments import GIVEN_UP_AFTER, settle_due
from loyalty.services.reconciliation import replay_due, replay_item
from tests.credit.partners import Partner
from tests.faults import Kind, faults
from tests.loyalty.charging import card_sale
from tests.loyalty.shop import Shop, points_of, points_out_of_order
from tests.loyalty.till import post, sale
from tests.loyalty.totals import broken_points
from tests.redemption.desking import now
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

Call = Callable[[], Any]


@pytest.fixture
def till(world: World) -> Partner:
    partner = Partner(world.client, ("loyalty",))
    # A fault is an answer of status 500, as it is outside.
    partner.http.raise_request_exception = False
    return partner


@pytest.fixture(params=Kind, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


def break_off_everywhere(prepare: Callable[[int], Call], judge: Call, *, kind: Kind) -> int:
    """Do a thing again and again, each time broken off one write later; return how many it has.

    ``prepare`` makes everything anew and returns the call; it is called a second time, as its
    caller would, and ``judge`` looks at the end.
    """
    with faults() as coming:
        for write in range(1, 200):
            call = prepare(write)
            with coming.at(write, kind):
                call()
            is_whole = coming.writes() < write
            assert broken_points() == {}, f"after write {write}"
            call()
            judge()
            assert broken_points() == {}, f"after write {write}, once more"
            if is_whole:
                return write - 1
    raise AssertionError("it never came to an end")


def by_http(till: Partner, path: str, body: dict[str, Any]) -> Call:
    key = str(uuid4())

    def call() -> Any:
        return post(till, path, body, key=key)

    return call


class TestACheckout:
    def test_is_nothing_or_whole(self, shop: Shop, till: Partner, kind: Kind) -> None:
        buyers = []

        def prepare(write: int) -> Call:
            restock(shop)
            buyers.append(shop.customer(340))
            order = sale(
                shop, buyers[-1], points=200, amount="14.00", order_number=f"order-{write}"
            )
            return by_http(till, "/checkouts/", order)

        def judge() -> None:
            checkout = Checkout.objects.get(customer=buyers[-1])
            assert checkout.state == "completed"
            # Unless its points are owed, which one replay ends, and no second one repeats.
            for _ in range(2):
                replay_due(now=now() + GIVEN_UP_AFTER, limit=10)
            checkout.refresh_from_db()
            assert checkout.loyalty == "applied"
            assert points_of(buyers[-1]) == (154, 0)

        assert break_off_everywhere(prepare, judge, kind=kind) > 15
        owed = ReconciliationItem.objects.count()
        # An error while points are posted leaves the order; with its connection all is gone.
        assert (owed > 0) == (kind is Kind.ERROR)

    def test_by_card_is_charged_once(
        self, shop: Shop, till: Partner, stripe: Emulator, kind: Kind
    ) -> None:
        buyers = []

        def prepare(write: int) -> Call:
            restock(shop)
            buyers.append(shop.customer(340))
            order = card_sale(shop, buyers[-1], order_number=f"order-{write}")
            return by_http(till, "/checkouts/", order)

        def judge() -> None:
            later = now() + GIVEN_UP_AFTER
            settle_due(now=later, limit=10)
            replay_due(now=later, limit=10)
            checkout = Checkout.objects.get(customer=buyers[-1])
            assert (checkout.state, checkout.loyalty) == ("completed", "applied")
            assert points_of(buyers[-1]) == (154, 0)
            assert stripe.taken() == 1400 * len(buyers)

        assert break_off_everywhere(prepare, judge, kind=kind) > 15

    def test_in_two_transactions_would_lose_orders(self, shop: Shop, kind: Kind) -> None:
        # The control: what a till knows the end of, begun and finished one after the other.
        buyers = []

        def prepare(write: int) -> Call:
            buyers.append(shop.customer(340))
            return lambda: in_two_halves(shop, buyers[-1], f"order-{write}")

        def judge() -> None:
            assert Checkout.objects.get(customer=buyers[-1]).state == "completed"

        with pytest.raises(AssertionError, match="payment_unknown"):
            break_off_everywhere(prepare, judge, kind=kind)


class TestARefund:
    def test_is_nothing_or_whole(self, shop: Shop, till: Partner, kind: Kind) -> None:
        buyers = []

        def prepare(write: int) -> Call:
            restock(shop)
            buyers.append(shop.customer(340))
            order = sale(
                shop, buyers[-1], points=200, amount="14.00", order_number=f"order-{write}"
            )
            bought = post(till, "/checkouts/", order).json()
            path = f"/checkouts/{bought['id']}/refund/"
            lines = [{"sku": "COFFEE", "quantity": 1}, {"sku": "MUG", "quantity": 1}]
            return by_http(till, path, {"lines": lines, "reason": "Broken"})

        def judge() -> None:
            refund = Refund.objects.get(checkout__customer=buyers[-1])
            assert refund.amount_minor == 1400
            assert points_of(buyers[-1]) == (340, 0)

        assert break_off_everywhere(prepare, judge, kind=kind) > 5


class TestAReward:
    def test_is_nothing_or_whole(self, shop: Shop, world: World, till: Partner, kind: Kind) -> None:
        buyers = []

        def prepare(_write: int) -> Call:
            world.stock(1)
            buyers.append(shop.customer(10_000))
            body = {
                "customer_id": str(buyers[-1].pk),
                "denomination_id": str(world.denomination.pk),
                "contact": {"method": "sms", "phone": "(202) 555-0143"},
            }
            return by_http(till, "/rewards/", body)

        def judge() -> None:
            reward = Reward.objects.get(customer=buyers[-1])
            # Whoever was answered has seen the card.
            assert reward.state in {"issued", "delivered"}
            assert points_of(buyers[-1]) == (10_000 - reward.points, 0)
            assert GiftCard.objects.filter(holder_kind="reward").count() == len(buyers)

        assert break_off_everywhere(prepare, judge, kind=kind) > 8


class TestAReplay:
    def test_applies_once(self, shop: Shop, kind: Kind) -> None:
        buyers = []

        def prepare(_write: int) -> Call:
            restock(shop)
            buyers.append(shop.customer(100))
            with points_out_of_order():
                bought = shop.buy(shop.cart(buyers[-1], mugs=1, points=100))
            item = ReconciliationItem.objects.get(checkout_id=bought.checkout_id)

            def call() -> None:
                try:
                    replay_item(item_id=item.pk, actor="user:1", now=now())
                except DatabaseError:
                    connection.close()

            return call

        def judge() -> None:
            assert points_of(buyers[-1]) == (11, 0)
            spent = LoyaltyTransaction.objects.filter(customer=buyers[-1], type="spent")
            assert spent.count() == 1

        assert break_off_everywhere(prepare, judge, kind=kind) > 4


def in_two_halves(shop: Shop, buyer: Customer, order_number: str) -> None:
    checkout_id = uuid4()
    begin: list[Any] = [checkout_id, shop.client.pk, buyer.pk, order_number, uuid4(), now()]
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT loyalty_begin_checkout(%s, %s, %s, NULL, %s, '{MUG}', '{1}', 200, 'manual',"
                " %s, NULL, 'key:test', 'req', NULL, NULL, NULL, %s)",
                begin,
            )
            finish = "SELECT loyalty_finish_checkout(%s, 'approved', '', '', 0, %s)"
            cursor.execute(finish, [checkout_id, now()])
    except DatabaseError:
        connection.close()


def restock(shop: Shop) -> None:
    type(shop.mug).objects.update(on_hand=100)
