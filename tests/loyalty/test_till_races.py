"""A till is closed while it sells: its totals are those of its checkouts, and stay so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from alerts.errors import ValidationFailedError
from loyalty.models import Checkout
from loyalty.selectors.invariants import INVARIANTS
from loyalty.services.checkouts import CheckoutResult
from loyalty.services.refusals import StateForbidsError
from loyalty.services.registers import SessionResult, close_register
from tests.database import owner_url
from tests.loyalty.deeds import ask_database
from tests.loyalty.shop import NOW, Shop
from tests.loyalty.test_races import changed
from tests.races import overtake, run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

EVENING = NOW + timedelta(hours=5)
BEGIN = (
    "SELECT loyalty_begin_checkout(%s, %s, NULL, %s, 'A-1', ARRAY['COFFEE'], ARRAY[1], 0, 'stripe',"
    " %s, %s, 'test', '', NULL, NULL, NULL, %s)"
)
FINISH = "SELECT (loyalty_finish_checkout(%s, 'approved', 'pi_1', '', 0, %s)).state"
# As the service does it: locked first, then written.
CLOSE = (
    "WITH locked AS (SELECT id FROM loyalty_registersession WHERE id = %s FOR UPDATE)"
    " UPDATE loyalty_registersession s SET closed_at = %s, closed_by = 'test' FROM locked"
    " WHERE s.id = locked.id"
)
(TOTALS,) = (one for one in INVARIANTS if one.name == "totals-of-tills")


def close(shop: Shop) -> SessionResult:
    return close_register(
        client_id=shop.client.pk, register_session_id=shop.till.pk, actor="key:test", now=EVENING
    )


def begun(shop: Shop, checkout_id: UUID) -> list[object]:
    """Return what begins a checkout that a gateway is to be paid for."""
    return [checkout_id, shop.client.pk, shop.till.pk, uuid4(), NOW, NOW]


def lock_taken_away() -> tuple[str, str]:
    """Return what lets a checkout begin without locking its till, and back."""
    with psycopg.connect(owner_url()) as owner:
        row = owner.execute(
            "SELECT pg_get_functiondef('loyalty_begin_checkout'::regproc)"
        ).fetchone()
    assert row is not None
    assert "FOR KEY SHARE" in row[0]
    return row[0].replace("FOR KEY SHARE", ""), row[0]


def totals_hold() -> bool:
    return bool(ask_database(f"SELECT NOT EXISTS ({TOTALS.query})"))


class TestCloseRegister:
    def test_waits_for_a_checkout_that_is_being_begun(self, shop: Shop) -> None:
        checkout_id = uuid4()
        with pytest.raises(StateForbidsError) as caught:
            overtake(lambda: close(shop), by=BEGIN, parameters=begun(shop, checkout_id))
        assert caught.value.errors == {
            "register_session_id": ["Payments of this till are awaited."]
        }
        assert ask_database(FINISH, checkout_id, NOW) == "completed"
        closed = close(shop)
        assert (closed.orders, closed.sales_minor) == (1, 400)
        assert totals_hold()

    def test_would_tell_of_too_little_without_the_lock(self, shop: Shop) -> None:
        """The control: nothing but the lock is in the way."""
        checkout_id = uuid4()
        with changed(lock_taken_away()), psycopg.connect(owner_url()) as till:
            till.execute(BEGIN.encode(), begun(shop, checkout_id))
            closed = close(shop)
            till.commit()
        assert ask_database(FINISH, checkout_id, NOW) == "completed"
        shop.till.refresh_from_db()
        assert (closed.sales_minor, shop.till.sales_minor) == (0, 400)

    def test_ends_a_till_before_a_checkout_that_comes_later(self, shop: Shop) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            overtake(
                lambda: shop.buy(shop.cart(coffees=1)),
                by=CLOSE,
                parameters=[shop.till.pk, EVENING],
            )
        assert caught.value.errors == {"register_session_id": ["This session is closed."]}
        assert not Checkout.objects.exists()
        shop.coffee.refresh_from_db()
        assert (shop.coffee.on_hand, shop.coffee.reserved) == (100, 0)

    def test_and_checkouts_at_once_leave_the_totals_that_it_told(self, shop: Shop) -> None:
        works: list[Any] = [lambda: shop.buy(shop.cart(coffees=1))] * 7 + [lambda: close(shop)]

        def work() -> Any:
            return works.pop()()

        outcomes = run_at_once(8, work)
        (closed,) = (one for one in outcomes if isinstance(one, SessionResult))
        sold = [one for one in outcomes if isinstance(one, CheckoutResult)]
        refused = [one for one in outcomes if isinstance(one, Exception)]
        assert {type(one) for one in refused} <= {ValidationFailedError}
        assert len(sold) + len(refused) == 7
        assert (closed.orders, closed.sales_minor) == (len(sold), 400 * len(sold))
        shop.till.refresh_from_db()
        assert (shop.till.orders, shop.till.sales_minor) == (closed.orders, closed.sales_minor)
        assert totals_hold()
