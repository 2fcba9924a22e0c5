"""Forgetting a customer while they buy, on real connections; with controls that lose."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection

from alerts.errors import ValidationFailedError
from credit.models import AuditEvent, User
from loyalty.models import Checkout, Customer, CustomerErasure
from loyalty.services.checkouts import CheckoutResult
from loyalty.services.erasing import CustomerInWorkError
from tests.database import owner_url
from tests.loyalty.forgetting import begin_checkout, forget
from tests.loyalty.shop import Shop, points_of
from tests.loyalty.test_races import changed, lock_taken_away, patiently
from tests.loyalty.totals import broken_points
from tests.races import Locked, run_at_once
from tests.redemption.forgetting import make_operator

pytestmark = pytest.mark.django_db(transaction=True)

_TABLE = "ALTER TABLE loyalty_customer"
_HOLDS_NOTHING = "loyalty_customer_forgotten_holds_nothing"
_CHECK = "CHECK (erased_at IS NULL OR points_held = 0)"


def forget_while_it_begins(shop: Shop, operator: User, customer: Customer) -> tuple[Any, Any]:
    """Forget a customer while a checkout of theirs has begun and waits for a mug.

    Return what became of the checkout and of the forgetting.
    """
    with Locked("loyalty_stockitem", shop.mug.pk) as mug, ThreadPoolExecutor(2) as threads:

        def begin() -> Any:
            return _told(lambda: begin_checkout(shop, customer, points=100))

        def forget_them() -> Any:
            return _told(lambda: forget(operator, customer))

        checkout = threads.submit(begin)
        mug.wait_until_blocked(blocked=1)
        forgetting = threads.submit(forget_them)
        # Either it waits for the checkout, or nothing keeps it from being done.
        release = threading.Timer(0.5, mug.release)
        release.start()
        try:
            return checkout.result(), forgetting.result()
        finally:
            release.join()


def _told(work: Any) -> Any:
    try:
        return work()
    except Exception as error:  # noqa: BLE001  what each one got is the test's to judge
        return error
    finally:
        connection.close()


class TestForgettingWhileACheckoutBegins:
    def test_waits_for_it_and_is_refused(self, shop: Shop) -> None:
        operator, ana = make_operator(), shop.customer(points=100)
        checkout, forgetting = forget_while_it_begins(shop, operator, ana)
        assert Checkout.objects.get().pk == checkout
        assert isinstance(forgetting, CustomerInWorkError), forgetting
        assert points_of(ana) == (100, 100)
        assert (ana.first_name, ana.is_active) == ("Ana", True)

    def test_is_held_by_the_table_too(self, shop: Shop) -> None:
        operator, ana = make_operator(), shop.customer(points=100)
        with changed(lock_taken_away()):
            checkout, forgetting = forget_while_it_begins(shop, operator, ana)
        assert isinstance(forgetting, CustomerErasure), forgetting
        assert isinstance(checkout, IntegrityError), checkout
        assert _HOLDS_NOTHING in str(checkout)
        assert points_of(ana) == (100, 0)
        assert not Checkout.objects.exists()

    def test_would_leave_points_held_for_nobody_without_both(self, shop: Shop) -> None:
        # The control: nothing but the lock and the table's own guard is in the way.
        operator, ana = make_operator(), shop.customer(points=100)
        with changed(
            lock_taken_away(),
            (
                f"{_TABLE} DROP CONSTRAINT {_HOLDS_NOTHING}",
                f"{_TABLE} ADD CONSTRAINT {_HOLDS_NOTHING} {_CHECK} NOT VALID",
            ),
        ):
            checkout, forgetting = forget_while_it_begins(shop, operator, ana)
            assert isinstance(forgetting, CustomerErasure), forgetting
            assert Checkout.objects.get().pk == checkout
            assert points_of(ana) == (100, 100)
            assert ana.erased_at is not None
        with psycopg.connect(owner_url(), autocommit=True) as owner:
            owner.execute(
                "SELECT loyalty_finish_checkout(%s, 'declined', '', '', 0, now())", [checkout]
            )
            owner.execute(f"{_TABLE} VALIDATE CONSTRAINT {_HOLDS_NOTHING}")


class TestAtOnce:
    def test_twenty_checkouts_and_a_forgetting_end_one_way_or_the_other(self, shop: Shop) -> None:
        operator, ana = make_operator(), shop.customer(points=100)
        turns = iter(range(21))

        def act() -> Any:
            if next(turns) == 10:
                return patiently(lambda: forget(operator, ana))
            return patiently(lambda: shop.buy(shop.cart(ana, coffees=1, points=1)))

        done = run_at_once(21, act)
        bought = [one for one in done if isinstance(one, CheckoutResult)]
        assert [one for one in done if isinstance(one, CustomerErasure)]
        for one in done:
            # Whoever came after it was told that the account is closed.
            if isinstance(one, Exception):
                assert isinstance(one, ValidationFailedError), one
                assert list(one.errors) == ["customer_id"]
        assert Checkout.objects.count() == len(bought)
        points_of(ana)
        assert (ana.first_name, ana.is_active, ana.points_held) == ("", False, 0)
        assert broken_points() == {}

    def test_by_eight_happens_once(self, shop: Shop) -> None:
        operator, ana = make_operator(), shop.customer()
        done = run_at_once(8, lambda: patiently(lambda: forget(operator, ana)))
        assert {getattr(one, "pk", one) for one in done} == {CustomerErasure.objects.get().pk}
        assert AuditEvent.objects.filter(action="customer.forgotten").count() == 1
