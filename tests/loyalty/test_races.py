"""Checkouts at once, on real connections; with a control that shows what the lock is for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import psycopg
import pytest
from django.db import IntegrityError

from credit.services.idempotency import KeyAnsweredError, StillRunningError, claim_key
from loyalty.models import Checkout, Customer, LoyaltyTransaction, Payment
from loyalty.services.checkouts import (
    CheckoutResult,
    NotEnoughPointsError,
    OrderNumberTakenError,
    OutOfArticlesError,
)
from tests.database import owner_url
from tests.loyalty.shop import Shop, history_of, points_of
from tests.loyalty.totals import broken_points
from tests.races import Locked, run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")
CROWD = 50
GROUP = 20
_HELD = "loyalty_customer_held_within_balance"
_WITHIN = "(points_held >= 0 AND points_balance >= points_held)"
_ACCOUNTED = "loyalty_customer_points_are_accounted"


def patiently(work: Callable[[], T]) -> T:
    """Do what a till does when it is told that something else is still running: ask again."""
    while True:
        with contextlib.suppress(StillRunningError):
            return work()


def sorted_out(outcomes: list[Any]) -> tuple[list[CheckoutResult], list[Exception]]:
    """Return who bought, and what the others were told."""
    return (
        [outcome for outcome in outcomes if isinstance(outcome, CheckoutResult)],
        [outcome for outcome in outcomes if isinstance(outcome, Exception)],
    )


def spend_all_twice(shop: Shop, customer: Customer) -> list[Any]:
    """Buy a mug for all of a customer's 1,000 points, twice; both are let go at the same time.

    Both wait for the mug that somebody else holds, or one of them for the other: neither is done
    before the other has begun.
    """
    with Locked("loyalty_stockitem", shop.mug.pk) as mug:

        def release_it() -> None:
            mug.wait_until_blocked(blocked=2)
            mug.release()

        release = threading.Thread(target=release_it)
        release.start()
        try:
            return run_at_once(2, lambda: shop.buy(shop.cart(customer, mugs=1, points=1000)))
        finally:
            release.join()


@contextlib.contextmanager
def changed(*statements: tuple[str, str]) -> Iterator[None]:
    """Change the database as its owner, and back: pairs of statements."""
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        try:
            for change, _ in statements:
                owner.execute(change)
            yield
        finally:
            for _, back in reversed(statements):
                owner.execute(back)


def lock_taken_away() -> tuple[str, str]:
    """Return what lets a checkout read a customer's points without locking them, and back."""
    with psycopg.connect(owner_url()) as owner:
        row = owner.execute(
            "SELECT pg_get_functiondef('loyalty_lock_customer'::regproc)"
        ).fetchone()
    assert row is not None
    assert "FOR NO KEY UPDATE" in row[0]
    return row[0].replace("FOR NO KEY UPDATE", ""), row[0]


class TestTwoForAllPoints:
    def test_gives_them_to_one_and_tells_the_other(self, shop: Shop) -> None:
        ana = shop.customer(points=1000)
        (won,), (lost,) = sorted_out(spend_all_twice(shop, ana))
        assert (won.state, won.loyalty, won.total_minor) == ("completed", "applied", 200)
        assert isinstance(lost, NotEnoughPointsError), lost
        # Two were earned by what was paid meanwhile.
        assert (lost.available, lost.requested) == (2, 1000)
        assert str(lost.code) == "GC-112"
        assert history_of(ana.pk) == [
            ("adjusted", 1000, 0, 1000),
            ("spent", -1000, 1000, 0),
            ("earned", 2, 0, 2),
        ]
        assert points_of(ana) == (2, 0)
        assert Payment.objects.count() == 1
        shop.mug.refresh_from_db()
        assert (shop.mug.on_hand, shop.mug.reserved) == (9, 0)
        assert broken_points() == {}

    def test_is_held_by_the_table_too(self, shop: Shop) -> None:
        ana = shop.customer(points=1000)
        with changed(lock_taken_away()):
            (won,), (lost,) = sorted_out(spend_all_twice(shop, ana))
        assert isinstance(lost, IntegrityError), lost
        assert won.total_minor == 200
        assert points_of(ana) == (2, 0)
        assert broken_points() == {}

    def test_would_give_them_to_both_without_the_lock(self, shop: Shop) -> None:
        # The control: nothing but the lock and the table's own guards is in the way.
        ana = shop.customer(points=1000)
        table = "ALTER TABLE loyalty_customer"
        with changed(
            lock_taken_away(),
            (f"{table} DISABLE TRIGGER {_ACCOUNTED}", f"{table} ENABLE TRIGGER {_ACCOUNTED}"),
            (
                f"{table} DROP CONSTRAINT {_HELD}",
                f"{table} ADD CONSTRAINT {_HELD} CHECK {_WITHIN} NOT VALID",
            ),
        ):
            both, errors = sorted_out(spend_all_twice(shop, ana))
            assert errors == []
            # 2,000 points were taken off, and there were 1,000.
            assert [won.total_minor for won in both] == [200, 200]
            balance, held = points_of(ana)
            assert held > balance
            assert "nothing is negative" in broken_points()
        with psycopg.connect(owner_url(), autocommit=True) as owner:
            owner.execute(f"{table} DISABLE TRIGGER {_ACCOUNTED}")
            owner.execute("UPDATE loyalty_customer SET points_held = 0")
            owner.execute(f"{table} ENABLE TRIGGER {_ACCOUNTED}")
            owner.execute(f"{table} VALIDATE CONSTRAINT {_HELD}")


