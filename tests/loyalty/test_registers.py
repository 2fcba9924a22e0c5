from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from alerts.errors import ValidationFailedError
from loyalty.models import RegisterSession
from loyalty.services.refusals import NoSuchThingError, StateForbidsError
from loyalty.services.registers import SessionResult, close_register, open_register
from tests.loyalty.shop import NOW, Shop

pytestmark = pytest.mark.django_db(transaction=True)

EVENING = NOW + timedelta(hours=5)


def open_till(shop: Shop, name: str) -> SessionResult:
    return open_register(
        client_id=shop.client.pk, register=name, currency="USD", actor="key:test", now=NOW
    )


def close(shop: Shop) -> SessionResult:
    return close_register(
        client_id=shop.client.pk, register_session_id=shop.till.pk, actor="key:test", now=EVENING
    )


class TestOpenRegister:
    def test_begins_at_nothing(self, shop: Shop) -> None:
        till = open_till(shop, "Till 2")
        assert (till.register, till.orders, till.sales_minor, till.closed_at) == (
            "Till 2", 0, 0, None,
        )  # fmt: skip

    def test_refuses_a_till_that_is_open(self, shop: Shop) -> None:
        with pytest.raises(StateForbidsError) as caught:
            open_till(shop, "Till 1")
        assert caught.value.errors == {"register": ["This till is open."]}
        assert RegisterSession.objects.count() == 1
        close(shop)
        assert open_till(shop, "Till 1").orders == 0

    def test_wants_a_name(self, shop: Shop) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            open_till(shop, " ")
        assert list(caught.value.errors) == ["register"]


class TestCloseRegister:
    def test_tells_what_went_over_it(self, shop: Shop) -> None:
        ana = shop.customer(points=500)
        shop.buy(shop.cart(ana, coffees=2, mugs=1, points=300))
        shop.buy(shop.cart(coffees=1))
        closed = close(shop)
        assert (closed.orders, closed.sales_minor, closed.refunds_minor) == (2, 2100, 0)
        assert (closed.points_spent, closed.points_earned) == (300, 17)
        assert closed.closed_at == EVENING

    def test_changes_nothing_the_second_time(self, shop: Shop) -> None:
        close(shop)
        again = close_register(
            client_id=shop.client.pk,
            register_session_id=shop.till.pk,
            actor="key:other",
            now=EVENING + timedelta(hours=1),
        )
        assert again.closed_at == EVENING
        shop.till.refresh_from_db()
        assert shop.till.closed_by == "key:test"

    def test_lets_nothing_be_sold_there_any_more(self, shop: Shop) -> None:
        close(shop)
        with pytest.raises(ValidationFailedError) as caught:
            shop.buy(shop.cart(coffees=1))
        assert list(caught.value.errors) == ["register_session_id"]

    def test_finds_nothing_of_another_client(self, shop: Shop) -> None:
        with pytest.raises(NoSuchThingError):
            close_register(
                client_id=uuid4(), register_session_id=shop.till.pk, actor="key:test", now=NOW
            )
        shop.till.refresh_from_db()
        assert shop.till.closed_at is None