class TestCrowd:
    def test_of_fifty_checkouts_leaves_one_customer_with_the_right_points(self, shop: Shop) -> None:
        ana = shop.customer(points=500)
        bought, errors = sorted_out(
            run_at_once(
                CROWD, lambda: patiently(lambda: shop.buy(shop.cart(ana, coffees=1, points=10)))
            )
        )
        assert errors == []
        assert {one.loyalty for one in bought} == {"applied"}
        # 3 for each of the first 34; with 102 the tier is reached, and each gives 5.
        assert points_of(ana) == (34 * 3 + 16 * 5, 0)
        shop.coffee.refresh_from_db()
        assert (shop.coffee.on_hand, shop.coffee.reserved) == (50, 0)
        shop.till.refresh_from_db()
        assert (shop.till.orders, shop.till.sales_minor, shop.till.points_spent) == (
            50, 50 * 390, 500,
        )  # fmt: skip
        assert broken_points() == {}

    def test_gets_the_last_ten_mugs_once_each(self, shop: Shop) -> None:
        bought, errors = sorted_out(
            run_at_once(GROUP, lambda: patiently(lambda: shop.buy(shop.cart(mugs=1))))
        )
        assert len(bought) == 10
        assert {type(error) for error in errors} == {OutOfArticlesError}
        shop.mug.refresh_from_db()
        assert (shop.mug.on_hand, shop.mug.reserved) == (0, 0)
        assert Payment.objects.count() == 10

    def test_has_one_order_of_a_number(self, shop: Shop) -> None:
        ana = shop.customer(points=100)
        buy = shop.buy
        bought, errors = sorted_out(
            run_at_once(
                GROUP,
                lambda: patiently(
                    lambda: buy(shop.cart(ana, coffees=1, points=100), order_number="A-1")
                ),
            )
        )
        assert len(bought) == 1
        assert {type(error) for error in errors} <= {OrderNumberTakenError, NotEnoughPointsError}
        assert points_of(ana) == (3, 0)
        assert Checkout.objects.count() == 1

    @pytest.mark.parametrize("is_known", [True, False])
    def test_with_one_key_buys_once(self, shop: Shop, is_known: bool) -> None:
        ana = shop.customer(points=100)
        cart = shop.cart(ana if is_known else None, mugs=6, points=100 if is_known else 0)
        key = claim_key(owner="client:1", key="k", method="POST", path="/x", body={})
        bought, errors = sorted_out(
            run_at_once(
                GROUP, lambda: patiently(lambda: shop.buy(cart, order_number="A-1", key=key))
            )
        )
        assert len(bought) == 1
        # Not that the order number is taken, or that there are too few mugs for it now.
        assert {type(error) for error in errors} == {KeyAnsweredError}
        assert Checkout.objects.count() == Payment.objects.count() == 1
        spent = LoyaltyTransaction.objects.filter(type="spent").count()
        assert spent == (1 if is_known else 0)
        assert broken_points() == {}
